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
    public static float Int8Column(ReadOnlySpan<float> weights, byte* panel, int column)
    {
        float scale = Int8Scale(weights), inverse = scale == 0 ? 0 : 1 / scale;
        byte* destination = panel + column * 4;
        for (int k = 0; k < weights.Length; k++)
        {
            destination[(nint)(k >> 2) * Width * 4 + (k & 3)] = (byte)(Math.Clamp((int)MathF.Round(weights[k] * inverse), -127, 127) + 128);
        }
        return scale;
    }

    static float Int8Scale(ReadOnlySpan<float> weights)
    {
        float largest = 0;
        foreach (float weight in weights) largest = MathF.Max(largest, MathF.Abs(weight));
        return largest / 127;
    }
}
