using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Recording;

/// <summary>Operations that Whisper and the voice activity detector do not use, or not in every form, beside the CPU backend.</summary>
public sealed class OperationTests
{
    static readonly Shape Example = new(2, 5, 16);

    public static TheoryData<GraphTarget, string> Cases()
    {
        var cases = new TheoryData<GraphTarget, string>();
        foreach (var target in Enum.GetValues<GraphTarget>())
        {
            foreach (var name in Operations.Keys) cases.Add(target, name);
        }
        return cases;
    }

    static readonly Dictionary<string, Func<Tensor, Tensor>> Operations = new()
    {
        ["Gelu"] = x => x.Activate(Activation.Gelu),
        ["Silu"] = x => x.Activate(Activation.Silu),
        ["Relu"] = x => x.Activate(Activation.Relu),
        ["Sigmoid"] = x => x.Activate(Activation.Sigmoid),
        ["LeakyRelu"] = x => x.Activate(Activation.LeakyRelu),
        ["LeakyRelu of another slope"] = x => x.LeakyRelu(0.3f),
        ["Abs"] = x => x.Activate(Activation.Abs),
        ["LogSoftmax"] = x => x.LogSoftmax(),
        ["Product with one frame"] = x => x.Multiply(x.Mean()),
        ["Means of runs of frames"] = x => x.AveragePool(3).RepeatFrames(3, x),
        ["Parts side by side"] = x => x.Backend.Concat([x, x.Activate(Activation.Relu)]),
        ["Magnitude"] = x => x.Magnitude(),
        ["Sum"] = x => x + x.Activate(Activation.Relu),
        ["Causal attention"] = x => x.Backend.Attention(x, x.Activate(Activation.Silu), x, new Heads(4, 4, Causal: true)),
        ["Attention"] = x => x.Backend.Attention(x, x.Activate(Activation.Silu), x, new Heads(2)),
        ["Reshape"] = x => x.Backend.Reshape(x, new Shape(10, 2, 8)),
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gives_what_the_cpu_backend_gives(GraphTarget target, string name)
    {
        NativeRuntime.Require();
        var random = new Random(7);
        float[] values = [.. Enumerable.Range(0, (int)Example.Count).Select(_ => random.NextSingle() * 4 - 2)];
        using var device = new CpuDevice();
        using var cpu = new CpuBackend(device);
        var expected = CpuBackend.Read(Operations[name](cpu.Input(values, Example))).ToArray();

        var backend = new OnnxBackend("operation", new GraphOptions { Target = target });
        backend.Output("y", Operations[name](backend.Input("x", Example, "batch", "time", 16)));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        using var x = OnnxValue.FromMemory<float>(values, 2, 5, 16);
        using var outputs = session.Run([("x", x)]);
        Closeness.Check(expected, outputs["y"].Span<float>(), 1e-5f, name);
        using var other = OnnxValue.FromMemory<float>(new float[3 * 8 * 16], 3, 8, 16);
        using var otherOutputs = session.Run([("x", other)]);
        Assert.Equal(expected.Length * 3 * 8 / (2 * 5), otherOutputs["y"].Count);
    }

    [Fact]
    public void Rows_are_selected_from_the_matrix_view()
    {
        NativeRuntime.Require();
        var backend = new OnnxBackend("rows");
        var rows = backend.Input("x", Example, "batch", "time", 16).SelectRows(backend.Indices("rows", new Shape(2), "count"));
        backend.Output("y", rows, "count", 16);
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        float[] values = [.. Enumerable.Range(0, (int)Example.Count).Select(i => (float)i)];
        using var x = OnnxValue.FromMemory<float>(values, 2, 5, 16);
        using var indices = OnnxValue.FromMemory<long>(new long[] { 7, 0, 9 }, 3);
        using var outputs = session.Run([("x", x), ("rows", indices)]);
        Assert.Equal([.. values[112..128], .. values[..16], .. values[144..160]], outputs["y"].ToArray<float>());
    }
}
