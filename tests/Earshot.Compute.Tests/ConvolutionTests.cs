using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Compute.Tests.Cpu;

namespace Earshot.Compute.Tests;

/// <summary>Convolutions in groups against plain loops in float64, on every instruction set.</summary>
public sealed class ConvolutionTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory, MemberData(nameof(Sets))]
    public void Groups_read_their_own_channels(InstructionSet set)
    {
        foreach (var (time, inputs, outputs, kernel, c) in new[]
        {
            (23, 6, 9, 3, new Convolution(1, 1, 1, Groups: 3)),
            (40, 96, 96, 16, new Convolution(1, 8, 8, Activation: Activation.Gelu, Groups: 2)), // wav2vec2's positions in small
            (17, 12, 8, 5, new Convolution(2, 3, 0, Groups: 4, Dilation: 3)),
            (11, 4, 12, 3, new Convolution(1, 1, 1, Groups: 4)), // three outputs of each channel
            (9, 10, 6, 4, new Convolution(3, 2, 1, Reflect: true, Groups: 2)),
        })
        {
            Check(set, time, (inputs, outputs, kernel), c);
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Channels_by_themselves(InstructionSet set)
    {
        foreach (int channels in new[] { 1, 5, 8, 37, 77 })
        {
            foreach (var c in new[]
            {
                new Convolution(1, 4, 4, Groups: channels),
                new Convolution(2, 8, 0, Activation: Activation.Silu, Groups: channels),
                new Convolution(1, 2, 2, Dilation: 3, Groups: channels),
                new Convolution(1, 2, 1, Reflect: true, Groups: channels),
            })
            {
                Check(set, 31, (channels, channels, 9), c);
            }
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Groups_over_images(InstructionSet set)
    {
        foreach (var (height, width, inputs, outputs, kernel, c) in new[]
        {
            (9, 8, 40, 40, (3, 3), new Convolution2d(2, 2, 1, 1, Activation.Relu, 40)), // FastConformer's subsampling
            (7, 5, 6, 9, (3, 2), new Convolution2d(1, 2, 1, 0, Groups: 3)),
            (6, 6, 3, 6, (2, 3), new Convolution2d(1, 1, 1, 2, Groups: 3)),
        })
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(2, height, width, inputs));
            int size = inputs / c.Groups, taps = kernel.Item1 * kernel.Item2;
            var y = x.Tensor.Convolve2d(bed.Weights("c", [outputs, size, kernel.Item1, kernel.Item2], [outputs]), outputs, kernel, c);
            float[] w = bed.Read("c.weight"), b = bed.Read("c.bias");
            int oh = (height + 2 * c.PadHeight - kernel.Item1) / c.StrideHeight + 1,
                ow = (width + 2 * c.PadWidth - kernel.Item2) / c.StrideWidth + 1;
            Assert.Equal(new Shape(2, oh, ow, outputs), y.Shape);
            Bed.Check(y, 1e-4, i =>
            {
                int o = i % outputs, left = i / outputs % ow * c.StrideWidth - c.PadWidth,
                    top = i / outputs / ow % oh * c.StrideHeight - c.PadHeight, n = i / outputs / ow / oh;
                double sum = b[o];
                for (int k = 0; k < size * taps; k++)
                {
                    int input = o / (outputs / c.Groups) * size + k / taps, row = top + k / kernel.Item2 % kernel.Item1,
                        column = left + k % kernel.Item2;
                    if (row >= 0 && row < height && column >= 0 && column < width)
                        sum += (double)w[o * size * taps + k] * x.Values[((n * height + row) * width + column) * inputs + input];
                }
                return Reference.Apply(c.Activation, sum);
            });
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Transposed_convolution(InstructionSet set)
    {
        foreach (var (time, inputs, outputs, kernel, c) in new[]
        {
            (7, 5, 3, 4, new ConvolutionTransposed(2, 1)), (5, 16, 33, 16, new ConvolutionTransposed(8, 4, 0, Activation.Elu)),
            (6, 3, 2, 3, new ConvolutionTransposed(3, 0, 1)), (9, 4, 8, 5, new ConvolutionTransposed(1, 2)),
            (4, 2, 3, 2, new ConvolutionTransposed(3, 0, 2)),
        })
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(2, time, inputs));
            var y = x.Tensor.ConvolveTransposed(bed.Weights("c", [inputs, outputs, kernel], [outputs]), outputs, kernel, c);
            float[] w = bed.Read("c.weight"), b = bed.Read("c.bias");
            int steps = (time - 1) * c.Stride - 2 * c.Padding + kernel + c.OutputPadding;
            Assert.Equal(new Shape(2, steps, outputs), y.Shape);
            var sums = new double[2 * steps * outputs];
            for (int i = 0; i < sums.Length; i++) sums[i] = b[i % outputs];
            for (int i = 0; i < 2 * time * inputs * outputs * kernel; i++)
            {
                int k = i % kernel, o = i / kernel % outputs, input = i / kernel / outputs % inputs,
                    t = i / kernel / outputs / inputs % time, n = i / kernel / outputs / inputs / time;
                int at = t * c.Stride + k - c.Padding;
                if (at >= 0 && at < steps)
                {
                    sums[(n * steps + at) * outputs + o] +=
                        (double)x.Values[(n * time + t) * inputs + input] * w[(input * outputs + o) * kernel + k];
                }
            }
            Bed.Check(y, 1e-5, i => Reference.Apply(c.Activation, sums[i]));
        }
    }

    public static TheoryData<WeightFormat> Reduced => [WeightFormat.BF16, WeightFormat.Int8];

    [Theory, MemberData(nameof(Reduced))]
    public void Groups_suit_reduced_weights(WeightFormat format)
    {
        using var exact = new Bed(InstructionSet.Amx);
        using var reduced = new Bed(InstructionSet.Amx, format);
        var c = new Convolution(1, 3, 3, Groups: 2);
        var expected = CpuBackend.Read(exact.Random(new Shape(1, 40, 32)).Tensor.Convolve(exact.Weights("c", [40, 16, 7], [40]), 40, 7, c))
            .ToArray();
        var actual = CpuBackend.Read(
            reduced.Random(new Shape(1, 40, 32)).Tensor.Convolve(reduced.Weights("c", [40, 16, 7], [40]), 40, 7, c)).ToArray();
        double scale = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-2 * scale);
    }

    [Fact]
    public void Groups_are_measured_and_must_fit()
    {
        using var bed = new Bed(InstructionSet.Portable);
        var backend = new MeasuringBackend();
        var w = bed.Weights("c", [8, 3, 5], [8]);
        Assert.Equal(new Shape(2, 20, 8), backend.Input(new Shape(2, 20, 12)).Convolve(w, 8, 5, new Convolution(1, 2, 2, Groups: 4)).Shape);
        Assert.Equal(2.0 * 2 * 20 * 8 * 3 * 5, backend.Total.Flops);
        backend.Clear();
        Assert.Equal(new Shape(2, 41, 3), backend.Input(new Shape(2, 20, 8))
            .ConvolveTransposed(bed.Add("t.weight", 8, 3, 5).Root / "t", 3, 5, new ConvolutionTransposed(2, 1)).Shape);
        Assert.Equal(2.0 * 2 * 20 * 8 * 3 * 5, backend.Total.Flops);
        var weight = w.Parameter("weight", new Shape(8, 3, 5));
        Assert.Throws<ModelException>(
            () => bed.Backend.Convolve(bed.Random(new Shape(1, 9, 9)).Tensor, weight, null, new Convolution(Groups: 3)));
        Assert.Throws<ModelException>(
            () => bed.Backend.Convolve(bed.Random(new Shape(1, 9, 6)).Tensor, weight, null, new Convolution(Groups: 4)));
    }

    static void Check(InstructionSet set, int time, (int Inputs, int Outputs, int Kernel) size, Convolution c)
    {
        using var bed = new Bed(set);
        var x = bed.Random(new Shape(2, time, size.Inputs));
        int own = size.Inputs / c.Groups, outputs = size.Outputs;
        var y = x.Tensor.Convolve(bed.Weights("c", [outputs, own, size.Kernel], [outputs]), outputs, size.Kernel, c);
        float[] w = bed.Read("c.weight"), b = bed.Read("c.bias");
        int steps = (time + c.PadLeft + c.PadRight - (size.Kernel - 1) * c.Dilation - 1) / c.Stride + 1;
        Assert.Equal(new Shape(2, steps, outputs), y.Shape);
        Bed.Check(y, 2e-4, i =>
        {
            int o = i % outputs, t = i / outputs % steps, n = i / outputs / steps;
            double sum = b[o];
            for (int k = 0; k < own * size.Kernel; k++)
            {
                int at = t * c.Stride + k % size.Kernel * c.Dilation - c.PadLeft, input = o / (outputs / c.Groups) * own + k / size.Kernel;
                if (c.Reflect) at = at < 0 ? -at : at >= time ? 2 * (time - 1) - at : at;
                if (at >= 0 && at < time) sum += (double)w[o * own * size.Kernel + k] * x.Values[(n * time + at) * size.Inputs + input];
            }
            return Reference.Apply(c.Activation, sum);
        });
    }
}
