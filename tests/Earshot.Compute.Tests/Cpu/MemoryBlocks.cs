using System.Runtime.InteropServices;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>A matrix in ggml's blocks in memory, with all kinds of codes, and scales that also are denormal or negative.</summary>
internal sealed unsafe partial class MemoryBlocks : StoredTensor, IStoredBlocks, IDisposable
{
    readonly NativeBytes _bytes;

    public MemoryBlocks(BlockFormat format, int rows, int columns, int seed) : base("fc.weight", DType.F32, new Shape(rows, columns))
    {
        Format = format;
        _bytes = new NativeBytes(checked((int)format.BytesOf(Shape.Count)));
        var random = new Random(seed);
        random.NextBytes(_bytes.Span);
        for (int at = 0; at < _bytes.Span.Length; at += format.Bytes)
        {
            foreach (int offset in HalvesOf(format))
            {
                // Denormal below 6e-5.
                float value = (random.NextSingle() - 0.5f) * (random.Next(4) == 0 ? 1e-4f : 0.02f);
                MemoryMarshal.Write(_bytes.Span[(at + offset)..], (Half)value);
            }
        }
    }

    public BlockFormat Format { get; }

    public IReadOnlyList<int>? RowOrder { get; init; }

    public bool IsChanged { get; set; }

    // Something lies before the blocks, as in a file.
    public (SafeBuffer Memory, long Offset) Mapped => (_bytes, NativeBytes.Before);

    /// <summary>The values of a row, in the order that the tensor has.</summary>
    public float[] Row(int row)
    {
        int columns = Shape[1], bytes = (int)Format.BytesOf(columns);
        var values = new float[columns];
        Format.Dequantize(_bytes.Span.Slice((RowOrder?[row] ?? row) * bytes, bytes), values);
        return values;
    }

    public void ReadBlocks(long first, Span<byte> destination) =>
        _bytes.Span.Slice((int)first * Format.Bytes, destination.Length).CopyTo(destination);

    public void ThrowIfChanged()
    {
        if (IsChanged) throw new CheckpointException("The file was changed.");
    }

    public override void Read(long offset, Span<byte> destination)
    {
        int columns = Shape[1];
        var floats = MemoryMarshal.Cast<byte, float>(destination);
        for (int i = 0; i < floats.Length; i++) floats[i] = Row((int)((offset / 4 + i) / columns))[(offset / 4 + i) % columns];
    }

    public void Dispose() => _bytes.Dispose();

    static int[] HalvesOf(BlockFormat format) => format.Name switch
    {
        nameof(Q4_1) or nameof(Q5_1) or nameof(Q4_K) or nameof(Q5_K) => [0, 2],
        nameof(Q6_K) => [Q6_K.D],
        _ => [0],
    };

    /// <summary>Memory behind which, on Linux, nothing may be read: a kernel that reaches behind the last row ends the tests.</summary>
    sealed unsafe partial class NativeBytes : SafeBuffer
    {
        public const int Before = 34;

        const int ReadWrite = 1 | 2, PrivateAnonymous = 0x02 | 0x20;

        readonly int _length;
        readonly nint _pages;
        readonly nint _mapped;

        public NativeBytes(int length) : base(ownsHandle: true)
        {
            _length = length;
            if (OperatingSystem.IsLinux())
            {
                nint page = Environment.SystemPageSize;
                _mapped = (Before + length + page - 1) / page * page;
                _pages = Map(0, _mapped + page, ReadWrite, PrivateAnonymous, -1, 0);
                if (_pages == -1 || Protect(_pages + _mapped, page, 0) != 0) throw new InvalidOperationException("No pages were given.");
                SetHandle(_pages + _mapped - Before - length);
            }
            else SetHandle((nint)NativeMemory.Alloc((nuint)(Before + length)));
            Initialize((ulong)(Before + length));
        }

        public Span<byte> Span => new((byte*)handle + Before, _length);

        protected override bool ReleaseHandle()
        {
            if (_pages != 0) return Unmap(_pages, _mapped + Environment.SystemPageSize) == 0;
            NativeMemory.Free((void*)handle);
            return true;
        }

        [LibraryImport("libc", EntryPoint = "mmap")]
        private static partial nint Map(nint address, nint length, int protection, int flags, int file, nint offset);

        [LibraryImport("libc", EntryPoint = "mprotect")]
        private static partial int Protect(nint address, nint length, int protection);

        [LibraryImport("libc", EntryPoint = "munmap")]
        private static partial int Unmap(nint address, nint length);
    }
}
