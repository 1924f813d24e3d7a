using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Micro-kernels in vector code that the runtime compiles: 6 rows × 2 vectors of columns in registers, over the same panels
/// as the emitted ones.
/// </summary>
internal static unsafe class ManagedKernels<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int MaxRows = 6;
    const int StepBytes = 128;

    public static MicroKernel F32() => new(PanelType.F32, MaxRows, &Run<FloatPanel<TLanes>>) { RowType = PanelType.F32 };

    /// <summary>The panel's bfloat16 widened in registers, the rows float32.</summary>
    public static MicroKernel BF16() => new(PanelType.BF16, MaxRows, &Run<BFloat16Panel<TLanes>>) { RowType = PanelType.F32 };

    /// <summary>The panel's bytes widened in registers, the rows float32.</summary>
    public static MicroKernel WidenedInt8() => new(PanelType.Int8, MaxRows, &Run<WidenedBytePanel<TLanes>>) { RowType = PanelType.F32 };

    public static MicroKernel Int8<TPanel>() where TPanel : struct, IPanel<TLanes> =>
        new(PanelType.Int8, MaxRows, &Run<TPanel>) { RowType = PanelType.Int8 };

    static void Run<TPanel>(MicroArguments* arguments, int rows) where TPanel : struct, IPanel<TLanes>
    {
        switch (rows)
        {
            case 1: Multiply<TPanel, One>(arguments); break;
            case 2: Multiply<TPanel, Two>(arguments); break;
            case 3: Multiply<TPanel, Three>(arguments); break;
            case 4: Multiply<TPanel, Four>(arguments); break;
            case 5: Multiply<TPanel, Five>(arguments); break;
            default: Multiply<TPanel, Six>(arguments); break;
        }
    }

    // The rows' number is known when this is compiled, so the tests on it cost nothing and the sums stay in registers.
    static void Multiply<TPanel, TRows>(MicroArguments* arguments)
        where TPanel : struct, IPanel<TLanes>
        where TRows : struct, IRows
    {
        nint stride = arguments->RowStride, steps = arguments->Steps;
        int bytes = TLanes.Count * sizeof(float);
        for (int column = 0; column < StepBytes; column += 2 * bytes)
        {
            byte* panel = arguments->Panel + column;
            byte* a0 = arguments->Rows, a3 = a0 + 3 * stride;
            float* sums = (float*)((byte*)arguments->Sums + column);
            nint sumStride = arguments->SumStride / sizeof(float);
            bool accumulate = arguments->Accumulate != 0;
            TLanes s00 = Begin(sums, 0, accumulate), s01 = Begin(sums, bytes, accumulate);
            TLanes s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default, s40 = default, s41 = default,
                s50 = default, s51 = default;
            if (TRows.Count > 1) { s10 = Begin(sums + sumStride, 0, accumulate); s11 = Begin(sums + sumStride, bytes, accumulate); }
            if (TRows.Count > 2) { s20 = Begin(sums + 2 * sumStride, 0, accumulate); s21 = Begin(sums + 2 * sumStride, bytes, accumulate); }
            if (TRows.Count > 3) { s30 = Begin(sums + 3 * sumStride, 0, accumulate); s31 = Begin(sums + 3 * sumStride, bytes, accumulate); }
            if (TRows.Count > 4) { s40 = Begin(sums + 4 * sumStride, 0, accumulate); s41 = Begin(sums + 4 * sumStride, bytes, accumulate); }
            if (TRows.Count > 5) { s50 = Begin(sums + 5 * sumStride, 0, accumulate); s51 = Begin(sums + 5 * sumStride, bytes, accumulate); }
            for (nint step = 0; step < steps; step++)
            {
                for (int part = 0; part < TPanel.Parts; part++)
                {
                    TLanes p0 = TPanel.Load(panel, part), p1 = TPanel.Load(panel + bytes, part);
                    var value = TLanes.Create(*(float*)a0);
                    s00 = TPanel.MultiplyAdd(p0, value, s00); s01 = TPanel.MultiplyAdd(p1, value, s01);
                    if (TRows.Count > 1)
                    {
                        value = TLanes.Create(
                        *(float*)(a0 + stride)); s10 = TPanel.MultiplyAdd(p0, value, s10); s11 = TPanel.MultiplyAdd(p1, value, s11);
                    }
                    if (TRows.Count > 2)
                    {
                        value = TLanes.Create(
                        *(float*)(a0 + 2 * stride)); s20 = TPanel.MultiplyAdd(p0, value, s20); s21 = TPanel.MultiplyAdd(p1, value, s21);
                    }
                    if (TRows.Count > 3)
                    {
                        value = TLanes.Create(
                        *(float*)a3); s30 = TPanel.MultiplyAdd(p0, value, s30); s31 = TPanel.MultiplyAdd(p1, value, s31);
                    }
                    if (TRows.Count > 4)
                    {
                        value = TLanes.Create(
                        *(float*)(a3 + stride)); s40 = TPanel.MultiplyAdd(p0, value, s40); s41 = TPanel.MultiplyAdd(p1, value, s41);
                    }
                    if (TRows.Count > 5)
                    {
                        value = TLanes.Create(
                        *(float*)(a3 + 2 * stride)); s50 = TPanel.MultiplyAdd(p0, value, s50); s51 = TPanel.MultiplyAdd(p1, value, s51);
                    }
                    a0 += sizeof(float);
                    a3 += sizeof(float);
                }
                panel += StepBytes;
            }
            End(sums, bytes, s00, s01);
            if (TRows.Count > 1) End(sums + sumStride, bytes, s10, s11);
            if (TRows.Count > 2) End(sums + 2 * sumStride, bytes, s20, s21);
            if (TRows.Count > 3) End(sums + 3 * sumStride, bytes, s30, s31);
            if (TRows.Count > 4) End(sums + 4 * sumStride, bytes, s40, s41);
            if (TRows.Count > 5) End(sums + 5 * sumStride, bytes, s50, s51);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes Begin(float* sums, int offset, bool accumulate) => accumulate ? TLanes.Load((float*)((byte*)sums + offset)) : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void End(float* sums, int bytes, TLanes low, TLanes high)
    {
        low.Store(sums);
        high.Store((float*)((byte*)sums + bytes));
    }
}

/// <summary>How a panel's elements are read and multiplied.</summary>
internal unsafe interface IPanel<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Values of a row that one step takes, each four bytes.</summary>
    static abstract int Parts { get; }

    static abstract TLanes Load(byte* panel, int part);

    static abstract TLanes MultiplyAdd(TLanes panel, TLanes row, TLanes sum);
}

