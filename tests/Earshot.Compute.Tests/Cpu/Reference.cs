using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>What kernels should give, in float64, and how far they may be off.</summary>
internal static class Reference
{
    /// <summary>Half the distance from 1 to the next float32.</summary>
    const double F32 = 1.0 / (1 << 24);

    /// <summary>Half the distance from 1 to the next bfloat16.</summary>
    const double BF16 = 1.0 / (1 << 8);

    /// <summary>
    /// x·w for one output, where the weights are what their format makes of them, and a bound: each of K roundings of the running
    /// sum, and of the factors that make a weight, is at most ε·Σ|x·w|; rounding x to a format adds that format's step.
    /// </summary>
    public static (double Value, double Tolerance) Dot(
        ReadOnlySpan<float> x, ArraySource weights, int output, PackedMatrix packed, int rows)
    {
        double sum = 0, magnitude = 0, largestX = 0, sumW = 0;
        for (int k = 0; k < x.Length; k++)
        {
            double w = weights[output, k], product = x[k] * w;
            sum += product;
            magnitude += Math.Abs(product);
            largestX = Math.Max(largestX, Math.Abs(x[k]));
            sumW += Math.Abs(w);
        }
        double rounding = (x.Length + 8) * F32 * magnitude + 1e-37;
        bool unpacked = packed.Groups is not null && rows > CpuDevice.MaxExactRows && packed.Kernels.BF16.RowType == PanelType.BF16;
        bool words = packed.Kernel == packed.Kernels.Int8 && rows > CpuDevice.MaxExactRows && packed.Kernels.SequenceInt8 is not null;
        return (sum, rounding + packed.Kernel.RowType switch
        {
            // Half a unit of int16, of which the largest is as many as int32 has room for.
            PanelType.F32 when words => 1.001 * largestX / 2 / Math.Min(short.MaxValue, int.MaxValue / 128 / x.Length) * sumW,
            // Four-bit codes meet many rows as bfloat16, and both are rounded to it.
            PanelType.F32 => unpacked ? 2.02 * BF16 * magnitude : 0,
            PanelType.BF16 => 1.01 * BF16 * magnitude,
            // A whole unit of 127ths is rounded by half at most, and so is a 254th of it where rows are pairs.
            _ => 1.001 * largestX / 254 / (rows <= CpuDevice.MaxExactRows ? 254 : 1) * sumW,
        });
    }

    /// <summary>The weights as a format holds them.</summary>
    public static ArraySource Quantized(ArraySource source, WeightFormat format)
    {
        var values = new float[source.Rows * source.Columns];
        int[] kept = format.KeepsOutliers
            ? (OutlierColumns.Find(source.Rows, source.Columns, source.ReadRow)?.Columns.ToArray() ?? [])
            : [];
        for (int r = 0; r < source.Rows; r++)
        {
            var row = values.AsSpan(r * source.Columns, source.Columns);
            source.ReadRow(r, row);
            foreach (int column in kept) row[column] = 0;
            Quantize(row, format.KeepsOutliers ? WeightFormat.Int8 : format);
            foreach (int column in kept) row[column] = source[r, column];
        }
        return new ArraySource(values, source.Rows, source.Columns);
    }

    static void Quantize(Span<float> row, WeightFormat format)
    {
        var codes = new byte[row.Length];
        switch (format.Name)
        {
            case "bf16":
                foreach (ref float value in row) value = BFloat16.ToSingle(BFloat16.Round(value));
                break;
            case "int8":
                var signed = new sbyte[row.Length];
                Int8.Dequantize(signed, Int8.Quantize(row, signed), row);
                break;
            case "int4" or "int4-g128":
                int group = format.Name == "int4" ? 32 : 128;
                var scales = new Half[row.Length / group + 1];
                Int4.Quantize(row, group, codes, scales);
                Int4.Dequantize(codes, group, scales, row);
                break;
            case "nf4":
                var scaleCodes = new sbyte[Nf4.Blocks(row.Length)];
                var blocks = new Nf4Scales[Nf4.ScaleBlocks(row.Length)];
                Nf4.Quantize(row, codes, scaleCodes, blocks);
                Nf4.Dequantize(codes, scaleCodes, blocks, row);
                break;
        }
    }

    public static double Apply(Activation activation, double x) => activation switch
    {
        Activation.Gelu => x * 0.5 * Erfc(-x / Math.Sqrt(2)),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.Relu => Math.Max(x, 0),
        Activation.Sigmoid => 1 / (1 + Math.Exp(-x)),
        Activation.LeakyRelu => x > 0 ? x : 0.01 * x,
        Activation.Abs => Math.Abs(x),
        Activation.Tanh => Math.Tanh(x),
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        Activation.QuickGelu => x / (1 + Math.Exp(-1.702 * x)),
        Activation.Elu => x > 0 ? x : Math.Exp(x) - 1,
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
}
