using System.Runtime.InteropServices;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Writes one output's weights into its column of a panel.</summary>
internal static unsafe class PanelPacking
{
    const int Width = PackedMatrix.PanelWidth;

    public static void F32Column(ReadOnlySpan<float> weights, byte* panel, int column)
    {
        float* destination = (float*)panel + column;
        for (int k = 0; k < weights.Length; k++) destination[(nint)k * Width] = weights[k];
    }

    public static void BF16Column(ReadOnlySpan<float> weights, byte* panel, int column)
    {
        uint* destination = (uint*)panel + column;
        int pairs = weights.Length / 2;
        for (int pair = 0; pair < pairs; pair++) destination[(nint)pair * Width] = BFloat16.Round(weights[2 * pair]) | (uint)BFloat16.Round(weights[2 * pair + 1]) << 16;
        if (weights.Length % 2 != 0) destination[(nint)pairs * Width] = BFloat16.Round(weights[^1]);
    }

    /// <summary>Symmetric int8, stored with 128 added; returns what one unit is worth.</summary>
    public static float Int8Column(ReadOnlySpan<float> weights, byte* panel, int column, Span<byte> scratch)
    {
        var codes = MemoryMarshal.Cast<byte, sbyte>(scratch)[..weights.Length];
        float scale = Int8.Quantize(weights, codes);
        foreach (ref sbyte code in codes) code = (sbyte)(code ^ sbyte.MinValue); // adds 128
        CopyQuads(MemoryMarshal.AsBytes(codes), panel, column);
        return scale;
    }

    /// <summary>Four-bit codes and the scales of their groups; <paramref name="scratch"/> as long as the weights.</summary>
    public static void GroupedColumn(in GroupLayout layout, ReadOnlySpan<float> weights, byte* panel, int column, Span<byte> scratch)
    {
        var codes = scratch[..((weights.Length + 1) / 2)];
        if (layout.IsNf4)
        {
            Span<sbyte> scaleCodes = stackalloc sbyte[layout.Groups];
            Span<Nf4Scales> blocks = stackalloc Nf4Scales[Nf4.ScaleBlocks(weights.Length)];
            Nf4.Quantize(weights, codes, scaleCodes, blocks);
            for (int group = 0; group < layout.Groups; group++) ((sbyte*)panel + layout.ScalesOffset)[group * Width + column] = scaleCodes[group];
            float* means = (float*)(panel + layout.ScaleBlocksOffset) + column;
            for (int block = 0; block < blocks.Length; block++) (means[2 * block * Width], means[(2 * block + 1) * Width]) = (blocks[block].Mean, blocks[block].Step);
        }
        else
        {
            Span<Half> scales = stackalloc Half[layout.Groups];
            Int4.Quantize(weights, layout.GroupSize, codes, scales);
            for (int group = 0; group < layout.Groups; group++) ((Half*)(panel + layout.ScalesOffset))[group * Width + column] = scales[group];
        }
        CopyQuads(codes, panel, column);
        // Codes behind the last are multiplied by rows' zeros or not at all, whatever they are.
    }

    /// <summary>Copies four bytes for each step.</summary>
    static void CopyQuads(ReadOnlySpan<byte> bytes, byte* panel, int column)
    {
        uint* destination = (uint*)panel + column;
        var quads = MemoryMarshal.Cast<byte, uint>(bytes);
        for (int step = 0; step < quads.Length; step++) destination[(nint)step * Width] = quads[step];
        for (int i = quads.Length * 4; i < bytes.Length; i++) ((byte*)(destination + (nint)quads.Length * Width))[i % 4] = bytes[i];
    }
}
