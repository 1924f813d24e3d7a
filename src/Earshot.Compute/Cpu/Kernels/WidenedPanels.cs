using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Steps of bfloat16 or int8 panels as float32 or int16 panels. Many rows are multiplied by what is widened once, in the first-level cache;
/// float32 numbers are those that a kernel widens in registers for a few rows, so that the products have the same bits.
/// </summary>
internal static unsafe class WidenedPanels<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;
    const int StepBytes = PackedMatrix.StepBytes;

    /// <summary>Steps of one kernel's panel as <paramref name="widened"/> reads them.</summary>
    public static void Unpack(MicroKernel kernel, MicroKernel widened, byte* panel, int steps, float* destination)
    {
        if (widened.Type == PanelType.Int16) UnpackWords(panel, steps, (uint*)destination);
        else if (kernel.Type == PanelType.BF16) UnpackPairs(panel, steps, destination);
        else UnpackBytes(panel, steps, destination);
    }

    static void UnpackPairs(byte* panel, int steps, float* destination)
    {
        for (; steps > 0; steps--, panel += StepBytes, destination += 2 * Width)
        {
            for (int column = 0; column < Width; column += TLanes.Count)
            {
                byte* pairs = panel + column * sizeof(float);
                TLanes.LoadEven(pairs).Store(destination + column);
                TLanes.LoadOdd(pairs).Store(destination + Width + column);
            }
        }
    }

    // Four bytes of a column become two steps of a pair each, without the 128 that they were stored with.
    static void UnpackWords(byte* panel, int steps, uint* destination)
    {
        for (; steps > 0; steps--, panel += StepBytes, destination += 2 * Width)
        {
            for (int column = 0; column < Width; column += Vector256<uint>.Count)
            {
                var quads = Vector256.Load((uint*)panel + column);
                Pair(quads).Store(destination + column);
                Pair(quads >> 16).Store(destination + Width + column);
            }
        }
    }

    // The low two bytes of each dword, less 128, as words.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> Pair(Vector256<uint> quads)
    {
        var words = (quads & Vector256.Create(0xFFu)) | ((quads & Vector256.Create(0xFF00u)) << 8);
        return (words.AsInt16() - Vector256.Create((short)128)).AsUInt32();
    }

    static void UnpackBytes(byte* panel, int steps, float* destination)
    {
        for (; steps > 0; steps--, panel += StepBytes, destination += 4 * Width)
        {
            for (int column = 0; column < Width; column += TLanes.Count)
            {
                byte* quads = panel + column * sizeof(float);
                for (int i = 0; i < 4; i++) TLanes.LoadByte(quads, i).Store(destination + i * Width + column);
            }
        }
    }
}
