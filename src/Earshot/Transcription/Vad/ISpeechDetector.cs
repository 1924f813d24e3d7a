using Earshot.Models;

namespace Earshot.Transcription;

/// <summary>Tells how likely each window of a stream of 16 kHz samples holds speech. One a stream.</summary>
public interface ISpeechDetector : IDisposable
{
    /// <summary>Samples that one probability stands for.</summary>
    int WindowSize { get; }

    /// <summary>Takes any number of samples and adds a probability for each window that they complete.</summary>
    void Process(ReadOnlySpan<float> samples, ICollection<float> probabilities);

    /// <summary>The stream has ended: the last, incomplete window counts as if silence followed.</summary>
    void Finish(ICollection<float> probabilities);
}

/// <summary>Silero's detector.</summary>
public sealed class SileroSpeechDetector(SileroVad vad) : ISpeechDetector
{
    public int WindowSize => SileroVad.WindowSize;

    public void Process(ReadOnlySpan<float> samples, ICollection<float> probabilities) => vad.Process(samples, probabilities);

    public void Finish(ICollection<float> probabilities) => vad.Finish(probabilities);

    public void Dispose() => vad.Dispose();
}
