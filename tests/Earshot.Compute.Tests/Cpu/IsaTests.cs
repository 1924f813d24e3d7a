using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

public sealed unsafe class IsaTests
{
    [Fact]
    public void A_limit_is_kept()
    {
        var best = Isa.Select(InstructionSet.Amx);
        foreach (var limit in Enum.GetValues<InstructionSet>())
        {
            var isa = Isa.Select(limit);
            Assert.True(isa.Set <= limit);
            Assert.True(isa.Set <= best.Set);
            if (isa is { IsNeon: false, Set: < InstructionSet.Avx512 }) Assert.False(isa.HasBf16 || isa.Wide);
        }
        Assert.Equal(new Isa(InstructionSet.Portable, false, false), Isa.Select(InstructionSet.Portable));
    }

    [Fact]
    public void Names_are_those_of_the_documentation()
    {
        Assert.Null(Isa.Named(null));
        Assert.Null(Isa.Named(""));
        Assert.Equal(InstructionSet.Avx2Vnni, Isa.Named(" AVX2-VNNI "));
        Assert.Equal(InstructionSet.NeonDotProd, Isa.Named("neon-dotprod"));
        Assert.Equal(InstructionSet.Portable, Isa.Named("portable"));
        Assert.Contains(
            "expected portable, neon, neon-dotprod, neon-i8mm, avx2, avx2-vnni, avx512 or amx",
            Assert.Throws<ArgumentException>(() => Isa.Named("sse9")).Message,
            StringComparison.Ordinal);
        foreach (var set in Enum.GetValues<InstructionSet>()) Assert.Equal(set, Isa.Named(InstructionSets.NameOf(set)));
    }

    [Fact]
    public void What_the_other_architecture_has_limits_nothing_or_everything()
    {
        var x64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;
        foreach (var limit in (InstructionSet[])[InstructionSet.Neon, InstructionSet.NeonDotProd, InstructionSet.NeonI8mm])
            if (x64) Assert.Equal(InstructionSet.Portable, Isa.Select(limit).Set);
        if (!x64) Assert.Equal(Isa.Select(InstructionSet.Amx), Isa.Select(InstructionSet.Avx2));
    }

    [Fact]
    public void Code_is_never_writable_and_executable_at_once()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux lists a process's pages in /proc/self/maps.");
        using var memory = ExecutableMemory.TryCreate([0xC3]);
        Assert.NotNull(memory);
        Assert.Equal(0xC3, *memory.Start);
        var line = File.ReadLines("/proc/self/maps").Single(line => Holds(line, (ulong)memory.Start));
        Assert.Equal("r-xp", line.Split(' ')[1]);

