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

    /// <summary>Writes the weights of some inputs as a float32 panel; they begin at a multiple of 32.</summary>
    public static void Unpack(in GroupLayout layout, byte* panel, int firstInput, int count, float* destination)
    {
        int end = firstInput + count;
        for (int input = firstInput; input < end;)
        {
            int group = input / layout.GroupSize, taken = Math.Min(end, (group + 1) * layout.GroupSize) - input;
            byte* codes = panel + (nint)(input / 8) * StepBytes;
            for (int column = 0; column < Width; column += TLanes.Count)
            {
                UnpackColumns(
                    layout.Table, codes + column * sizeof(float), taken, Scale(layout, panel, group, column),
                    destination + (nint)(input - firstInput) * Width + column);
            }
            input += taken;
        }
    }

    static void UnpackColumns(float* table, byte* codes, int count, TLanes scale, float* destination)
    {
        for (int input = 0; input < count; input += 8, codes += StepBytes)
        {
            var left = TLanes.LoadBits(codes);
            for (int i = 0; i < 8; i++, destination += Width)
            {
                (TLanes.Lookup(table, left) * scale).Store(destination);
                left = TLanes.NextCode(left);
            }
        }
    }

    /// <summary>The same as a bfloat16 panel: pairs of inputs side by side.</summary>
    public static void UnpackPairs(in GroupLayout layout, byte* panel, int firstInput, int count, byte* destination)
    {
        int end = firstInput + count;
        for (int input = firstInput; input < end;)
        {
            int group = input / layout.GroupSize, taken = Math.Min(end, (group + 1) * layout.GroupSize) - input;
            for (int column = 0; column < Width; column += TLanes.Count)
            {
                byte* codes = panel + (nint)(input / 8) * StepBytes + column * sizeof(float);
                byte* pairs = destination + (nint)(input - firstInput) / 2 * StepBytes + column * sizeof(float);
                var scale = Scale(layout, panel, group, column);
                for (int first = 0; first < taken; first += 8, codes += StepBytes)
                {
                    var left = TLanes.LoadBits(codes);
                    for (int i = 0; i < 8; i += 2, pairs += StepBytes)
                    {
                        var even = TLanes.Lookup(layout.Table, left) * scale;
                        left = TLanes.NextCode(left);
                        TLanes.StorePairs(even, TLanes.Lookup(layout.Table, left) * scale, pairs);
                        left = TLanes.NextCode(left);
                    }
                }
            }
            input += taken;
        }
    }

    /// <summary>The scales of one panel or two that are neighbours, as float32: (groups, panels, 32).</summary>
    public static void Scales(in GroupLayout layout, byte* panel, int panels, float* scales)
    {
        for (int group = 0; group < layout.Groups; group++)
        {
            for (int i = 0; i < panels; i++)
            {
                for (int column = 0; column < Width; column += TLanes.Count)
                {
                    Scale(layout, panel + i * layout.PanelBytes, group, column).Store(scales + (group * panels + i) * Width + column);
                }
            }
        }
    }

    /// <summary>
    /// Multiplies up to four rows by one panel or two that are neighbours, with emitted code; sums are (panels, rows, 32).
    /// </summary>
    public static void Multiply(Int4Kernel kernel, in GroupLayout layout, MicroArguments* arguments, int rows, int panels, float* scales)
    {
        var codes = new CodeArguments
        {
            Rows = (float*)arguments->Rows,
            RowStride = arguments->RowStride,
            Panel = arguments->Panel,
            PanelBytes = layout.PanelBytes,
            Groups = layout.Groups,
            GroupSteps = layout.GroupSize / 8,
            Scales = scales,
            Table = layout.Table,
            Sums = arguments->Sums,
        };
        kernel.Run(&codes, rows, panels);
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
        int inputs = (int)arguments->Steps;
        for (int column = 0; column < Width; column += 2 * TLanes.Count)
        {
            var part = *arguments;
            part.Sums += column;
            for (int r = 0; r < TRows.Count; r++)
                Store((float*)((byte*)part.Sums + r * part.SumStride), TLanes.Create(0), TLanes.Create(0));
            for (int first = 0, group = 0; first < inputs; first += layout.GroupSize, group++)
            {
                part.Rows = arguments->Rows + (nint)first * sizeof(float);
                part.Panel = arguments->Panel + (nint)(first / 8) * StepBytes + column * sizeof(float);
                part.Steps = Math.Min(layout.GroupSize, inputs - first);
                MultiplyGroup<TRows>(&part, layout.Table, Scale(layout, arguments->Panel, group, column), Scale(
                    layout, arguments->Panel, group, column + TLanes.Count));
            }
        }
    }

    // On its own and without calls, so that the sums stay in registers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    static void MultiplyGroup<TRows>(MicroArguments* arguments, float* table, TLanes scale0, TLanes scale1) where TRows : struct, IRows
    {
        float* x = (float*)arguments->Rows;
        byte* panel = arguments->Panel;
        float* sums = arguments->Sums;
        nint stride = arguments->RowStride / sizeof(float), sumStride = arguments->SumStride / sizeof(float);
        TLanes s00 = TLanes.Load(sums), s01 = TLanes.Load(sums + TLanes.Count);
        TLanes s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
        if (TRows.Count > 1) { s10 = TLanes.Load(sums + sumStride); s11 = TLanes.Load(sums + sumStride + TLanes.Count); }
        if (TRows.Count > 2) { s20 = TLanes.Load(sums + 2 * sumStride); s21 = TLanes.Load(sums + 2 * sumStride + TLanes.Count); }
        if (TRows.Count > 3) { s30 = TLanes.Load(sums + 3 * sumStride); s31 = TLanes.Load(sums + 3 * sumStride + TLanes.Count); }
        for (nint left = arguments->Steps; left > 0; left -= 8, panel += StepBytes)
        {
            TLanes codes0 = TLanes.LoadBits(panel), codes1 = TLanes.LoadBits(panel + TLanes.Count * sizeof(float));
            for (nint i = Math.Min(8, left); i > 0; i--, x++)
            {
                TLanes w0 = TLanes.Lookup(table, codes0) * scale0, w1 = TLanes.Lookup(table, codes1) * scale1;
                codes0 = TLanes.NextCode(codes0);
                codes1 = TLanes.NextCode(codes1);
                var value = TLanes.Create(*x);
                s00 = TLanes.MultiplyAdd(w0, value, s00); s01 = TLanes.MultiplyAdd(w1, value, s01);
                if (TRows.Count > 1)
                {
                    value = TLanes.Create(
                    x[stride]); s10 = TLanes.MultiplyAdd(w0, value, s10); s11 = TLanes.MultiplyAdd(w1, value, s11);
                }
                if (TRows.Count > 2)
                {
                    value = TLanes.Create(
                    x[2 * stride]); s20 = TLanes.MultiplyAdd(w0, value, s20); s21 = TLanes.MultiplyAdd(w1, value, s21);
                }
                if (TRows.Count > 3)
                {
                    value = TLanes.Create(
                    x[3 * stride]); s30 = TLanes.MultiplyAdd(w0, value, s30); s31 = TLanes.MultiplyAdd(w1, value, s31);
                }
            }
        }
        Store(sums, s00, s01);
        if (TRows.Count > 1) Store(sums + sumStride, s10, s11);
        if (TRows.Count > 2) Store(sums + 2 * sumStride, s20, s21);
        if (TRows.Count > 3) Store(sums + 3 * sumStride, s30, s31);
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
        IsNf4 = format.Scheme == NumberScheme.NormalFloat;
        GroupSize = format.Group;
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
