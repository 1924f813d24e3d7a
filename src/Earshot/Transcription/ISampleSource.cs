using Earshot.Audio;

namespace Earshot.Transcription;

/// <summary>Samples of one channel at 16 kHz, read once from beginning to end.</summary>
public interface ISampleSource
{
    /// <summary>The number of samples in all, when the source can tell.</summary>
    long? TotalSamples { get; }

    /// <summary>
    /// Of the samples read so far, how many at the start only stand for time before the sound begins: nothing is said there, and no window
    /// begins there.
    /// </summary>
    long FillerSamples => 0;

    /// <summary>Reads until the span is full or the recording ends; 0 only at the end.</summary>
    int Read(Span<float> samples);
}

/// <summary>A recording that is in memory.</summary>
public sealed class MemorySamples(ReadOnlyMemory<float> recording) : ISampleSource
{
    int _position;

    public long? TotalSamples => recording.Length;

    public int Read(Span<float> samples)
    {
        int count = Math.Min(samples.Length, recording.Length - _position);
        recording.Span.Slice(_position, count).CopyTo(samples);
        _position += count;
        return count;
    }
}

/// <summary>A recording that is read as it is transcribed; the stream stays its owner's.</summary>
public sealed class RecordedSamples(SampleStream stream) : ISampleSource
{
    public long? TotalSamples => stream.TotalSamples;

    public long FillerSamples => stream.FillerSamples;

    public int Read(Span<float> samples) => stream.Read(samples);
}
