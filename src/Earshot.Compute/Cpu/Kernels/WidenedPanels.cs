namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Steps of bfloat16 or int8 panels as float32 panels. Many rows are multiplied by what is widened once, in the first-level cache; the
/// numbers are those that a kernel widens in registers for a few rows, so that the products have the same bits.
/// </summary>
internal static unsafe class WidenedPanels<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;
    const int StepBytes = PackedMatrix.StepBytes;

    public static void Unpack(PanelType type, byte* panel, int steps, float* destination)
    {
        if (type == PanelType.BF16) UnpackPairs(panel, steps, destination);
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
