namespace Earshot.Compute.Runtimes;

/// <summary>How much a runtime serves at once.</summary>
public sealed record RuntimeLimits
{
    /// <summary>Stretches of encoded audio in a decoder's memory at once.</summary>
    public int Windows { get; init; } = 16;

    /// <summary>Sequences decoded at once, beams counted each.</summary>
    public int Rows { get; init; } = 64;

    /// <summary>
    /// Positions that all sequences' pasts may take together, as a limit of memory; null for as many as the sequences can fill, at most
    /// 131,072. A generation that would need more is refused (<see cref="OverloadedException"/>); nothing is taken away from others.
    /// </summary>
    public int? CachePositions { get; init; }

    /// <summary>
    /// Positions of prompts that a language model keeps beyond their generations, so that prompts which begin alike pay for the rest alone;
    /// 0 keeps none. They are given up as soon as a generation needs their room.
    /// </summary>
    public int PrefixPositions { get; init; } = 16_384;

    /// <summary>
    /// Bytes beside the weights that a long recording may take which is encoded as a whole, by models that can; longer ones are encoded in
    /// windows. Null for a quarter of the machine's memory, or of what the process may use of it.
    /// </summary>
    public long? LongAudioBytes { get; init; }

    /// <summary>
    /// Requests that may wait for a place; more are refused (<see cref="OverloadedException"/>), so that a server under load says so
    /// instead of falling behind.
    /// </summary>
    public int Waiting { get; init; } = 256;
}
