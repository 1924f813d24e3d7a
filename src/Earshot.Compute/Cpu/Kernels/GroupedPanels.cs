using System.Runtime.CompilerServices;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Panels of four-bit codes: [inputs / 8][32][8 codes of an output in a dword], then the groups' scales, [group][32]; for NF4
/// those are bytes, with mean and step of each 256 groups behind them. A weight is table[code] · scale, rounded once, whichever
/// way it is used, so that all numbers of rows give the same bits.
/// </summary>
internal static unsafe class GroupedPanels<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Rows that are multiplied by the codes directly; more are worth unpacking for.</summary>
    public const int DirectRows = 4;

    const int Width = PackedMatrix.PanelWidth;
    const int StepBytes = PackedMatrix.StepBytes;

    /// <summary>Writes the weights of some inputs as a float32 panel.</summary>
    public static void Unpack(in GroupLayout layout, byte* panel, int firstInput, int count, float* destination)
    {
        float* table = layout.Table;
        for (int column = 0; column < Width; column += TLanes.Count)
        {
            for (int input = firstInput; input < firstInput + count; input += 8)
            {
                var scale = Scale(layout, panel, input / layout.GroupSize, column);
                var codes = TLanes.LoadBits(panel + (nint)(input / 8) * StepBytes + column * sizeof(float));
                float* weights = destination + (nint)(input - firstInput) * Width + column;
                for (int i = 0; i < 8; i++, weights += Width)
                {
                    (TLanes.Lookup(table, codes) * scale).Store(weights);
                    codes = TLanes.NextCode(codes);
                }
            }
        }
    }

    /// <summary>Multiplies up to four rows by a whole panel, into sums of 32 columns.</summary>
    public static void Multiply(in GroupLayout layout, MicroArguments* arguments, int rows)
    {
        switch (rows)
        {
            case 1: Multiply<One>(layout, arguments); break;
            case 2: Multiply<Two>(layout, arguments); break;
            case 3: Multiply<Three>(layout, arguments); break;
            default: Multiply<Four>(layout, arguments); break;
        }
    }

    static void Multiply<TRows>(in GroupLayout layout, MicroArguments* arguments) where TRows : struct, IRows
    {
        float* table = layout.Table;
        int inputs = (int)arguments->Steps, groupSize = layout.GroupSize;
        byte* panel = arguments->Panel;
        nint stride = arguments->RowStride / sizeof(float), sumStride = arguments->SumStride / sizeof(float);
        for (int column = 0; column < Width; column += 2 * TLanes.Count)
        {
            TLanes s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
            float* x = (float*)arguments->Rows;
            for (int first = 0, group = 0; first < inputs; first += groupSize, group++)
            {
                TLanes scale0 = Scale(layout, panel, group, column), scale1 = Scale(layout, panel, group, column + TLanes.Count);
                int end = Math.Min(first + groupSize, inputs);
                for (int input = first; input < end; input += 8)
                {
                    byte* at = panel + (nint)(input / 8) * StepBytes + column * sizeof(float);
                    TLanes codes0 = TLanes.LoadBits(at), codes1 = TLanes.LoadBits(at + TLanes.Count * sizeof(float));
                    int count = Math.Min(8, end - input);
                    for (int i = 0; i < count; i++, x++)
                    {
                        TLanes w0 = TLanes.Lookup(table, codes0) * scale0, w1 = TLanes.Lookup(table, codes1) * scale1;
                        codes0 = TLanes.NextCode(codes0);
                        codes1 = TLanes.NextCode(codes1);
                        var value = TLanes.Create(*x);
                        s00 = TLanes.MultiplyAdd(w0, value, s00); s01 = TLanes.MultiplyAdd(w1, value, s01);
                        if (TRows.Count > 1) { value = TLanes.Create(x[stride]); s10 = TLanes.MultiplyAdd(w0, value, s10); s11 = TLanes.MultiplyAdd(w1, value, s11); }
                        if (TRows.Count > 2) { value = TLanes.Create(x[2 * stride]); s20 = TLanes.MultiplyAdd(w0, value, s20); s21 = TLanes.MultiplyAdd(w1, value, s21); }
                        if (TRows.Count > 3) { value = TLanes.Create(x[3 * stride]); s30 = TLanes.MultiplyAdd(w0, value, s30); s31 = TLanes.MultiplyAdd(w1, value, s31); }
                    }
                }
            }
            float* sums = arguments->Sums + column;
            Store(sums, s00, s01);
            if (TRows.Count > 1) Store(sums + sumStride, s10, s11);
            if (TRows.Count > 2) Store(sums + 2 * sumStride, s20, s21);
            if (TRows.Count > 3) Store(sums + 3 * sumStride, s30, s31);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(float* sums, TLanes low, TLanes high)
    {
        low.Store(sums);
        high.Store(sums + TLanes.Count);
    }

    static TLanes Scale(in GroupLayout layout, byte* panel, int group, int column)
    {
        byte* scales = panel + layout.ScalesOffset;
        if (!layout.IsNf4) return TLanes.LoadHalf((ushort*)scales + group * Width + column);
        // Means, then steps, of each block of scales.
        float* blocks = (float*)(panel + layout.ScaleBlocksOffset) + group / Nf4.ScalesPerBlock * 2 * Width + column;
        var code = TLanes.LoadInt8((sbyte*)scales + group * Width + column);
        return TLanes.Max(TLanes.Create(0), TLanes.MultiplyAdd(code, TLanes.Load(blocks + Width), TLanes.Load(blocks)));
    }
}

/// <summary>How a panel of four-bit codes lies in memory.</summary>
internal readonly unsafe struct GroupLayout
{
    // Sixteen values at an address that does not move.
    static readonly float[] Int4Table = Pinned(Int4.Values);
    static readonly float[] Nf4Table = Pinned(Nf4.Values);

    public GroupLayout(WeightFormat format, int inputs)
    {
        IsNf4 = format == WeightFormat.Nf4;
        GroupSize = format switch { WeightFormat.Int4Group32 => 32, WeightFormat.Int4Group128 => 128, _ => Nf4.BlockSize };
        Groups = (inputs + GroupSize - 1) / GroupSize;
        ScalesOffset = (nint)Groups * GroupSize / 8 * PackedMatrix.StepBytes;
        ScaleBlocksOffset = ScalesOffset + (nint)Groups * PackedMatrix.PanelWidth * (IsNf4 ? sizeof(sbyte) : sizeof(ushort));
        PanelBytes = ScaleBlocksOffset + (IsNf4 ? (nint)Nf4.ScaleBlocks(inputs) * 2 * PackedMatrix.PanelWidth * sizeof(float) : 0);
        Table = (float*)Unsafe.AsPointer(ref (IsNf4 ? Nf4Table : Int4Table)[0]);
    }

    public bool IsNf4 { get; }

    public int GroupSize { get; }

    public int Groups { get; }

    public nint ScalesOffset { get; }

    public nint ScaleBlocksOffset { get; }

    public nint PanelBytes { get; }

    /// <summary>The value of each code.</summary>
    public float* Table { get; }

    static float[] Pinned(ReadOnlySpan<float> values)
    {
        var table = GC.AllocateArray<float>(values.Length, pinned: true);
        values.CopyTo(table);
        return table;
    }
}
