namespace Earshot.Compute.Quantization.Blocks;

/// <summary>
/// One of ggml's block types: where its fields lie in a block's bytes, and what a block is worth. Implementations are empty structs, so
/// that a loop over them is compiled for each; their constants are what kernels address fields by.
/// </summary>
interface IBlockLayout
{
    /// <summary>ggml's own name.</summary>
    static abstract string Name { get; }

    /// <summary>Values in a block.</summary>
    static abstract int Length { get; }

    /// <summary>Bytes of a block.</summary>
    static abstract int Bytes { get; }

    /// <summary>The values of one block, in float32 products in the order that ggml's reference has, so that bits are equal.</summary>
    static abstract void Dequantize(ReadOnlySpan<byte> block, Span<float> values);
}
