using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Tests;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Recording;

/// <summary>
/// Operations recorded as they are written in the abstract ones, at the sizes of the example, beside the CPU backend in one pass.
/// </summary>
public sealed class CompositeGraphTests
{
    const int Size = 24;

    static readonly Shape s_shape = new(2, 11, Size);

    static readonly Dictionary<string, Func<Tensor, Scope, Tensor>> s_operations = new()
    {
        ["Gates"] = (x, _) => x.GatedMultiply(x.Glu().Backend.Concat([x.Glu(), x.Magnitude()]), Activation.Gelu),
        ["Norms"] = (x, w) => x.LayerNorm(w / "norm") + x.RmsNorm(w / "norm", 1e-6f) + x.InstanceNorm(w / "norm") + x.L2Normalize() +
            x.Backend.ConcatAffine([x], Parameter(w, "weight"), Parameter(w, "bias"), Activation.Relu),
        ["Probabilities"] = (x, _) => x.Softmax() + x.LogSoftmax(),
        ["Runs of frames"] = (x, _) => x.Backend.Concat([x.AveragePool(4).RepeatFrames(4, x), x.MaxPool(4), x.Mean()], 1),
        ["Mean and deviation"] = (x, _) => x.MeanAndDeviation(),
        ["LSTM both ways"] = (x, w) => x.Lstm(w / "lstm", 0, 7, bidirectional: true),
        ["Table"] = (x, w) => x.Backend.AddPositions(x, (w / "table").Parameter("weight", new Shape(30, Size))),
        ["Turned heads"] = (x, _) => x.Backend.Rotate(x, x.Slice(^1, ..6).Apply(Function.Cos), 3),
        ["Scores by key"] = (x, _) => x.Backend.ShiftByRow(x),
        ["Attention"] = (x, _) => x.Backend.Attention(
            x, x.Slice(^1, ..12), x.Slice(^1, 12..), new Heads(6, 3), AttentionSpan.Chunks(3, 1) with { Left = 4 }),
    };

    public static TheoryData<string> Names => [.. s_operations.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Parts_give_what_one_pass_gives(string name)
    {
        NativeRuntime.Require();
        var w = Weights();
        float[] values = [.. Enumerable.Range(0, (int)s_shape.Count).Select(i => MathF.Sin(i * i))];
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        var expected = s_operations[name](cpu.Input(values, s_shape), w);
        var backend = new OnnxBackend("parts", new GraphOptions { Target = GraphTarget.Portable });
        var parts = new PrimitiveBackend(backend);
        backend.Output("y", PrimitiveBackend.Unwrap(s_operations[name](parts.Wrap(backend.Input("x", s_shape, "batch", "time", Size)), w)));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        using var x = OnnxValue.FromMemory<float>(values, s_shape[0], s_shape[1], Size);
        using var outputs = session.Run([("x", x)]);
        Closeness.Check(CpuBackend.Read(expected), outputs["y"].Span<float>(), 1e-5f, name);
    }

    static Parameter Parameter(Scope w, string name) => (w / "norm").Parameter(name, new Shape(Size));

    static Scope Weights()
    {
        var random = new Random(3);
        var store = new MemoryStore().AddRandom("norm.weight", random, Size).AddRandom("norm.bias", random, Size)
            .AddRandom("table.weight", random, 30, Size);
        foreach (var way in new[] { "", "_reverse" })
        {
            store.AddRandom($"lstm.weight_ih_l0{way}", random, 28, Size).AddRandom($"lstm.weight_hh_l0{way}", random, 28, 7)
                .AddRandom($"lstm.bias_ih_l0{way}", random, 28).AddRandom($"lstm.bias_hh_l0{way}", random, 28);
        }
        return new Scope(store);
    }
}
