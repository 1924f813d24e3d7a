using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>The emitted kernels of arm64 beside plain code; where they cannot run, only what chooses them.</summary>
public sealed unsafe class NeonKernelTests
{
    const int Width = 32;
    const int MaxRows = 6;

    /// <summary>Arm64's sets that this machine has; where it has none, one to skip.</summary>
    public static TheoryData<InstructionSet> NeonSets => [.. Enum.GetValues<InstructionSet>()
        .Where(set => KernelSet.For(set).Isa is { IsNeon: true } isa && isa.Set == set).DefaultIfEmpty(InstructionSet.Neon)];

    [Fact]
    public void Sets_follow_from_what_the_processor_has()
    {
        const InstructionSet all = InstructionSet.Amx;
        Assert.Equal(new Isa(InstructionSet.Neon, false, true), Isa.OfArm(all, default));
        Assert.Equal(new Isa(InstructionSet.NeonDotProd, false, true), Isa.OfArm(all, new ArmFeatures(true, false, false)));
        Assert.Equal(new Isa(InstructionSet.NeonI8mm, false, true), Isa.OfArm(all, new ArmFeatures(true, true, false)));
        var full = new ArmFeatures(true, true, true);
        Assert.Equal(new Isa(InstructionSet.NeonI8mm, true, true), Isa.OfArm(all, full));
        Assert.Equal(new Isa(InstructionSet.NeonI8mm, true, true), Isa.OfArm(InstructionSet.Avx2, full));
        Assert.Equal(new Isa(InstructionSet.NeonDotProd, false, true), Isa.OfArm(InstructionSet.NeonDotProd, full));
        Assert.Equal(new Isa(InstructionSet.Neon, false, true), Isa.OfArm(InstructionSet.Neon, full));
        Assert.Equal(new Isa(InstructionSet.Portable, false, false), Isa.OfArm(InstructionSet.Portable, full));
    }

    [Fact]
    public void Linux_says_features_in_bits()
    {
        Assert.Equal(default, ArmFeatures.OfLinux(~(1ul << 20), 0));
        Assert.Equal(new ArmFeatures(true, false, false), ArmFeatures.OfLinux(1ul << 20, ~(3ul << 13)));
        Assert.Equal(new ArmFeatures(false, true, false), ArmFeatures.OfLinux(0, 1ul << 13));
        Assert.Equal(new ArmFeatures(false, false, true), ArmFeatures.OfLinux(0, 1ul << 14));
    }

    // The compiled kernels fuse multiplication and addition too, in the same order.
    [Theory, MemberData(nameof(NeonSets))]
    public void Float_kernels_give_the_bits_of_the_compiled_ones(InstructionSet set)
    {
        var kernels = Kernels(set);
        Compare(ManagedKernels<Lanes128>.F32(), kernels.F32, steps: 41);
        Compare(ManagedKernels<Lanes128>.F32(), kernels.F32, steps: 3);
        if (kernels.BF16.RowType == PanelType.F32)
        {
            Compare(ManagedKernels<Lanes128>.BF16(), kernels.BF16, steps: 21);
            Compare(ManagedKernels<Lanes128>.BF16(), kernels.BF16, steps: 1);
        }
    }

    /// <summary>Whole numbers, to the last bit, at the ends of what bytes hold.</summary>
    [Theory, MemberData(nameof(NeonSets))]
    public void Int8_kernels_add_exactly(InstructionSet set)
    {
        var kernel = Kernels(set).Int8;
        Assert.Equal(PanelType.Int8, kernel.RowType);
        foreach (int steps in (int[])[4, 8, 44])
        {
            for (int rows = 1; rows <= MaxRows; rows++)
            {
                using var data = new Bytes(rows, steps);
                foreach (int accumulate in (int[])[0, 1])
                {
                    var sums = data.Run(kernel, accumulate, (r, n) => 1000 * r - n);
                    for (int i = 0; i < rows * Width; i++) Assert.Equal(data.Expected(i, accumulate, (r, n) => 1000 * r - n), sums[i]);
                }
            }
        }
    }

    /// <summary>Matrix products round as dot products do, so that a row has the same bits in any company.</summary>
    [Theory, MemberData(nameof(NeonSets))]
    public void BFloat16_kernels_of_many_rows_give_the_bits_of_one_row(InstructionSet set)
    {
        var kernel = Kernels(set).BF16;
        if (kernel.RowType != PanelType.BF16) return;
        const int steps = 32;
        using var rows = Pairs(MaxRows * steps, 1);
        using var panel = Pairs(Width * steps, 2);
        using var one = new NativeFloats(Width);
        using var many = new NativeFloats(MaxRows * Width);
        for (int count = 2; count <= MaxRows; count++)
        {
            foreach (int accumulate in (int[])[0, 1])
            {
                many.Span.Fill(0.1f);
                Run(kernel, rows, panel, many, steps, steps, count, accumulate);
                for (int r = 0; r < count; r++)
                {
                    one.Span.Fill(0.1f);
                    var arguments = Arguments(rows, panel, one, steps, steps, accumulate);
                    arguments.Rows += r * arguments.RowStride;
                    kernel.Run(&arguments, 1);
                    Assert.True(one.Span.SequenceEqual(many.Span.Slice(r * Width, Width)), $"row {r} of {count}");
                }
            }
        }
        many.AssertGuard();
    }

