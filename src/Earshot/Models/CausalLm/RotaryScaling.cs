using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// The rotary frequencies of contexts that were made longer after training, as configurations name them (<c>rope_type</c>).
/// </summary>
static class RotaryScaling
{
    /// <summary>All positions closer together by a factor (Chen et al. 2023, arXiv:2306.15595).</summary>
    public static Rotary Linear(int size, double theta, double factor) => Scale(size, theta, (_, frequency) => frequency / factor);

    /// <summary>
    /// As of Llama 3.1: waves longer than the original context are stretched, short ones stay, and between there is a ramp.
    /// </summary>
    public static Rotary Llama3(int size, double theta, Llama3Scaling scaling) => Scale(size, theta, (_, frequency) =>
    {
        double turns = scaling.OriginalPositions * frequency / (2 * Math.PI);
        double kept = Math.Clamp((turns - scaling.LowFactor) / (scaling.HighFactor - scaling.LowFactor), 0, 1);
        return (1 - kept) * frequency / scaling.Factor + kept * frequency;
    });

    /// <summary>YaRN (Peng et al. 2023, arXiv:2309.00071) at every length, with its factor on sine and cosine.</summary>
    public static Rotary Yarn(int size, double theta, YarnScaling scaling)
    {
        double Place(double turns) => size * Math.Log(scaling.OriginalPositions / (2 * Math.PI * turns)) / (2 * Math.Log(theta));
        double low = Math.Max(Math.Floor(Place(scaling.BetaFast)), 0);
        double high = Math.Min(Math.Ceiling(Place(scaling.BetaSlow)), size - 1);
        double span = Math.Max(high - low, 0.001);
        return Scale(
            size, theta,
            (i, frequency) =>
            {
                double stretched = Math.Clamp((i - low) / span, 0, 1);
                return frequency * (1 - stretched) + frequency / scaling.Factor * stretched;
            },
            (float)scaling.AttentionFactor);
    }

    static Rotary Scale(int size, double theta, Func<int, double, double> change, float factor = 1)
    {
        var frequencies = new float[size / 2];
        for (int i = 0; i < frequencies.Length; i++) frequencies[i] = (float)change(i, Math.Pow(theta, -2.0 * i / size));
        return new Rotary(frequencies, factor);
    }
}

/// <summary>What <see cref="RotaryScaling.Llama3"/> is told.</summary>
readonly record struct Llama3Scaling(double Factor, double LowFactor, double HighFactor, int OriginalPositions);

/// <summary>What <see cref="RotaryScaling.Yarn"/> is told.</summary>
readonly record struct YarnScaling(double Factor, int OriginalPositions, double BetaFast, double BetaSlow, double AttentionFactor)
{
    /// <summary>The factor on sine and cosine that the paper recommends.</summary>
    public static double UsualAttentionFactor(double factor) => factor <= 1 ? 1 : 0.1 * Math.Log(factor) + 1;
}
