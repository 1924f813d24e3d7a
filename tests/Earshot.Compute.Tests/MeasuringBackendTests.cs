using Earshot.Compute.Measuring;

namespace Earshot.Compute.Tests;

public class MeasuringBackendTests
{
    [Fact]
    public void A_linear_layer_takes_two_operations_a_weight_and_row()
    {
        var store = new MemoryStore().Add("fc.weight", new float[128 * 64], 128, 64).Add("fc.bias", new float[128], 128);
        var backend = new MeasuringBackend();
        var y = backend.Input(new Shape(1, 10, 64)).Linear(new Scope(store) / "fc", 128);
        Assert.Equal(new Shape(1, 10, 128), y.Shape);
        var measurement = Assert.Single(backend.Measurements);
        Assert.Equal(2.0 * 10 * 64 * 128, measurement.Flops);
        Assert.Equal((128 * 64 + 128) * 4, measurement.WeightBytes);
        Assert.Equal((10 * 64 + 10 * 128) * 4, measurement.ActivationBytes);
    }

    [Fact]
    public void A_strided_convolution_has_fewer_frames()
    {
        var store = new MemoryStore().Add("c.weight", new float[8 * 4 * 3], 8, 4, 3);
        var backend = new MeasuringBackend();
        var y = backend.Input(new Shape(2, 100, 4))
            .Convolve(new Scope(store) / "c", 8, 3, new Convolution(Stride: 2, PadLeft: 1, PadRight: 1));
        Assert.Equal(new Shape(2, 50, 8), y.Shape);
        Assert.Equal(2.0 * 2 * 50 * 8 * 4 * 3, backend.Total.Flops);
    }
}
