using System.Text;
using System.Text.Json;
using Earshot.Onnx;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;

namespace Earshot.Cli.Tests;

/// <summary>Optimizing and inspecting ONNX graphs.</summary>
public class GraphTests
{
    [Fact]
    public async Task A_graph_is_optimized_and_compared()
    {
        NativeRuntime.Require();
        using var folder = new TemporaryFolder();
        var run = await CommandRun.OfAsync("optimize", Gelu(folder), "-o", folder["out/fused.onnx"], "--dim", "batch=3");
        Assert.True(run.ExitCode == ExitCode.Ok, run.Error);
        Assert.Contains("gelu fusion: 1 change", run.Output);
        Assert.Contains("6 → 2 nodes", run.Output);
        var difference = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.Matches("^(The one output is equal|Largest difference of 1 output: [0-9.]+e-(6|7|8|9) in 'y', )", difference);
        Assert.DoesNotContain(": 0 changes", run.Output);
        Assert.Contains(
            ": 0 changes",
            (await CommandRun.OfAsync("optimize", folder["gelu.onnx"], "-o", folder["out/fused.onnx"], "--overwrite", "--verbose")).Output);
        Assert.Equal(["gelu.onnx", "out/fused.onnx"], folder.Files());
    }

    [Fact]
    public async Task Inputs_come_from_npy_files()
    {
        NativeRuntime.Require();
        using var folder = new TemporaryFolder();
        var good = folder.Write("x.npy", Npy("<f4", "(2, 16)", 2 * 16 * 4));
        var run = await CommandRun.OfAsync("optimize", Gelu(folder), "-o", folder["out.onnx"], "--input", $"x={good}");
        Assert.True(run.ExitCode == ExitCode.Ok, run.Error);
        // Zeros give the bias in both.
        Assert.Contains("equal", run.Output);
    }

    [Theory]
    [InlineData("<f8", "(2, 16)", 256, "holds elements of '<f8'")]
    [InlineData("<f4", "(2, 16)", 100, "has 100 bytes of elements where its shape takes 128")]
    [InlineData("<f4", "(99999999999, 99999999999)", 100, "more elements than the file can hold")]
    [InlineData("<f4", "(x)", 4, "has a shape that cannot be read")]
    public async Task A_damaged_npy_file_is_one_line(string type, string shape, int bytes, string expected)
    {
        using var folder = new TemporaryFolder();
        var run = await CommandRun.OfAsync(
            "optimize", Gelu(folder), "-o", folder["out.onnx"], "--input", $"x={folder.Write("x.npy", Npy(type, shape, bytes))}");
        Assert.Contains(expected, run.AssertOneLine(ExitCode.Usage));
        Assert.False(File.Exists(folder["out.onnx"]));
    }

    [Fact]
    public async Task What_is_cut_off_or_no_npy_file_is_one_line()
    {
        using var folder = new TemporaryFolder();
        var whole = Npy("<f4", "(2, 16)", 0);
        var model = Gelu(folder);
        for (int length = 0; length < whole.Length; length += 3)
        {
            var run = await CommandRun.OfAsync(
                "optimize", model, "-o", folder["out.onnx"], "--input", $"x={folder.Write("x.npy", whole.AsSpan(0, length))}");
            run.AssertOneLine(ExitCode.Usage);
        }
    }

    [Theory]
    [InlineData("--dim", "bach=3", "--dim names 'bach'; the model has batch.")]
    [InlineData("--dim", "batch=many", "expected a whole number")]
    [InlineData("--dim", "batch", "expected NAME=SIZE")]
    [InlineData("--input", "z=z.npy", "--input names 'z'; the model has x.")]
    [InlineData("--input", "x=no-such.npy", "no such file")]
    [InlineData("--block-size", "32", "--block-size is for")]
    public async Task Options_that_cannot_be_meant_are_refused(string option, string value, string expected)
    {
        using var folder = new TemporaryFolder();
        var run = await CommandRun.OfAsync("optimize", Gelu(folder), "-o", folder["out.onnx"], option, value);
        Assert.Contains(expected, run.AssertOneLine(ExitCode.Usage));
    }

    [Fact]
    public async Task An_existing_file_and_the_model_itself_are_kept()
    {
        using var folder = new TemporaryFolder();
        var model = Gelu(folder);
        var before = File.ReadAllBytes(model);
        Assert.Contains(
            "the model itself", (await CommandRun.OfAsync("optimize", model, "-o", model, "--overwrite")).AssertOneLine(ExitCode.Usage));
        var mine = folder.Write("mine.onnx", "mine"u8);
        Assert.Contains("--overwrite replaces", (await CommandRun.OfAsync("optimize", model, "-o", mine)).AssertOneLine(ExitCode.Usage));
        Assert.Equal("mine", File.ReadAllText(mine));
        Assert.Equal(before, File.ReadAllBytes(model));
    }

