namespace Earshot.Audio;

/// <summary>How a recording is read.</summary>
public sealed record AudioReadOptions
{
    /// <summary>
    /// Whether a damaged or truncated recording is refused with an <see cref="AudioFormatException"/>. Otherwise what can be read is
    /// read: a damaged place becomes silence of its length, so that times stay right, and <see cref="OnWarning"/> is told.
    /// </summary>
    public bool Strict { get; init; }

    /// <summary>The one channel that a <see cref="SampleStream"/> hears, counted from 0; the mean of all where null.</summary>
    public int? Channel { get; init; }

    /// <summary>
    /// Told of each fault that was read around, by the thread that opens or reads the recording; at most some ten a recording, the
    /// last of which counts the rest.
    /// </summary>
    public Action<AudioWarning>? OnWarning { get; init; }
}
