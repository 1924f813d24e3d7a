using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Checkpoints;

/// <summary>A tensor in ggml's blocks: the blocks themselves, and for all others float32, dequantised as it is read.</summary>
sealed class BlockTensor(string name, Shape shape, BlockFormat format, FileRange at)
    : StoredTensor(name, DType.F32, shape), IStoredBlocks, IConvertedTensor
{
    const int BufferBytes = 4096;
    const int MaxBlockLength = 256;

    public BlockFormat Format => format;

    public (SafeBuffer Memory, long Offset) Mapped => at.Mapped;

    public string StoredAs => format.Name;

    public long StoredBytes => format.BytesOf(Shape.Count);

    // Few rows wait for the weights, and read them as they are. Many wait for arithmetic, which is faster with int8's panels; those are
    // no coarser than any of these, so that they also serve the types that no kernel reads.
    public WeightFormat? ComputedIn =>
        Shape.Rank != 2 ? null
        : MatrixUse.Of(Name) == WeightUse.FewRows && CpuDevice.BlockFormats.Contains(format) ? WeightFormat.Of(format)
        : WeightFormat.Int8;

    public override string File => at.File.Path;

    public override long FileOffset => at.Offset;

    public void ThrowIfChanged() => at.File.ThrowIfChanged();

    public void ReadBlocks(long first, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first * format.Bytes, format.BytesOf(Shape.Count) - destination.Length);
        at.File.Read(at.Offset + first * format.Bytes, destination);
    }

    public override void Read(long offset, Span<byte> destination)
    {
        var floats = MemoryMarshal.Cast<byte, float>(destination);
        if (offset % sizeof(float) != 0 || destination.Length % sizeof(float) != 0)
        {
            throw new CheckpointException(
                $"{Name}: quantised weights are read in whole elements; got offset {offset}, {destination.Length} bytes.");
        }
        long element = offset / sizeof(float);
        ArgumentOutOfRangeException.ThrowIfNegative(element);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(element, Shape.Count - floats.Length);
        Span<float> single = stackalloc float[MaxBlockLength];
        single = single[..format.Length];
        while (!floats.IsEmpty)
        {
            int skip = (int)(element % format.Length), count;
            if (skip == 0 && floats.Length >= format.Length)
            {
                count = ReadWhole(element / format.Length, floats);
            }
            else
            {
                ReadWhole(element / format.Length, single);
                count = Math.Min(format.Length - skip, floats.Length);
                single.Slice(skip, count).CopyTo(floats);
            }
            floats = floats[count..];
            element += count;
        }
    }

    /// <summary>As many whole blocks as the values and a small buffer hold; gives the values read.</summary>
    int ReadWhole(long first, Span<float> values)
    {
        Span<byte> buffer = stackalloc byte[BufferBytes];
        int blocks = Math.Min(values.Length / format.Length, BufferBytes / format.Bytes);
        var bytes = buffer[..(blocks * format.Bytes)];
        ReadBlocks(first, bytes);
        format.Dequantize(bytes, values[..(blocks * format.Length)]);
        return blocks * format.Length;
    }
}
