using Earshot.Audio;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Recognition;

/// <summary>
/// Recognises with a model that goes through the sound once and tells where each token is said, so that there is no search and times are
/// known. Windows are heard with what lies around them, which is not written.
/// </summary>
public abstract class TimedRecognizer : Recognizer
{
    // Where attention takes the square of the length, little is gained by hearing more.
    const int MostSamples = 30 * SampleStream.SampleRate;

    private protected TimedRecognizer(SpeechModel model, ModelRuntime runtime) : base(model, runtime)
    {
        Features = model.Features ?? throw new ModelException($"'{model.Info.Name}' does not tell how sound becomes its input.");
        Encoder = runtime.RequireEncoder();
        SamplesPerPosition = (int)Math.Round(Encoder.Shape.SecondsPerPosition * SampleStream.SampleRate);
        // Windows begin with a position and with a frame of 10 ms.
        int unit = SamplesPerPosition % AudioWindow.SamplesPerFrame == 0
            ? SamplesPerPosition
            : SamplesPerPosition * AudioWindow.SamplesPerFrame;
        int most = (int)Math.Min(MostSamples, (long)Encoder.Shape.MostFrames * Features.HopLength);
        SamplesBefore = SamplesAfter = most / 6 / unit * unit;
        WindowSamples = (most - (2 * SamplesBefore)) / unit * unit;
    }

    public override int WindowSamples { get; }

    public override int SamplesBefore { get; }

    public override int SamplesAfter { get; }

    public override bool DetectsLanguages => false;

    internal EncoderRuntime Encoder { get; }

    internal int SamplesPerPosition { get; }

    internal FeatureSettings Features { get; }

    internal int SamplesPerFeature => Features.HopLength;

    internal int FramesOf(int samples) => Features.FramesOf(samples);

    internal override int LongSamples(RecognitionOptions options)
    {
        // With what is heard on either side.
        long most = ((long)Encoder.LongFrames * Features.HopLength) - SamplesBefore - SamplesAfter;
        if (options.ChunkLength is { } length) most = Math.Min(most, (long)(length.TotalSeconds * SampleStream.SampleRate));
        most = Math.Min(most, int.MaxValue - SamplesBefore - SamplesAfter);
        most -= most % SamplesPerPosition;
        return most > WindowSamples ? (int)most : 0;
    }

    /// <summary>Whether segments end with sentences, of a model that writes where these end.</summary>
    internal virtual bool EndsSentences => false;

    /// <summary>A language is taken as said: the vocabulary is that of those that the model was trained on.</summary>
    public override string? RequireLanguage(SpeechTask task, string? language)
    {
        if (task == SpeechTask.Translate)
            throw new ModelException(
                $"'{Model.Info.Name}' writes what is said as it is said, and cannot translate. " +
                "Use a model that was trained to translate, such as openai/whisper-large-v3, or transcribe and translate the text.");
        return string.IsNullOrWhiteSpace(language) ? null : language.Trim();
    }

    public override RecognitionSession Begin(RecognitionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TimedSession(this, options, Features.CreateExtractor());
    }

    /// <inheritdoc cref="WriteAsync(HeardWindow, RecognitionContext, CancellationToken)"/>
    internal virtual ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, RecognitionOptions options, CancellationToken cancellationToken) =>
        WriteAsync(heard, context, cancellationToken);

    /// <summary>The tokens of some positions of a window, which are counted from the first of them.</summary>
    internal abstract ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, CancellationToken cancellationToken);
}

/// <summary>
/// A window and what lies around it, encoded: it begins at position <paramref name="First"/>, and has <paramref name="Positions"/>, of
/// which the next window hears none again if it is an end.
/// </summary>
readonly record struct HeardWindow(EncodedAudio Audio, int First, int Positions, bool IsEnd = true)
{
    /// <summary>Frames of 10 ms of the window.</summary>
    public int Frames { get; init; }
}
