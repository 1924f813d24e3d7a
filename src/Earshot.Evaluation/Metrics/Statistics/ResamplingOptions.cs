namespace Earshot.Evaluation.Metrics;

/// <summary>How a statistic is resampled; the same seed gives the same figures on every machine.</summary>
public sealed record ResamplingOptions
{
    public static ResamplingOptions Default { get; } = new();

    public int Resamples { get; init; } = 10_000;

    /// <summary>The share of resamples that the interval holds.</summary>
    public double Level { get; init; } = 0.95;

    public ulong Seed { get; init; } = 1;

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Resamples, 1, nameof(Resamples));
        if (!(Level > 0 && Level < 1)) throw new ArgumentOutOfRangeException(nameof(Level), Level, "The level lies between 0 and 1.");
    }
}

/// <summary>A figure and the interval in which resampling puts it.</summary>
public readonly record struct ConfidenceInterval(double Estimate, double Low, double High, double Level);

/// <summary>SplitMix64 (Steele, Lea and Flood 2014): small, fast, and the same everywhere.</summary>
internal struct SplitMix64(ulong state)
{
    ulong _state = state;

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number below the bound; the bias, bound / 2⁶⁴, is of no account.</summary>
    public int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);
}
