using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>The emitted online softmax against float64, block after block.</summary>
public sealed unsafe class SoftmaxKernelTests
{
    const int Block = SoftmaxArguments.BlockScores;

    [Theory]
    [InlineData(1f)]
    [InlineData(60f)]
    [InlineData(5000f)]
    public void Blocks_in_float_add_up_to_the_softmax_of_all(float spread) => Check(PanelType.F32, spread, 2e-7, 2e-9);

    [Theory]
    [InlineData(1f)]
    [InlineData(60f)]
    [InlineData(5000f)]
    public void Blocks_in_bfloat16_add_up_to_the_softmax_of_all(float spread) => Check(PanelType.BF16, spread, 1.0 / 256, 7.5e-5);

    /// <summary>Scores that are int32 in units become the same float32 that plain code makes of them, and then the same bits.</summary>
    [Theory]
    [InlineData(PanelType.F32)]
    [InlineData(PanelType.BF16)]
    internal void Whole_numbers_have_the_bits_of_what_they_stand_for(PanelType type)
    {
        var kernels = KernelSet.For(InstructionSet.Avx512);
        var kernel = type == PanelType.BF16 ? kernels.BF16 : kernels.F32;
        Assert.SkipWhen(kernel.IntegerSoftmax is null, "This processor lacks AVX-512.");
        const int rows = 5;
        using var scales = NativeFloats.Random(Block, 1);
        using var units = NativeFloats.Random(rows, 2);
        using var offsets = new NativeFloats(rows);
        using var whole = new NativeFloats(rows * Block);
        using var plain = new NativeFloats(rows * Block);
        var random = new Random(3);
        var integers = MemoryMarshal.Cast<float, int>(whole.Span);
        var less = MemoryMarshal.Cast<float, int>(offsets.Span);
        for (int r = 0; r < rows; r++)
        {
            units.Span[r] = Math.Abs(units[r]) * 1e-3f;
            less[r] = random.Next(-128 * 4000, 128 * 4000);
            for (int i = 0; i < Block; i++)
            {
                integers[r * Block + i] = less[r] + random.Next(-900_000, 900_000);
                plain.Span[r * Block + i] = (integers[r * Block + i] - less[r]) * (scales[i] * units[r]);
            }
        }
        var expected = Run(kernel.Softmax!, plain, default, default, default);
        Assert.Equal(expected, Run(kernel.IntegerSoftmax!, whole, units, offsets, scales));
    }

    static float[] Run(SoftmaxKernel softmax, NativeFloats scores, NativeFloats? units, NativeFloats? offsets, NativeFloats? scales)
    {
        int rows = scores.Length / Block;
        using var output = new NativeFloats(scores.Length);
        using var state = new NativeFloats(3 * rows + 32);
        using var sums = new NativeFloats(rows * 16);
        output.Span.Clear();
        sums.Span.Fill(1);
        state.Span.Clear();
        state.Span[..rows].Fill(SoftmaxArguments.Nothing);
        var arguments = new SoftmaxArguments
        {
            Scores = scores.Pointer,
            ScoreStride = Block * sizeof(float),
            Output = (byte*)output.Pointer,
            OutputStride = Block * sizeof(float),
            Rows = rows,
            Largest = state.Pointer,
            Totals = state.Pointer + rows,
            Former = state.Pointer + 2 * rows,
            Sums = sums.Pointer,
            SumVectors = 1,
            Units = units is null ? null : units.Pointer,
            Offsets = offsets is null ? null : (int*)offsets.Pointer,
            Scales = scales is null ? null : scales.Pointer,
        };
        softmax.Run(&arguments);
        return [.. output.Span, .. state.Span, .. sums.Span];
    }

    /// <summary>
    /// Rows of three blocks, the last of them short; probabilities to a tolerance relative to each, totals and sums of values too.
    /// </summary>
    static void Check(PanelType type, float spread, double tolerance, double polynomial)
    {
        var kernels = KernelSet.For(InstructionSet.Avx512);
        var softmax = (type == PanelType.BF16 ? kernels.BF16 : kernels.F32).Softmax;
        Assert.SkipWhen(
            softmax is null || (type == PanelType.BF16 && kernels.BF16.RowType != PanelType.BF16),
            "This processor lacks AVX-512, or its bfloat16.");
        const int rows = 3, blocks = 3, valid = 40, sumSize = 32;
        using var all = NativeFloats.Random(rows * blocks * Block, 5);
        for (int i = 0; i < all.Length; i++) all.Span[i] *= spread;
        using var scores = new NativeFloats(rows * Block);
        using var output = new NativeFloats(rows * Block);
        using var largest = new NativeFloats(rows);
        using var totals = new NativeFloats(rows);
        using var sums = new NativeFloats(rows * sumSize);
        using var former = new NativeFloats(rows);
        largest.Span.Fill(SoftmaxArguments.Nothing);
        totals.Span.Clear();
        for (int block = 0; block < blocks; block++)
        {
            int count = block == blocks - 1 ? valid : Block;
            for (int r = 0; r < rows; r++)
            {
                var row = scores.Span.Slice(r * Block, Block);
                all.Span.Slice((r * blocks + block) * Block, count).CopyTo(row);
                row[count..].Fill(SoftmaxArguments.Nothing);
            }
            sums.Span.Fill(1);
            float[] before = largest.Span.ToArray();
            var arguments = new SoftmaxArguments
            {
                Scores = scores.Pointer,
                ScoreStride = Block * sizeof(float),
                Output = (byte*)output.Pointer,
                OutputStride = Block * (type == PanelType.BF16 ? sizeof(ushort) : sizeof(float)),
                Rows = rows,
                Largest = largest.Pointer,
                Totals = totals.Pointer,
                Sums = sums.Pointer,
                SumVectors = sumSize / 16,
                Former = former.Pointer,
            };
            softmax!.Run(&arguments);
            for (int r = 0; r < rows; r++)
            {
                var seen = all.Span.Slice(r * blocks * Block, block * Block + count);
                float most = Max(seen);
                Assert.Equal(most, largest[r]);
                // What was summed before counted in units of the former largest.
                double correction = Math.Pow(2, before[r] - (double)most);
                for (int i = 0; i < sumSize; i++) Assert.Equal(correction, sums[r * sumSize + i], 1e-4 * correction + 1e-38);
                double total = 0;
                foreach (float score in seen) total += Math.Pow(2, score - (double)most);
                // Each block's exponentials and the correction of what came before are off by the polynomial's error.
                Assert.Equal(total, totals[r], ((block + 2) * polynomial + 1e-5) * total);
                for (int i = 0; i < Block; i++)
                {
                    double expected = i < count ? Math.Pow(2, seen[block * Block + i] - (double)most) : 0;
                    float actual = type == PanelType.BF16
                        ? BFloat16.ToSingle(((ushort*)output.Pointer)[r * Block + i])
                        : output[r * Block + i];
                    // The difference is rounded to float32 before it is a power.
                    double difference = i < count ? Math.Abs(seen[block * Block + i] - (double)most) : 0;
                    Assert.Equal(expected, actual, (tolerance + 0.7 * difference / (1 << 24)) * expected + 1e-38);
                }
            }
        }
    }

    static float Max(ReadOnlySpan<float> values)
    {
        float most = float.NegativeInfinity;
        foreach (float value in values) most = Math.Max(most, value);
        return most;
    }
}