internal readonly unsafe struct FloatPanel<TLanes> : IPanel<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static int Parts => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* panel, int part) => TLanes.Load((float*)panel);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes MultiplyAdd(TLanes panel, TLanes row, TLanes sum) => TLanes.MultiplyAdd(panel, row, sum);
}

internal readonly unsafe struct BFloat16Panel<TLanes> : IPanel<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static int Parts => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* panel, int part) => part == 0 ? TLanes.LoadEven(panel) : TLanes.LoadOdd(panel);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes MultiplyAdd(TLanes panel, TLanes row, TLanes sum) => TLanes.MultiplyAdd(panel, row, sum);
}

internal readonly unsafe struct WidenedBytePanel<TLanes> : IPanel<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static int Parts => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* panel, int part) => TLanes.LoadByte(panel, part);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes MultiplyAdd(TLanes panel, TLanes row, TLanes sum) => TLanes.MultiplyAdd(panel, row, sum);
}

/// <summary>Unsigned by signed bytes with AVX-VNNI.</summary>
internal readonly unsafe struct BytePanel : IPanel<Lanes256>
{
    public static int Parts => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(byte* panel, int part) => Lanes256.Load((float*)panel);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyAdd(Lanes256 panel, Lanes256 row, Lanes256 sum) =>
        new(AvxVnni.MultiplyWideningAndAdd(sum.Value.AsInt32(), panel.Value.AsByte(), row.Value.AsSByte()).AsSingle());
}

/// <summary>A number of rows, as a type.</summary>
internal interface IRows
{
    static abstract int Count { get; }
}

internal readonly struct One : IRows { public static int Count => 1; }

internal readonly struct Two : IRows { public static int Count => 2; }

internal readonly struct Three : IRows { public static int Count => 3; }

internal readonly struct Four : IRows { public static int Count => 4; }

internal readonly struct Five : IRows { public static int Count => 5; }

internal readonly struct Six : IRows { public static int Count => 6; }
