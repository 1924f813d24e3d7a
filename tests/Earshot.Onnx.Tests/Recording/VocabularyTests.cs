using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Tests;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Recording;

/// <summary>
/// The operations that families of models are written with, recorded at one size and run at others, beside the CPU backend.
/// </summary>
public sealed class VocabularyTests
{
    const int Size = 16;

    static readonly Shape[] s_shapes = [new(2, 12, Size), new(1, 20, Size), new(3, 7, Size)];

    static readonly Dictionary<string, Func<Tensor, Scope, Tensor>> s_operations = new()
    {
        ["Tanh"] = (x, _) => x.Activate(Activation.Tanh),
        ["GELU by tanh"] = (x, _) => x.Activate(Activation.GeluTanh),
        ["Quick GELU"] = (x, _) => x.Activate(Activation.QuickGelu),
        ["ELU"] = (x, _) => x.Activate(Activation.Elu),
        ["Activation after a product"] = (x, w) => x.Linear(w / "square", Size, Activation.GeluTanh),
        ["Arithmetic"] = (x, w) => (x - x.Mean()) / (x * x + 2) * 3 + x.Backend.Value((w / "norm").Parameter("weight", new Shape(Size))),
        ["One for a row"] = (x, _) => x * x.Reduce(Reduction.Sum, ^1) - x.Reduce(Reduction.Max, ^1) + x.Reduce(Reduction.Mean, ^1),
        ["Reductions over time"] = (x, _) => x.Backend.Concat(
            [x.Reduce(Reduction.Sum, 1), x.Reduce(Reduction.Max, 1), x.Reduce(Reduction.Mean, 1)], 1),
        ["Functions"] = (x, _) => (x.Activate(Activation.Abs) + 1)
            .Apply(Function.Log)
            .Apply(Function.Sqrt) + x.Apply(Function.Exp) + x.Apply(Function.Sin) * x.Apply(Function.Cos) + (x * 3).Apply(Function.Floor),
        ["Parts of time"] = (x, _) => x.Backend.Concat([x.Slice(1, 2..), x.Slice(1, ..^3), x.Slice(1, ^2..^1), x.Slice(1, ..1)], 1),
        ["Halves"] = (x, _) => x.Slice(^1, (Size / 2)..) * x.Slice(^1, ..(Size / 2)),
        ["Gated linear unit"] = (x, _) => x.Glu(),
        ["Gated product"] = (x, w) => x.GatedMultiply(x.Linear(w / "square", Size, bias: false), Activation.Silu),
        ["Another order"] = (x, _) => x.Transpose(0, 2, 1).Transpose(2, 0, 1),
        ["Heads and back"] = (x, _) => x.Reshape(x.Shape[0], x.Shape[1], 4, Size / 4).Transpose(0, 2, 1, 3).Transpose(0, 2, 1, 3)
            .Reshape(x.Shape[0], x.Shape[1], Size),
        ["Merged and parted dimensions"] = (x, _) => x.Reshape(x.Shape[0], x.Shape[1] * 4, 4).Transpose(0, 2, 1)
            .Reshape(x.Shape[0], 2, 2, x.Shape[1] * 4).Reshape(x.Shape[0], 2, x.Shape[1] * 8),
        ["Rows of all sequences"] = (x, _) => x.Reshape(x.Shape[0] * x.Shape[1], Size).Softmax(),
        ["Open sizes in other places"] = (x, _) => x.Transpose(1, 0, 2).Reshape(x.Shape[1], x.Shape[0], 2, 8).Transpose(3, 0, 2, 1)
            .Reshape(8, x.Shape[1], 2 * x.Shape[0]),
        ["Product of activations"] = (x, _) => x.MatMul(x.Activate(Activation.Tanh), transposed: true).MatMul(x),
        ["Product by heads"] = (x, _) => Heads(x).MatMul(Heads(x), transposed: true).Reduce(Reduction.Mean, ^1),
        ["Product with a constant"] = (x, _) => x.MatMul(
            x.Backend.Constant([.. Enumerable.Range(0, 2 * Size).Select(i => MathF.Sin(i))], new Shape(Size, 2))),
        ["Positions"] = (x, _) => x + x.Backend.Positions(x, 1).Reshape(x.Shape[1], 1),
        ["Transposed convolution"] = (x, w) => x.ConvolveTransposed(w / "up", 6, 4, new ConvolutionTransposed(2, 1, 0, Activation.Elu)),
        ["Transposed convolution with more at the end"] = (x, w) => x.ConvolveTransposed(
            w / "up", 6, 4, new ConvolutionTransposed(3, 2, 1)),
        ["Scores by distance"] = (x, _) => x.Backend.ShiftByRow(Distances(x)),
        ["Gated means"] = (x, w) => x.MaxPool(3).LayerNorm(w / "norm").Magnitude(),
        ["Softmax"] = (x, _) => x.Softmax(),
        ["Root mean square norm"] = (x, w) => x.RmsNorm(w / "norm", 1e-6f),
        ["Length one"] = (x, _) => x.L2Normalize(),
        ["Convolution in groups"] = (x, w) =>
            x.Convolve(w / "groups", 24, 4, new Convolution(1, 2, 2, Groups: 4, Activation: Activation.Gelu)).Slice(1, ..^1),
        ["Dilated convolution in groups"] = (x, w) => x.Convolve(w / "groups", 24, 4, new Convolution(2, 6, 0, Groups: 4, Dilation: 2)),
        ["Depthwise convolution"] = (x, w) => x.Convolve(w / "depthwise", Size, 5, new Convolution(1, 4, 0, Groups: Size)),
        ["Depthwise convolution over images"] = (x, w) => x.Reshape(x.Shape[0], x.Shape[1], 4, 4)
            .Convolve2d(w / "image", 4, (3, 3), new Convolution2d(1, 2, 1, 1, Groups: 4)),
    };

