using Earshot.Compute.Parts;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests;

public class RandomTensorsTests
{
    static readonly Shape s_matrix = new(48, 64);

    [Fact]
    public void A_tensor_is_made_when_it_is_asked_for_in_a_shape()
    {
        var tensors = new RandomTensors();
        Assert.Null(tensors.Find("fc.weight"));
        var made = tensors.Find("fc.weight", s_matrix);
        Assert.Equal(s_matrix, made!.Shape);
        Assert.Equal(DType.F16, made.Type);
        Assert.Same(made, tensors.Find("fc.weight"));
        Assert.Same(made, tensors.Find("fc.weight", new Shape(1)));
        Assert.Equal(["fc.weight"], tensors.Names);
    }

    [Fact]
    public void A_scope_that_asks_twice_for_different_shapes_is_refused()
    {
        var scope = new Scope(new RandomTensors()) / "fc";
        scope.Parameter("weight", s_matrix);
        Assert.Contains(
            "has shape (48, 64), expected (64, 48)",
            Assert.Throws<CheckpointException>(() => scope.Parameter("weight", new Shape(64, 48))).Message, StringComparison.Ordinal);
        Assert.False(scope.Has("other"));
        Assert.NotNull(scope.Optional("bias", new Shape(48)));
        Assert.True(scope.Has("bias"));
    }

    [Fact]
    public void Values_depend_on_seed_and_name_and_not_on_the_order()
    {
        var options = new RandomTensorOptions { Seed = 7, Type = DType.F32 };
        RandomTensors one = new(options), other = new(options), reseeded = new(options with { Seed = 8 });
        var first = one.Find("a.weight", s_matrix)!.ToFloats();
        other.Find("b.weight", s_matrix);
        Assert.Equal(first, other.Find("a.weight", s_matrix)!.ToFloats());
        Assert.NotEqual(first, other.Find("b.weight")!.ToFloats());
        Assert.NotEqual(first, reseeded.Find("a.weight", s_matrix)!.ToFloats());
    }

    [Theory]
    [InlineData("fc.weight", 0.2165f, 0, 48, 64)] // √(3 / 64)
    [InlineData("conv.weight", 0.2887f, 0, 8, 12, 3)] // √(3 / 36)
    [InlineData("norm.weight", 0.1f, 1, 512)]
    [InlineData("norm.running_var", 0.1f, 1, 512)]
    [InlineData("conv.weight_g", 0.1f, 1, 1, 1, 128)]
    [InlineData("norm.bias", 0.02f, 0, 512)]
    [InlineData("norm.running_mean", 0.02f, 0, 512)]
    public void Values_are_of_a_size_that_a_trained_tensor_could_have(string name, float spread, float mean, params int[] dimensions)
    {
        var values = new RandomTensors(new RandomTensorOptions { Type = DType.F32 }).Find(name, new Shape(dimensions))!.ToFloats();
        Assert.All(values, value => Assert.InRange(value, mean - spread * 1.001f, mean + spread * 1.001f));
        Assert.Equal(mean, values.Average(), spread * 0.25f);
        Assert.InRange(values.Max() - values.Min(), spread, 2.01f * spread);
    }

    [Fact]
    public void Any_piece_can_be_read_at_any_time()
    {
        foreach (var options in (RandomTensorOptions[])[new(), new() { Type = DType.F32 }, new() { Matrices = WeightFormat.Int8 }])
        {
            var tensor = new RandomTensors(options).Find("fc.weight", s_matrix)!;
            var piece = new float[100];
            tensor.ReadFloats(777, piece);
            Assert.Equal(tensor.ToFloats().AsSpan(777, 100).ToArray(), piece);
        }
    }

    [Fact]
    public void Matrices_are_quantised_row_by_row_and_vectors_are_not()
    {
        foreach (var format in (WeightFormat[])[WeightFormat.Int8, WeightFormat.Int4Group32, WeightFormat.Int4Group128, WeightFormat.Nf4])
        {
            RandomTensors plain = new(new RandomTensorOptions { Type = DType.F32 }),
                quantised = new(new RandomTensorOptions { Matrices = format });
            var rows = Assert.IsAssignableFrom<IQuantizedRows>(quantised.Find("fc.weight", s_matrix));
            QuantizedRow expected = new(format, 64), actual = new(format, 64);
            expected.Quantize(plain.Find("fc.weight", s_matrix)!.ToFloats().AsSpan(5 * 64, 64));
            rows.ReadRow(5, actual);
            Assert.Equal(format, rows.Format);
            Assert.Equal(expected.Codes, actual.Codes);
            Assert.Equal(expected.Scales, actual.Scales);
            Assert.Equal(DType.F16, quantised.Find("fc.bias", new Shape(48))!.Type);
            Assert.IsNotAssignableFrom<IQuantizedRows>(quantised.Find("odd.weight", new Shape(4, 63)));
        }
    }

    [Fact]
    public void What_random_weights_cannot_be_is_refused()
    {
        Assert.Contains(
            "F16 or F32, not BF16",
            Assert.Throws<ModelException>(() => new RandomTensors(new RandomTensorOptions { Type = DType.BF16 })).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomTensors(new RandomTensorOptions { Matrices = WeightFormat.BF16 }));
    }

    [Fact]
    public void All_tensors_of_a_model_are_made_by_running_its_parts_once()
    {
        var tensors = RandomTensors.For(new ModelParts { Encoder = new ToyEncoder(), Ctc = new ToyHead() });
        Assert.Equal(["encoder.weight", "encoder.bias", "head.weight", "head.bias"], tensors.Names);
    }
}
