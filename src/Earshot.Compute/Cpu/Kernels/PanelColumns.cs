using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Writes rows of dwords as neighbouring columns of a panel, four by four: a dword at a time would fill a line for each.</summary>
internal static unsafe class PanelColumns
{
    /// <summary>Columns that are written together.</summary>
    public const int Count = 4;

    const int Width = PackedMatrix.PanelWidth;

    /// <summary>
    /// Four rows of <paramref name="steps"/> dwords, side by side, to four columns of a panel from <paramref name="destination"/> on, some
    /// bits of each flipped.
    /// </summary>
    public static void Write(uint* rows, int steps, uint* destination, uint flipped = 0)
    {
        var bits = Vector128.Create(flipped);
        int step = 0;
        for (; step <= steps - Count; step += Count, destination += Count * Width)
        {
            uint* row = rows + step;
            var (a, b) = Interleaved(Vector128.Load(row) ^ bits, Vector128.Load(row + 2 * (nint)steps) ^ bits);
            var (c, d) = Interleaved(Vector128.Load(row + steps) ^ bits, Vector128.Load(row + 3 * (nint)steps) ^ bits);
            Store(a, c, destination);
            Store(b, d, destination + 2 * Width);
        }
        for (; step < steps; step++, destination += Width)
        {
            for (int n = 0; n < Count; n++) destination[n] = rows[n * steps + step] ^ flipped;
        }
    }

    static void Store(Vector128<uint> even, Vector128<uint> odd, uint* destination)
    {
        var (first, second) = Interleaved(even, odd);
        first.Store(destination);
        second.Store(destination + Width);
    }

    // The lower halves' lanes in turns, and the upper halves'.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (Vector128<uint> Lower, Vector128<uint> Upper) Interleaved(Vector128<uint> left, Vector128<uint> right)
    {
        if (Sse2.IsSupported) return (Sse2.UnpackLow(left, right), Sse2.UnpackHigh(left, right));
        if (AdvSimd.Arm64.IsSupported) return (AdvSimd.Arm64.ZipLow(left, right), AdvSimd.Arm64.ZipHigh(left, right));
        return (
            Vector128.Create(left[0], right[0], left[1], right[1]), Vector128.Create(left[2], right[2], left[3], right[3]));
    }
}