    [Fact]
    public async Task A_graph_reads_as_approved()
    {
        using var folder = new TemporaryFolder();
        var run = await CommandRun.OfAsync("inspect", Gelu(folder), "--operations");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Snapshot.Match(run.Output.Replace(folder["gelu.onnx"], "gelu.onnx", StringComparison.Ordinal), "inspect-graph.txt");
        using var json = JsonDocument.Parse((await CommandRun.OfAsync("inspect", folder["gelu.onnx"], "--json")).Output);
        Assert.Equal(17, json.RootElement.GetProperty("operator_sets").GetProperty("ai.onnx").GetInt64());
        Assert.Equal(
            ["batch", "16"],
            json.RootElement.GetProperty("inputs")[0].GetProperty("shape").EnumerateArray().Select(size => size.GetString()));
        Assert.Equal(6, json.RootElement.GetProperty("operators").EnumerateArray().Sum(entry => entry.GetProperty("count").GetInt32()));
        Assert.False(json.RootElement.TryGetProperty("operations", out _));
    }

    [Fact]
    public async Task A_hostile_file_is_one_line()
    {
        using var folder = new TemporaryFolder();
        // A graph that claims two gigabytes, and text.
        foreach (var path in (string[])[
            folder.Write("huge.onnx", [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 1]), folder.Write("text.onnx", "Dear diary"u8),
            folder.Write("empty.onnx", []),
        ])
        {
            Assert.Contains(path, (await CommandRun.OfAsync("inspect", path)).AssertOneLine(ExitCode.Model));
            Assert.Contains(path, (await CommandRun.OfAsync("optimize", path, "-o", folder["out"])).AssertOneLine(ExitCode.Model));
        }
        Assert.Contains("rows", (await CommandRun.OfAsync("inspect", folder["text.onnx"], "--rows", "2")).AssertOneLine(ExitCode.Usage));
    }

    [Theory]
    [InlineData("Neg", "Neg", 0)]
    [InlineData("Neg", "Abs", 2)]
    [InlineData("Abs", "Log", double.PositiveInfinity)]
    public void Models_that_compute_something_else_differ(string before, string after, double relative)
    {
        NativeRuntime.Require();
        var difference = Assert.Single(
            ModelComparison.Compare(() => Elementwise(before), () => Elementwise(after), new ComparisonOptions { OtherDimensions = 50 }));
        Assert.Equal("y", difference.Name);
        Assert.InRange(difference.Relative, relative == 2 ? 1.5 : relative, relative);
        Assert.Equal(relative == 0, difference.Absolute == 0);
    }

    [Fact]
    public void Inputs_too_large_to_make_are_refused()
    {
        NativeRuntime.Require();
        var exception = Assert.Throws<OnnxRuntimeException>(() => ModelComparison.Compare(
            () => Elementwise("Neg"), () => Elementwise("Neg"), new ComparisonOptions { OtherDimensions = 1L << 40 }));
        Assert.Contains("choose smaller dimensions", exception.Message);
    }

    static OnnxSession Elementwise(string operation)
    {
        var graph = new GraphBuilder("main", 17);
        graph.Output("y", graph.Node(operation, graph.Input("x", OnnxElementType.Float32, "batch", 2)));
        return OnnxSession.FromBytes(graph.Build().ToBytes());
    }

    /// <summary>A product and GELU as its parts, with random weights.</summary>
    static string Gelu(TemporaryFolder folder)
    {
        var graph = new GraphBuilder("main", 17);
        var random = new Random(1);
        var weights = Enumerable.Range(0, 16 * 16).Select(_ => random.NextSingle() - 0.5f).ToArray();
        var x = graph.Node("MatMul", graph.Input("x", OnnxElementType.Float32, "batch", 16), graph.Initializer(
            "weights", TensorData.Of<float>(weights, 16, 16)));
        var erf = graph.Node("Erf", graph.Node("Div", x, graph.Constant(MathF.Sqrt(2))));
        graph.Output("y", graph.Node("Mul", graph.Node("Mul", x, graph.Node("Add", erf, graph.Constant(1f))), graph.Constant(0.5f)));
        graph.Build().Save(folder["gelu.onnx"]);
        return folder["gelu.onnx"];
    }

    static byte[] Npy(string type, string shape, int bytes)
    {
        var header = Encoding.ASCII.GetBytes($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}\n");
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, .. new byte[bytes]];
    }
}
