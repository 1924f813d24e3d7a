using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>What kernels should give, in float64, and how far they may be off.</summary>
internal static class Reference
{
    /// <summary>Half the distance from 1 to the next float32.</summary>
    const double F32 = 1.0 / (1 << 24);

    /// <summary>Half the distance from 1 to the next bfloat16.</summary>
    const double BF16 = 1.0 / (1 << 8);

    /// <summary>
    /// x·w for one output, and a bound: each of K roundings of the running sum is at most ε·Σ|x·w|, and each rounding of an
    /// operand to a format adds that format's ε.
    /// </summary>
    public static (double Value, double Tolerance) Dot(ReadOnlySpan<float> x, ArraySource weights, int output, PackedMatrix packed)
    {
        double sum = 0, magnitude = 0, largestX = 0, largestW = 0, sumX = 0, sumW = 0;
        for (int k = 0; k < x.Length; k++)
        {
            double w = weights[output, k], product = x[k] * w;
            sum += product;
            magnitude += Math.Abs(product);
            largestX = Math.Max(largestX, Math.Abs(x[k]));
            largestW = Math.Max(largestW, Math.Abs(w));
            sumX += Math.Abs(x[k]);
            sumW += Math.Abs(w);
        }
        double rounding = (x.Length + 4) * F32 * magnitude + 1e-37;
        double operands = packed.Format switch
        {
            WeightFormat.F32 => 0,
            WeightFormat.BF16 => (packed.Kernel.RowType == PanelType.BF16 ? 2.01 : 1) * BF16 * magnitude,
            WeightFormat.Int8 => Uniform(packed.Kernel.RowType == PanelType.Int8 ? largestX / 254 : 0, sumX, largestW / 254, sumW, x.Length),
            _ => throw new NotSupportedException(),
        };
        return (sum, rounding + operands);
    }

    public static double Apply(Activation activation, double x) => activation switch
    {
        Activation.Gelu => x * 0.5 * Erfc(-x / Math.Sqrt(2)),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.Relu => Math.Max(x, 0),
        Activation.Sigmoid => 1 / (1 + Math.Exp(-x)),
        _ => x,
    };

    /// <summary>The complementary error function by its series near zero and its continued fraction elsewhere, to 1e-13.</summary>
    public static double Erfc(double x)
    {
        if (x < 0) return 2 - Erfc(-x);
        if (x < 2.5)
        {
            double term = x, sum = x;
            for (int n = 1; n < 120; n++)
            {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }
            return 1 - 2 / Math.Sqrt(Math.PI) * sum;
        }
        double fraction = 0;
        for (int n = 60; n >= 1; n--) fraction = n / 2.0 / (x + fraction);
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (x + fraction);
    }

    // Operands off by at most half a step each: Σ(|x|·δw + |w|·δx + δx·δw), and a little for the rounding of the scales.
    static double Uniform(double stepX, double sumX, double stepW, double sumW, int count) =>
        1.001 * (sumX * stepW + sumW * stepX + count * stepX * stepW);
}