    public static TheoryData<GraphTarget, string> Cases()
    {
        var cases = new TheoryData<GraphTarget, string>();
        foreach (var target in Enum.GetValues<GraphTarget>())
        {
            foreach (var name in s_operations.Keys) cases.Add(target, name);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gives_what_the_cpu_backend_gives(GraphTarget target, string name)
    {
        NativeRuntime.Require();
        var random = new Random(7);
        var w = Weights();
        var backend = new OnnxBackend("operation", new GraphOptions { Target = target });
        backend.Output("y", s_operations[name](backend.Input("x", s_shapes[0], "batch", "time", Size), w));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        foreach (var shape in s_shapes)
        {
            float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(_ => random.NextSingle() * 4 - 2)];
            var expected = s_operations[name](cpu.Input(values, shape), w);
            using var x = OnnxValue.FromMemory<float>(values, shape[0], shape[1], Size);
            using var outputs = session.Run([("x", x)]);
            Assert.Equal(expected.Shape.ToArray().Select(size => (long)size), outputs["y"].Shape.ToArray());
            Closeness.Check(CpuBackend.Read(expected), outputs["y"].Span<float>(), 1e-5f, $"{name} {shape}");
        }
    }

    [Theory]
    [InlineData(GraphTarget.Portable, 8)]
    [InlineData(GraphTarget.OnnxRuntime, 8)]
    [InlineData(GraphTarget.OnnxRuntime, 6)]
    public void Heads_are_turned_by_open_positions(GraphTarget target, int turned)
    {
        NativeRuntime.Require();
        var rotary = new Rotary(Rotary.Plain(turned, 10_000).InverseFrequencies, 1.5f);
        Tensor Turned(Tensor x, Tensor each, Tensor all) => x.Rotary(each, rotary, 2) - x.Rotary(all, rotary, 2);
        var backend = new OnnxBackend("rotary", new GraphOptions { Target = target });
        var each = backend.Indices("each", new Shape(2, 12), "batch", "time");
        backend.Output(
            "y", Turned(backend.Input("x", s_shapes[0], "batch", "time", Size), each, backend.Indices("all", new Shape(12), "time")));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        foreach (var shape in s_shapes)
        {
            float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(i => MathF.Sin(i))];
            int[] positions = [.. Enumerable.Range(0, shape[0] * shape[1]).Select(i => i * 31 % 700)];
            var expected = Turned(cpu.Input(values, shape), cpu.Indices(positions, new Shape(shape[0], shape[1])), cpu.Indices(
                positions.AsSpan(0, shape[1]), new Shape(shape[1])));
            using var x = OnnxValue.FromMemory<float>(values, shape[0], shape[1], Size);
            using var first = OnnxValue.FromMemory<long>(Array.ConvertAll(positions, position => (long)position), shape[0], shape[1]);
            using var second = OnnxValue.FromMemory<long>(Array.ConvertAll(positions[..shape[1]], position => (long)position), shape[1]);
            using var outputs = session.Run([("x", x), ("each", first), ("all", second)]);
            Closeness.Check(CpuBackend.Read(expected), outputs["y"].Span<float>(), 1e-5f, $"{shape}");
        }
    }

    static Scope Weights()
    {
        var random = new Random(3);
        return new Scope(new MemoryStore()
            .AddRandom("square.weight", random, Size, Size).AddRandom("square.bias", random, Size)
            .AddRandom("norm.weight", random, Size).AddRandom("norm.bias", random, Size)
            .AddRandom("groups.weight", random, 24, 4, 4).AddRandom("groups.bias", random, 24)
            .AddRandom("depthwise.weight", random, Size, 1, 5).AddRandom("depthwise.bias", random, Size)
            .AddRandom("up.weight", random, Size, 6, 4).AddRandom("up.bias", random, 6)
            .AddRandom("image.weight", random, 4, 1, 3, 3));
    }

    static Tensor Heads(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1], 4, Size / 4).Transpose(0, 2, 1, 3);

    // (batch, 4, time, 2 · time − 1)
    static Tensor Distances(Tensor x)
    {
        var heads = Heads(x);
        return heads.MatMul(x.Backend.Concat([heads, (heads * 2).Slice(2, 1..)], 2), transposed: true);
    }
}
