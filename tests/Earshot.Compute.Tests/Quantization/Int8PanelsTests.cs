using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;
using Earshot.Compute.Tests.Cpu;

namespace Earshot.Compute.Tests.Quantization;

/// <summary>Panels that lie in memory already are computed with as packed ones are, and are never copied.</summary>
public sealed unsafe class Int8PanelsTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Fact]
    public void Rows_come_back_as_they_went_in()
    {
        var layout = new Int8PanelLayout(45, 128);
        Assert.Equal((2, 32, 4096L), (layout.Panels, layout.Steps, layout.PanelBytes));
        var random = new Random(3);
        var panel = new byte[layout.PanelBytes];
        var rows = Enumerable.Range(0, Int8PanelLayout.Width)
            .Select(_ => Enumerable.Range(0, 128).Select(_ => (sbyte)random.Next(-127, 128)).ToArray()).ToArray();
        for (int i = 0; i < rows.Length; i++) layout.Scatter(rows[i], panel, i);
        var read = new sbyte[128];
        for (int i = 0; i < rows.Length; i++)
        {
            layout.Gather(panel, i, read);
            Assert.Equal(rows[i], read);
        }
        // Byte by byte: step 5, output 7, input 2 of the step.
        Assert.Equal(rows[7][5 * 4 + 2] + 128, panel[(5 * 32 + 7) * 4 + 2]);
    }

    [Fact]
    public void Only_whole_pages_of_inputs_fit()
    {
        Assert.True(Int8PanelLayout.Fits(512));
        foreach (int columns in (int[])[0, -128, 64, 192, 130]) Assert.False(Int8PanelLayout.Fits(columns));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Int8PanelLayout(1, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Int8PanelLayout(0, 128));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Borrowed_panels_give_the_bits_of_packed_ones(InstructionSet set)
    {
        using var pool = new WorkerPool(2, KernelSet.For(set));
        foreach (var (outputs, inputs) in (ReadOnlySpan<(int, int)>)[(45, 128), (70, 256), (32, 1280)])
        {
            using var matrix = new PanelMatrix(outputs, inputs);
            using var packed = PackedMatrix.Pack(new LinearSource(matrix), WeightFormat.Int8, pool);
            using var borrowed = PackedMatrix.Borrow(matrix, pool.Kernels);
            for (int panel = 0; panel < packed.Panels; panel++)
                Assert.True(new Span<byte>(packed.Panel(panel), (int)packed.PanelBytes)
                    .SequenceEqual(new Span<byte>(borrowed.Panel(panel), (int)borrowed.PanelBytes)));
            Assert.True((nint)borrowed.Panel(0) == matrix.Start);
            foreach (int rows in (int[])[1, 7, CpuDevice.MaxExactRows + 20])
                Assert.Equal(Product(pool, packed, rows), Product(pool, borrowed, rows));
        }
    }

    [Fact]
    public void A_mapping_lives_as_long_as_a_matrix_that_borrows_from_it()
    {
        var matrix = new PanelMatrix(32, 128);
        using var pool = new WorkerPool(1, KernelSet.For(InstructionSet.Portable));
        var borrowed = PackedMatrix.Borrow(matrix, pool.Kernels);
        matrix.Dispose();
        Assert.False(matrix.IsReleased);
        borrowed.Dispose();
        Assert.True(matrix.IsReleased);
    }

    static float[] Product(WorkerPool pool, PackedMatrix weights, int rows)
    {
        using var x = NativeFloats.Random(rows * weights.Inputs, 5);
        using var y = new NativeFloats(rows * weights.Outputs);
        var call = new LinearCall { X = x.Pointer, XStride = weights.Inputs, Rows = rows };
        call.Add(new LinearTarget { Weights = weights, Y = y.Pointer, YStride = weights.Outputs });
        MatrixProduct.Run(pool, call);
        return y.Span.ToArray();
    }

    /// <summary>An int8 matrix in panels in native memory, as a mapped file has it.</summary>
    sealed class PanelMatrix : StoredTensor, IInt8Panels, IQuantizedRows, IDisposable
    {
        readonly NativeBuffer _memory;
        readonly float[] _scales;

        public PanelMatrix(int rows, int columns) : base("w", DType.F32, new Shape(rows, columns))
        {
            Layout = new Int8PanelLayout(rows, columns);
            _memory = new NativeBuffer(Layout.Panels * Layout.PanelBytes);
            _scales = [.. Enumerable.Range(1, rows).Select(i => i / 100f)];
            var random = new Random(rows + columns);
            for (int row = 0; row < Layout.Panels * Int8PanelLayout.Width; row++)
            {
                var codes = new sbyte[columns];
                if (row < rows) for (int i = 0; i < columns; i++) codes[i] = (sbyte)random.Next(-127, 128);
                Layout.Scatter(codes, Panel(row / Int8PanelLayout.Width), row % Int8PanelLayout.Width);
            }
        }

        public Int8PanelLayout Layout { get; }

        public nint Start => _memory.DangerousGetHandle();

        public bool IsReleased => _memory.IsReleased;

        public (SafeBuffer Memory, long Offset) Panels => (_memory, 0);

        public WeightFormat Format => WeightFormat.Int8;

        public void Dispose() => _memory.Dispose();

        public void ReadScales(Span<float> destination) => _scales.CopyTo(destination);

        public void ReadRow(int row, QuantizedRow destination)
        {
            Layout.Gather(
                Panel(row / Int8PanelLayout.Width), row % Int8PanelLayout.Width, MemoryMarshal.Cast<byte, sbyte>(destination.Codes));
            MemoryMarshal.Write(destination.Scales, _scales[row]);
        }

        public override void Read(long offset, Span<byte> destination) => throw new NotSupportedException();

        Span<byte> Panel(int index) => new((byte*)Start + index * Layout.PanelBytes, (int)Layout.PanelBytes);
    }

    sealed class NativeBuffer : SafeBuffer
    {
        public NativeBuffer(long bytes) : base(ownsHandle: true)
        {
            SetHandle((nint)NativeMemory.AlignedAlloc((nuint)bytes, 4096));
            Initialize((ulong)bytes);
        }

        public bool IsReleased { get; private set; }

        protected override bool ReleaseHandle()
        {
            NativeMemory.AlignedFree((void*)handle);
            return IsReleased = true;
        }
    }
}
