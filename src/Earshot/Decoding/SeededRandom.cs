namespace Earshot.Decoding;

/// <summary>SplitMix64: the same draws from the same seed on every platform and version.</summary>
struct SeededRandom(ulong seed)
{
    ulong _state = seed;

    /// <summary>A seed for one of many independent series.</summary>
    public static ulong Derive(ulong seed, ulong series) => Mix(Mix(seed + Increment) ^ (series * Increment));

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble() => (Mix(_state += Increment) >> 11) * (1.0 / (1UL << 53));

    const ulong Increment = 0x9E3779B97F4A7C15;

    static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
