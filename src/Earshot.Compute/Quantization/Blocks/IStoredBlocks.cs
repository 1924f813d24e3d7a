using System.Runtime.InteropServices;

namespace Earshot.Compute.Quantization.Blocks;

/// <summary>
/// A stored tensor in ggml's blocks, row by row, for whoever computes with the blocks themselves. To all others it is float32, dequantised
/// as it is read.
/// </summary>
public interface IStoredBlocks
{
    /// <summary>The type of its blocks.</summary>
    BlockFormat Format { get; }

    /// <summary>The mapped file, and where in it the first block begins, in bytes; mapped as long as the store is open.</summary>
    (SafeBuffer Memory, long Offset) Mapped { get; }

    /// <summary>Which row of the file each row of the tensor is; null where they lie in the tensor's order.</summary>
    IReadOnlyList<int>? RowOrder => null;

    /// <summary>Copies whole blocks out of the file, counted over its rows in its own order; safe on several threads at once.</summary>
    /// <exception cref="CheckpointException">The file became shorter.</exception>
    void ReadBlocks(long first, Span<byte> destination);

    /// <summary>
    /// To be called before each piece of work on <see cref="Mapped"/>: touching a page that a file no longer has ends the process.
    /// </summary>
    /// <exception cref="CheckpointException">The file was shortened or written to since it was opened.</exception>
    void ThrowIfChanged();
}
