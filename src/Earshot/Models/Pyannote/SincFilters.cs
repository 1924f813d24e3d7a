using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// Band-pass filters whose parameters are the edges of their bands (SincNet, Ravanelli and Bengio 2018, in the form of the asteroid
/// filter banks): a cosine kernel for each band, then a sine kernel for each. They are computed once, in float64.
/// </summary>
internal static class SincFilters
{
    /// <summary>
    /// Kernels (filters, taps) of the bands given by the parameters <c>low_hz_</c> and <c>band_hz_</c>, (filters / 2) each.
    /// </summary>
    public static float[] Compute(ReadOnlySpan<float> lowHz, ReadOnlySpan<float> bandHz, PyannoteSegmentationConfig config)
    {
        int pairs = lowHz.Length, taps = config.KernelSize, half = taps / 2;
        var filters = new float[2 * pairs * taps];
        for (int p = 0; p < pairs; p++)
        {
            double low = config.MinLowHz + Math.Abs((double)lowHz[p]);
            double high = Math.Clamp(
                low + config.MinBandHz + Math.Abs((double)bandHz[p]), config.MinLowHz, PyannoteSegmentationConfig.SampleRate / 2.0);
            double scale = 1 / (2 * (high - low));
            Span<float> cosine = filters.AsSpan(p * taps, taps), sine = filters.AsSpan((pairs + p) * taps, taps);
            for (int i = 0; i < half; i++)
            {
                double n = Time(i, half), w = Window(i, taps) * scale / (n / 2);
                cosine[i] = cosine[taps - 1 - i] = (float)((Math.Sin(high * n) - Math.Sin(low * n)) * w);
                sine[i] = (float)((Math.Cos(low * n) - Math.Cos(high * n)) * w);
                sine[taps - 1 - i] = -sine[i];
            }
            cosine[half] = 1; // 2 · band · scale
        }
        return filters;
    }

    /// <summary>Refuses a checkpoint whose constants, which are kept beside the parameters, are others than are computed here.</summary>
    public static void CheckConstants(ComputedTensors tensors, string scope, int taps)
    {
        int half = taps / 2;
        if (tensors.Find($"{scope}.n_") is not null) Check(tensors, $"{scope}.n_", new Shape(1, half), i => Time(i, half));
        if (tensors.Find($"{scope}.window_") is not null) Check(tensors, $"{scope}.window_", new Shape(half), i => Window(i, taps));
    }

    static void Check(ComputedTensors tensors, string name, Shape shape, Func<int, double> expected)
    {
        var stored = tensors.Read(name, shape);
        for (int i = 0; i < stored.Length; i++)
        {
            if (!(Math.Abs(stored[i] - expected(i)) <= 1e-5))
                throw new CheckpointException(
                    $"{tensors.Location}: tensor '{name}' holds {stored[i]} at {i}, expected {expected(i):g6}. " +
                    "Its sinc filters are of another kind.");
        }
    }

    // Radians a hertz at tap i, before the middle.
    static double Time(int i, int half) => 2 * Math.PI * (i - half) / PyannoteSegmentationConfig.SampleRate;

    // Hamming, symmetric.
    static double Window(int i, int taps) => 0.54 - 0.46 * Math.Cos(2 * Math.PI * i / (taps - 1));
}
