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
        ushort* destination = (ushort*)panel + column * 2;
        for (int k = 0; k < weights.Length; k++) destination[(nint)(k >> 1) * Width * 2 + (k & 1)] = BFloat16.Round(weights[k]);
    }

    /// <summary>Symmetric int8, stored with 128 added; returns what one unit is worth.</summary>
    public static float Int8Column(ReadOnlySpan<float> weights, byte* panel, int column, Span<byte> scratch)
    {
        var codes = MemoryMarshal.Cast<byte, sbyte>(scratch)[..weights.Length];
        float scale = Int8.Quantize(weights, codes);
        byte* destination = panel + column * 4;
        for (int k = 0; k < codes.Length; k++) destination[(nint)(k >> 2) * Width * 4 + (k & 3)] = (byte)(codes[k] + 128);
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
        for (int i = 0; i < codes.Length; i++) panel[(nint)(i >> 2) * PackedMatrix.StepBytes + column * 4 + (i & 3)] = codes[i];
        // Codes behind the last are multiplied by rows' zeros or not at all, whatever they are.
    }
}