    static KernelSet Kernels(InstructionSet set)
    {
        var kernels = KernelSet.For(set);
        Assert.SkipUnless(kernels.Isa.IsNeon, "This processor is no arm64, or its system lets no code be made.");
        return kernels;
    }

    static void Compare(MicroKernel compiled, MicroKernel emitted, int steps)
    {
        int inputs = steps * compiled.StepInputs;
        using var rows = NativeFloats.Random(MaxRows * inputs, 1);
        using var panel = compiled.Type == PanelType.F32 ? NativeFloats.Random(Width * steps, 2) : Pairs(Width * steps, 2);
        using var expected = new NativeFloats(MaxRows * Width);
        using var sums = new NativeFloats(MaxRows * Width);
        for (int count = 1; count <= MaxRows; count++)
        {
            foreach (int accumulate in (int[])[0, 1])
            {
                expected.Span.Fill(3);
                sums.Span.Fill(3);
                Run(compiled, rows, panel, expected, inputs, steps, count, accumulate);
                Run(emitted, rows, panel, sums, inputs, steps, count, accumulate);
                Assert.True(expected.Span.SequenceEqual(sums.Span), $"{emitted.Type}, {count} rows, {steps} steps");
            }
        }
        sums.AssertGuard();
    }

    static void Run(
        MicroKernel kernel, NativeFloats rows, NativeFloats panel, NativeFloats sums, int stride, int steps, int count, int accumulate)
    {
        var arguments = Arguments(rows, panel, sums, stride, steps, accumulate);
        kernel.Run(&arguments, count);
    }

    static MicroArguments Arguments(
        NativeFloats rows, NativeFloats panel, NativeFloats sums, int stride, int steps, int accumulate) => new()
        {
            Rows = (byte*)rows.Pointer,
            RowStride = stride * sizeof(float),
            Panel = (byte*)panel.Pointer,
            Steps = steps,
            Sums = sums.Pointer,
            SumStride = Width * sizeof(float),
            Accumulate = accumulate,
        };

    // Two bfloat16 in the place of each float32.
    static NativeFloats Pairs(int count, int seed)
    {
        var values = new NativeFloats(count);
        var random = new Random(seed);
        foreach (ref uint pair in MemoryMarshal.Cast<float, uint>(values.Span))
            pair = Half() | Half() << 16;
        return values;

        uint Half() => BitConverter.SingleToUInt32Bits(2 * random.NextSingle() - 1) >> 16;
    }

    /// <summary>Rows and a panel of bytes, of which some are the smallest and the largest.</summary>
    sealed class Bytes : IDisposable
    {
        readonly NativeFloats _rows;
        readonly NativeFloats _panel;
        readonly NativeFloats _sums;
        readonly int _steps;

        public Bytes(int rows, int steps)
        {
            _steps = steps;
            _rows = new NativeFloats(rows * steps);
            _panel = new NativeFloats(Width * steps);
            _sums = new NativeFloats(rows * Width);
            var random = new Random(rows + steps);
            foreach (ref sbyte value in MemoryMarshal.Cast<float, sbyte>(_rows.Span))
                value = (sbyte)(random.Next(4) switch { 0 => 127, 1 => -127, _ => random.Next(-127, 128) });
            foreach (ref byte value in MemoryMarshal.AsBytes(_panel.Span))
                value = (byte)(random.Next(4) switch { 0 => 0, 1 => 255, _ => random.Next(256) });
        }

        public int[] Run(MicroKernel kernel, int accumulate, Func<int, int, int> before)
        {
            var sums = MemoryMarshal.Cast<float, int>(_sums.Span);
            for (int i = 0; i < sums.Length; i++) sums[i] = before(i / Width, i % Width);
            NeonKernelTests.Run(kernel, _rows, _panel, _sums, _steps, _steps, sums.Length / Width, accumulate);
            _sums.AssertGuard();
            return sums.ToArray();
        }

        public int Expected(int sum, int accumulate, Func<int, int, int> before)
        {
            int row = sum / Width, column = sum % Width, total = accumulate * before(row, column);
            for (int k = 0; k < 4 * _steps; k++)
            {
                int code = MemoryMarshal.AsBytes(_panel.Span)[(k / 4 * Width + column) * 4 + k % 4];
                total += code * MemoryMarshal.Cast<float, sbyte>(_rows.Span)[row * _steps * 4 + k];
            }
            return total;
        }

        public void Dispose()
        {
            _rows.Dispose();
            _panel.Dispose();
            _sums.Dispose();
        }
    }
}
