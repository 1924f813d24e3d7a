namespace Earshot.Features;

/// <summary>How sound becomes a model's input, frame by frame.</summary>
public abstract record FeatureSettings
{
    /// <summary>Samples per second.</summary>
    public int SampleRate { get; init; } = 16_000;

    /// <summary>Values of a frame.</summary>
    public abstract int InputSize { get; }

    /// <summary>Samples from one frame to the next.</summary>
    public abstract int HopLength { get; }

    /// <summary>Samples before a stretch of sound that its first frames reach into.</summary>
    public virtual int SamplesBefore => 0;

    /// <summary>Samples after a stretch of sound that its last frames reach into.</summary>
    public virtual int SamplesAfter => 0;

    /// <summary>
    /// Frames that a recording of so many samples has; what is left of a last hop is filled up with silence, or left out.
    /// </summary>
    public virtual int FramesOf(int samples) => (int)(((long)samples + HopLength - 1) / HopLength);

    /// <summary>What computes them; one for each thread.</summary>
    public abstract FeatureExtractor CreateExtractor();
}

/// <summary>Computes a model's input. Keeps its scratch: not safe for use by several threads at once.</summary>
public abstract class FeatureExtractor
{
    /// <summary>Computes the frames of a stretch of sound.</summary>
    /// <param name="samples">At most frameCount × hop length of them; silence follows up to that length.</param>
    /// <param name="frames">(frameCount, input size), frame by frame.</param>
    /// <param name="frameCount">Frames to compute.</param>
    /// <param name="before">The samples just before; where they are missing, as the model's own rule says.</param>
    /// <param name="after">The samples just after; where they are missing, as the model's own rule says.</param>
    public abstract void Compute(
        ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before = default,
        ReadOnlySpan<float> after = default);

    /// <summary>
    /// Computes the frames of a piece of a longer stretch, but for what is worked out over all of it (<see cref="FinishPieces"/>).
    /// </summary>
    /// <inheritdoc cref="Compute"/>
    internal virtual void ComputePiece(
        ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before, ReadOnlySpan<float> after) =>
        Compute(samples, frames, frameCount, before, after);

    /// <summary>Makes of the frames of all pieces what <see cref="Compute"/> gives of the stretch.</summary>
    internal virtual void FinishPieces(Span<float> frames, int frameCount) { }
}

/// <summary>Log-mel features as Whisper hears them: see <see cref="LogMelSpectrogram"/>.</summary>
public sealed record LogMelSettings(int MelBins) : FeatureSettings
{
    /// <summary>The filters' weights, (MelBins, 201), where a model's file has its own; null for the usual ones.</summary>
    public IReadOnlyList<float>? Filters { get; init; }

    /// <summary>
    /// Whether a window is the end of what was heard: silence fills it in front, and its samples, silence included, get mean 0 and
    /// variance 1. Scale then does not matter, and nothing is kept from one window to the next.
    /// </summary>
    public bool EndAligned { get; init; }

    public override int InputSize => MelBins;

    public override int HopLength => LogMelSpectrogram.HopLength;

    public override int SamplesBefore => EndAligned ? 0 : LogMelSpectrogram.SamplesBefore;

    public override int SamplesAfter => EndAligned ? 0 : LogMelSpectrogram.SamplesAfter;

    public override FeatureExtractor CreateExtractor()
    {
        var spectrogram = new LogMelSpectrogram(MelBins, Filters);
        return EndAligned ? new EndAlignedLogMel(spectrogram) : spectrogram;
    }
}