        static bool Holds(string line, ulong address)
        {
            var range = line.Split(' ')[0].Split('-');
            return address >= ulong.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                && address < ulong.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public void Processors_with_avx512_but_without_its_dot_products_are_served()
    {
        Assert.SkipUnless(Isa.Select(null).Set >= InstructionSet.Avx512, "This processor has no AVX-512.");
        using var pool = new WorkerPool(1, KernelSet.For(new Isa(InstructionSet.Avx512, false, false)));
        foreach (var format in CpuDevice.Formats)
        {
            foreach (int rows in (int[])[1, 6, 20]) MatrixProductTests.Check(pool, format, (rows, 67, 45));
        }
    }

    [Fact]
    public void Kernels_for_Windows_give_the_same_bits()
    {
        Assert.SkipUnless(
            Isa.Select(null).Set >= InstructionSet.Avx512 && OperatingSystem.IsLinux(),
            "This needs AVX-512, and the other calling convention to compare with.");
        const int steps = 37;
        using var rows = NativeFloats.Random(14 * steps, 1);
        using var panel = NativeFloats.Random(32 * steps, 2);
        using var expected = new NativeFloats(14 * 32);
        using var sums = new NativeFloats(14 * 32);
        foreach (int count in (int[])[1, 4, 8, 14])
        {
            var arguments = new MicroArguments
            {
                Rows = (byte*)rows.Pointer,
                RowStride = steps * 4,
                Panel = (byte*)panel.Pointer,
                Steps = steps,
                Sums = expected.Pointer,
                SumStride = 128,
            };
            KernelSet.For(InstructionSet.Avx512).F32.Run(&arguments, count);
            var code = new Assembler();
            // Hands the first argument over where Windows has it, and falls into the kernel.
            code.Move(Gpr.Rcx, Gpr.Rdi);
            VectorKernels.Emit(code, PanelType.F32, count, windows: true);
            using var memory = ExecutableMemory.TryCreate(code.Code);
            Assert.NotNull(memory);
            arguments.Sums = sums.Pointer;
            ((delegate* unmanaged[Cdecl]<MicroArguments*, void>)memory.Start)(&arguments);
            Assert.True(expected.Span[..(count * 32)].SequenceEqual(sums.Span[..(count * 32)]));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Int16_products_are_exact(bool windows)
    {
        Assert.SkipUnless(Isa.Select(null).Set >= InstructionSet.Avx2 && OperatingSystem.IsLinux(), "This needs AVX2, and Linux.");
        const int inputs = 78, steps = inputs / 2, width = PackedMatrix.PanelWidth;
        int units = Rows<Lanes256>.WordUnits(inputs);
        var random = new Random(1);
        var (rows, panel) = (new short[5 * inputs], new short[steps * width * 2]);
        // The first row and column are the largest there are, so that a sum that does not fit shows.
        for (int i = 0; i < rows.Length; i++) rows[i] = (short)(i < inputs ? units : random.Next(-units, units + 1));
        for (int i = 0; i < panel.Length; i++) panel[i] = (short)(i / 2 % width == 0 ? -128 : random.Next(-128, 128));
        var sums = new int[5 * width];
        for (int count = 1; count <= Avx2Kernels.MaxInt16Rows; count++)
        {
            var code = new Assembler();
            int entry = Avx2Kernels.Emit(code, PanelType.Int16, count, windows), start = entry;
            if (windows)
            {
                start = code.Length;
                code.Move(Gpr.Rcx, Gpr.Rdi);
                code.Jump(new Label { Position = entry });
            }
            using var memory = ExecutableMemory.TryCreate(code.Code);
            Assert.NotNull(memory);
            foreach (int accumulate in (int[])[0, 1])
            {
                Array.Fill(sums, 7);
                fixed (short* first = rows, steps0 = panel)
                fixed (int* result = sums)
                {
                    var arguments = new MicroArguments
                    {
                        Rows = (byte*)first,
                        RowStride = inputs * sizeof(short),
                        Panel = (byte*)steps0,
                        Steps = steps,
                        Sums = (float*)result,
                        SumStride = width * sizeof(int),
                        Accumulate = accumulate,
                    };
                    ((delegate* unmanaged[Cdecl]<MicroArguments*, void>)(memory.Start + start))(&arguments);
                }
                for (int i = 0; i < count * width; i++)
                {
                    long expected = 7 * accumulate;
                    int row = i / width * inputs, column = i % width;
                    for (int k = 0; k < inputs; k++) expected += rows[row + k] * panel[(k / 2 * width + column) * 2 + k % 2];
                    Assert.Equal(expected, sums[i]);
                }
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Emitted_kernels_of_avx2_give_the_bits_of_the_compiled_ones(bool windows)
    {
        Assert.SkipUnless(Isa.Select(null).Set >= InstructionSet.Avx2 && OperatingSystem.IsLinux(), "This needs AVX2, and Linux.");
        const int steps = 39, most = 4 * steps;
        using var rows = NativeFloats.Random(6 * most, 1);
        using var panel = NativeFloats.Random(32 * steps, 2);
        using var expected = new NativeFloats(6 * 32);
        using var sums = new NativeFloats(6 * 32);
        var compiled = new List<MicroKernel>
        {
            ManagedKernels<Lanes256>.F32(),
            ManagedKernels<Lanes256>.BF16(),
            ManagedKernels<Lanes256>.WidenedInt8(),
        };
        if (AvxVnni.IsSupported) compiled.Add(ManagedKernels<Lanes256>.Int8<BytePanel>());
        foreach (var kernel in compiled)
        {
            for (int count = 1; count <= 6; count++)
            {
                var code = new Assembler();
                int entry = Avx2Kernels.Emit(code, kernel.Type, count, windows, kernel.RowType == PanelType.Int8);
                int start = entry;
                if (windows)
                {
                    // Hands the first argument over where Windows has it.
                    start = code.Length;
                    code.Move(Gpr.Rcx, Gpr.Rdi);
                    code.Jump(new Label { Position = entry });
                }
                using var memory = ExecutableMemory.TryCreate(code.Code);
                Assert.NotNull(memory);
                foreach (int accumulate in (int[])[0, 1])
                {
                    expected.Span.Fill(3);
                    sums.Span.Fill(3);
                    var arguments = new MicroArguments
                    {
                        Rows = (byte*)rows.Pointer,
                        RowStride = most * sizeof(float),
                        Panel = (byte*)panel.Pointer,
                        Steps = steps,
                        Sums = expected.Pointer,
                        SumStride = 128,
                        Accumulate = accumulate,
                    };
                    kernel.Run(&arguments, count);
                    arguments.Sums = sums.Pointer;
                    ((delegate* unmanaged[Cdecl]<MicroArguments*, void>)(memory.Start + start))(&arguments);
                    Assert.True(Bits(expected).SequenceEqual(Bits(sums)), $"{kernel.Type}, {count} rows");
                }
            }
        }
    }

    // Sums of bytes are whole numbers, which may be no float32.
    static ReadOnlySpan<int> Bits(NativeFloats values) => MemoryMarshal.Cast<float, int>(values.Span);
}
