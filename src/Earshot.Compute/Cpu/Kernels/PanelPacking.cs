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
        for (int pair = 0; pair < pairs; pair++)
            destination[(nint)pair * Width] = BFloat16.Round(weights[2 * pair]) | (uint)BFloat16.Round(weights[2 * pair + 1]) << 16;
        if (weights.Length % 2 != 0) destination[(nint)pairs * Width] = BFloat16.Round(weights[^1]);
    }

    /// <summary>Symmetric int8, stored with 128 added.</summary>
    public static void Int8Column(QuantizedRow row, byte* panel, int column) => CopyQuads(row.Codes, panel, column, flipped: 0x80);

    /// <summary>Four-bit codes and the scales of their groups.</summary>
    public static void GroupedColumn(in GroupLayout layout, QuantizedRow row, byte* panel, int column)
    {
        if (layout.IsNf4)
        {
            for (int group = 0; group < layout.Groups; group++)
                ((sbyte*)panel + layout.ScalesOffset)[group * Width + column] = row.ScaleCodes[group];
            float* means = (float*)(panel + layout.ScaleBlocksOffset) + column;
            var blocks = row.Nf4Scales;
            for (int block = 0; block < blocks.Length; block++)
                (means[2 * block * Width], means[(2 * block + 1) * Width]) = (blocks[block].Mean, blocks[block].Step);
        }
        else
        {
            for (int group = 0; group < layout.Groups; group++)
                ((Half*)(panel + layout.ScalesOffset))[group * Width + column] = row.Int4Scales[group];
        }
        CopyQuads(row.Codes, panel, column, flipped: 0);
        // Codes behind the last are multiplied by rows' zeros or not at all, whatever they are.
    }

    /// <summary>Copies four bytes for each step, the given bits of each byte flipped.</summary>
    static void CopyQuads(ReadOnlySpan<byte> bytes, byte* panel, int column, byte flipped)
    {
        uint* destination = (uint*)panel + column;
        uint flippedQuad = 0x01010101u * flipped;
        var quads = MemoryMarshal.Cast<byte, uint>(bytes);
        for (int step = 0; step < quads.Length; step++) destination[(nint)step * Width] = quads[step] ^ flippedQuad;
        for (int i = quads.Length * 4; i < bytes.Length; i++)
            ((byte*)(destination + (nint)quads.Length * Width))[i % 4] = (byte)(bytes[i] ^ flipped);
    }
}
