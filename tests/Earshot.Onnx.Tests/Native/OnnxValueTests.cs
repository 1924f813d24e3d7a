using Earshot.Onnx.Native;

namespace Earshot.Onnx.Tests.Native;

public sealed class OnnxValueTests
{
    [Fact]
    public void A_value_over_an_array_sees_and_makes_its_changes()
    {
        NativeRuntime.Require();
        var array = new float[] { 1, 2, 3, 4, 5, 6 };
        using var value = OnnxValue.FromMemory<float>(array, 2, 3);
        array[5] = 60;
        value.Span<float>()[0] = 10;
        Assert.Equal([10f, 2, 3, 4, 5, 60], value.ToArray<float>());
        Assert.Equal(10f, array[0]);
        Assert.Equal("Float32(2, 3)", value.ToString());
        Assert.True(value.IsOnCpu);
    }

    [Theory]
    [InlineData(OnnxElementType.Float32, 4)]
    [InlineData(OnnxElementType.Float16, 2)]
    [InlineData(OnnxElementType.BFloat16, 2)]
    [InlineData(OnnxElementType.Int64, 8)]
    [InlineData(OnnxElementType.Int32, 4)]
    [InlineData(OnnxElementType.Int8, 1)]
    [InlineData(OnnxElementType.UInt8, 1)]
    [InlineData(OnnxElementType.Bool, 1)]
    public void Every_element_type_has_its_size(OnnxElementType type, int size)
    {
        NativeRuntime.Require();
        using var value = OnnxValue.Allocate(type, 3, 5);
        Assert.Equal(15 * size, value.Bytes().Length);
        Assert.Equal(type, value.ElementType);
        Assert.Equal([3, 5], value.Shape.ToArray());
    }

    [Fact]
    public void Copies_do_not_share_memory()
    {
        NativeRuntime.Require();
        var source = new Half[] { (Half)0.5, (Half)2 };
        using var copy = OnnxValue.CopyOf<Half>(source, 2);
        source[0] = (Half)9;
        Assert.Equal([(Half)0.5, (Half)2], copy.ToArray<Half>());
    }

    [Fact]
    public void Scalars_and_empty_tensors_are_values()
    {
        NativeRuntime.Require();
        using var scalar = OnnxValue.FromMemory<long>(new long[] { 7 });
        Assert.Equal(0, scalar.Shape.Length);
        Assert.Equal(1, scalar.Count);
        using var empty = OnnxValue.FromMemory(Memory<float>.Empty, 0, 128);
        Assert.Equal(0, empty.Count);
    }

    [Fact]
    public void A_length_that_does_not_fit_the_shape_is_refused()
    {
        NativeRuntime.Require();
        var error = Assert.Throws<OnnxRuntimeException>(() => OnnxValue.FromMemory<float>(new float[5], 2, 3));
        Assert.Equal("A tensor of Float32(2, 3) takes 24 bytes; got 20.", error.Message);
        Assert.Throws<OnnxRuntimeException>(() => OnnxValue.FromMemory<float>(new float[5], -5));
        Assert.Throws<OnnxRuntimeException>(() => OnnxValue.FromMemory<char>(new char[5], 5));
        using var value = OnnxValue.Allocate(OnnxElementType.Float32, 2);
        Assert.Throws<OnnxRuntimeException>(() => value.Span<double>().Length);
    }

    [Fact]
    public void A_disposed_value_is_refused()
    {
        NativeRuntime.Require();
        var value = OnnxValue.Allocate(OnnxElementType.Float32, 2);
        value.Dispose();
        value.Dispose();
        Assert.Throws<ObjectDisposedException>(() => value.Span<float>().Length);
    }
}
