using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Makes float32 panels of 32 rows of ggml's blocks, where many rows of inputs meet them. The values are those that the blocks are
/// dequantised to, bit for bit: all products are exact but the last, which is rounded once.
/// </summary>
internal static unsafe class BlockPanels<TGroups, TDot>
    where TGroups : struct, IBlockGroups
    where TDot : struct, IByteDot
{
    const int Width = PackedMatrix.PanelWidth;
    const int GroupSize = BlockInputs.GroupSize;
    const int Lanes = 8;

    /// <summary>The scales and offsets of 32 rows, (rows, 2, padded groups).</summary>
    public static void Scales(byte** rows, in BlockInputs shape, float* scales)
    {
        for (int r = 0; r < Width; r++, scales += 2 * shape.PaddedGroups)
            TGroups.Scales(rows[r], shape.Groups, scales, scales + shape.PaddedGroups);
    }

    /// <summary>The values of some groups, of which the first has an even number, as (inputs, 32).</summary>
    public static void Unpack(byte** rows, in BlockInputs shape, float* scales, int firstGroup, int groups, float* panel)
    {
        const int pair = 2 * GroupSize;
        byte* codes = stackalloc byte[Lanes * pair];
        for (int group = firstGroup; group < firstGroup + groups; group += 2, panel += pair * Width)
        {
            int taken = Math.Min(2, firstGroup + groups - group);
            for (int r = 0; r < Width; r += Lanes)
            {
                for (int i = 0; i < Lanes; i++) Load(rows[r + i], group, shape.Groups, codes + i * pair);
                for (int half = 0; half < taken; half++)
                {
                    var units = Units(rows + r, scales + 2 * r * shape.PaddedGroups, shape.PaddedGroups, group + half);
                    Spread(codes + half * GroupSize, pair, units, panel + half * GroupSize * Width + r);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Load(byte* row, int group, int groups, byte* codes)
    {
        Vector256<byte> first, second;
        if (group == groups - 1) TGroups.Last(row, group, out first, out second);
        else TGroups.Pair(row, group, out first, out second);
        if (TGroups.IsInterleaved)
        {
            var firstHalves = first;
            first = Vector256.Create(first.GetLower(), second.GetLower());
            second = Vector256.Create(firstHalves.GetUpper(), second.GetUpper());
        }
        first.Store(codes);
        second.Store(codes + GroupSize);
    }

    /// <summary>What a code of eight rows counts in, in either half of a group, and what is added.</summary>
    readonly record struct RowUnits(Vector256<float> Low, Vector256<float> High, Vector256<float> Offsets);

    static RowUnits Units(byte** rows, float* scales, int padded, int group)
    {
        float* low = stackalloc float[3 * Lanes], high = low + Lanes, offsets = high + Lanes;
        for (int i = 0; i < Lanes; i++, scales += 2 * padded)
        {
            low[i] = high[i] = scales[group];
            offsets[i] = TGroups.HasOffsets ? scales[padded + group] : TGroups.CodeOffset * scales[group];
            if (!TGroups.HasHalves) continue;
            var halves = TGroups.Halves(rows[i], group);
            low[i] *= halves.GetElement(0);
            high[i] *= halves.GetElement(Lanes);
        }
        return new RowUnits(Vector256.Load(low), Vector256.Load(high), Vector256.Load(offsets));
    }

    // 32 codes of each of eight rows become 32 vectors of eight rows.
    static void Spread(byte* codes, int stride, in RowUnits units, float* panel)
    {
        for (int input = 0; input < GroupSize; input += Lanes, codes += Lanes, panel += Lanes * Width)
        {
            var scale = input < GroupSize / 2 ? units.Low : units.High;
            if (TDot.HasAvx2) SpreadAvx2(codes, stride, scale, units.Offsets, panel);
            else SpreadPlain(codes, stride, scale, units.Offsets, panel);
        }
    }

    static void SpreadPlain(byte* codes, int stride, Vector256<float> scale, Vector256<float> offsets, float* panel)
    {
        int* column = stackalloc int[Lanes];
        for (int input = 0; input < Lanes; input++)
        {
            for (int i = 0; i < Lanes; i++)
                column[i] = TGroups.IsSigned ? ((sbyte*)codes)[i * stride + input] : codes[i * stride + input];
            Store(Vector256.Load(column), scale, offsets, panel + input * Width);
        }
    }

    // The bytes of eight rows are put in order four inputs at a time, as a step of an int8 panel.
    static void SpreadAvx2(byte* codes, int stride, Vector256<float> scale, Vector256<float> offsets, float* panel)
    {
        var first = Vector256.Create(
            *(int*)codes, *(int*)(codes + stride), *(int*)(codes + 2 * stride), *(int*)(codes + 3 * stride),
            *(int*)(codes + 4 * stride), *(int*)(codes + 5 * stride), *(int*)(codes + 6 * stride), *(int*)(codes + 7 * stride));
        codes += sizeof(int);
        var second = Vector256.Create(
            *(int*)codes, *(int*)(codes + stride), *(int*)(codes + 2 * stride), *(int*)(codes + 3 * stride),
            *(int*)(codes + 4 * stride), *(int*)(codes + 5 * stride), *(int*)(codes + 6 * stride), *(int*)(codes + 7 * stride));
        for (int i = 0; i < sizeof(int); i++)
        {
            Store(Byte(first, i), scale, offsets, panel + i * Width);
            Store(Byte(second, i), scale, offsets, panel + (sizeof(int) + i) * Width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Byte(Vector256<int> quads, int index) =>
        TGroups.IsSigned ? (quads << (24 - 8 * index)) >> 24 : (quads >>> (8 * index)) & Vector256.Create(255);

    // Never with a fused step: what is not exact in it is rounded as ggml's reference does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(Vector256<int> codes, Vector256<float> scale, Vector256<float> offsets, float* destination)
    {
        var values = Vector256.ConvertToSingle(codes) * scale;
        (TGroups.HasOffsets || TGroups.CodeOffset != 0 ? values + offsets : values).Store(destination);
    }
}
