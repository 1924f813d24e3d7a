using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;

namespace Earshot.Compute.Tests;

/// <summary>What the CPU backend does in one pass, beside the same written in the abstract operations.</summary>
public sealed class CompositeTests
{
    const int Size = 24;

    static readonly Dictionary<string, Func<Tensor, Scope, Tensor>> s_operations = new()
    {
        ["Add and activate"] = (x, _) => x.Backend.Add(x, x.Mean(), Activation.Silu),
        ["Leaky rectifier"] = (x, _) => x.LeakyRelu(0.3f),
        ["Gated product"] = (x, w) => x.GatedMultiply(x.Linear(w / "square", Size), Activation.Gelu),
        ["Gated linear unit"] = (x, _) => x.Glu(),
        ["Magnitude"] = (x, _) => x.Magnitude(),
        ["Affine"] = (x, w) => x.Affine(w / "affine", Activation.Relu),
        ["Parts side by side and affine"] = (x, w) => TensorOperations.ConcatAffine(
            [x.Slice(^1, ..7), x.Slice(^1, 7..)], w / "affine", Activation.Tanh),
        ["Layer norm"] = (x, w) => x.LayerNorm(w / "norm"),
        ["Root mean square norm"] = (x, w) => x.RmsNorm(w / "norm", 1e-6f),
        ["Instance norm"] = (x, w) => x.InstanceNorm(w / "norm", activation: Activation.LeakyRelu),
        ["Softmax"] = (x, _) => x.Softmax(),
        ["Logarithm of softmax"] = (x, _) => x.LogSoftmax(),
        ["Positions from a table"] = (x, w) => x.Backend.AddPositions(x, (w / "table").Parameter("weight", new Shape(30, Size))),
        ["Mean"] = (x, _) => x.Mean(),
        ["Largest of runs"] = (x, _) => x.MaxPool(4),
        ["Means of runs"] = (x, _) => x.AveragePool(4),
        ["Mean of an incomplete run"] = (x, _) => x.AveragePool(40),
        ["Repeated frames"] = (x, _) => x.AveragePool(4).RepeatFrames(4, x),
        ["Mean and deviation"] = (x, _) => x.MeanAndDeviation(),
        ["LSTM"] = (x, w) => x.Lstm(w / "lstm", 0, 7, bidirectional: false),
        ["LSTM both ways"] = (x, w) => x.Lstm(w / "lstm", 0, 7, bidirectional: true),
        ["Rotary embedding"] = (x, _) => x.Backend.Rotate(x, Table(x, 6), 3),
        ["Partly turned heads"] = (x, _) => x.Backend.Rotate(x, Table(x, 4), 2),
        ["Scores by key"] = (x, _) => x.Backend.ShiftByRow(x),
    };

    public static TheoryData<string> Names => [.. s_operations.Keys];

    [Theory, MemberData(nameof(Names))]
    public void One_pass_gives_what_the_parts_give(string name)
    {
        using var bed = new Bed(InstructionSet.Amx);
        var w = Weights(bed);
        var x = bed.Random(new Shape(2, 11, Size)).Tensor;
        var parts = new PrimitiveBackend(bed.Backend);
        var expected = s_operations[name](parts.Wrap(x), w);
        var actual = s_operations[name](x, w);
        Assert.Equal(expected.Shape, actual.Shape);
        var values = CpuBackend.Read(PrimitiveBackend.Unwrap(expected)).ToArray();
        Bed.Check(actual, 5e-6, i => values[i]);
    }

    [Theory, MemberData(nameof(Names))]
    public void Shapes_are_measured_in_one_pass_and_in_parts(string name)
    {
        using var bed = new Bed(InstructionSet.Portable);
        var w = Weights(bed);
        var shape = new Shape(2, 11, Size);
        var expected = s_operations[name](bed.Random(shape).Tensor, w).Shape;
        var measuring = new MeasuringBackend();
        var parts = new PrimitiveBackend(measuring);
        Assert.Equal(expected, s_operations[name](measuring.Input(shape), w).Shape);
        Assert.Equal(expected, s_operations[name](parts.Wrap(measuring.Input(shape)), w).Shape);
        Assert.True(measuring.Total.ActivationBytes > 0);
    }

    [Fact]
    public void Rows_of_a_table()
    {
        using var bed = new Bed(InstructionSet.Amx);
        var table = bed.Add("table.weight", 30, Size).Root / "table";
        var indices = bed.Backend.Indices([3, 0, 29, 7, 7, 1], new Shape(2, 3));
        var parameter = table.Parameter("weight", new Shape(30, Size));
        var parts = new PrimitiveBackend(bed.Backend);
        var expected = PrimitiveBackend.Unwrap(parts.Embed(parts.Wrap(indices), parameter));
        var actual = bed.Backend.Embed(indices, parameter);
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.Equal(CpuBackend.Read(expected).ToArray(), CpuBackend.Read(actual).ToArray());
    }

    static Scope Weights(Bed bed)
    {
        bed.Add("square.weight", Size, Size).Add("affine.scale", Size).Add("affine.shift", Size).Add("norm.weight", Size)
            .Add("norm.bias", Size).Add("table.weight", 30, Size);
        foreach (var way in new[] { "", "_reverse" })
        {
            bed.Add($"lstm.weight_ih_l0{way}", 28, Size).Add($"lstm.weight_hh_l0{way}", 28, 7).Add($"lstm.bias_ih_l0{way}", 28)
                .Add($"lstm.bias_hh_l0{way}", 28);
        }
        return bed.Root;
    }

    static Tensor Table(Tensor x, int size) =>
        x.Backend.Concat([x.Slice(^1, ..(size / 2)).Apply(Function.Cos), x.Slice(^1, ..(size / 2)).Apply(Function.Sin)]);
}
