using System.Runtime.CompilerServices;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>How the elements of a cache's pages are written and read.</summary>
internal unsafe interface IPageElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Whether each position of a head has a scale.</summary>
    static abstract bool HasScales { get; }

    static abstract TLanes Load(byte* row, int index);

    static abstract float LoadOne(byte* row, int index);

    /// <summary>Writes a row; returns its scale.</summary>
    static abstract float Store(float* source, int size, byte* row);
}

internal readonly unsafe struct FloatElements<TLanes> : IPageElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static bool HasScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* row, int index) => TLanes.Load((float*)row + index);

    public static float LoadOne(byte* row, int index) => ((float*)row)[index];

    public static float Store(float* source, int size, byte* row)
    {
        Rows<TLanes>.ToF32(source, size, (float*)row, size);
        return 1;
    }
}

internal readonly unsafe struct BFloat16Elements<TLanes> : IPageElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static bool HasScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* row, int index) => TLanes.LoadBF16((ushort*)row + index);

    public static float LoadOne(byte* row, int index) => BFloat16.ToSingle(((ushort*)row)[index]);

    public static float Store(float* source, int size, byte* row)
    {
        Rows<TLanes>.ToBF16(source, size, (ushort*)row, size);
        return 1;
    }
}

internal readonly unsafe struct Int8Elements<TLanes> : IPageElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int LargestCode = 127;

    public static bool HasScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* row, int index) => TLanes.LoadInt8((sbyte*)row + index);

    public static float LoadOne(byte* row, int index) => ((sbyte*)row)[index];

    public static float Store(float* source, int size, byte* row)
    {
        float scale = Rows<TLanes>.Largest(source, size) / LargestCode;
        _ = Rows<TLanes>.ToInt8(source, size, scale == 0 ? 0 : 1 / scale, (sbyte*)row, size);
        return scale;
    }
}
