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
    // Attention takes the square of the length, and little is gained by hearing more.
    const int MostSamples = 30 * SampleStream.SampleRate;

    readonly FeatureSettings _features;

    private protected TimedRecognizer(SpeechModel model, ModelRuntime runtime) : base(model, runtime)
    {
        _features = model.Features ?? throw new ModelException($"'{model.Info.Name}' does not tell how sound becomes its input.");
        Encoder = runtime.RequireEncoder();
        SamplesPerPosition = (int)Math.Round(Encoder.Shape.SecondsPerPosition * SampleStream.SampleRate);
        // Windows begin with a position and with a frame of 10 ms.
        int unit = SamplesPerPosition % AudioWindow.SamplesPerFrame == 0
            ? SamplesPerPosition
            : SamplesPerPosition * AudioWindow.SamplesPerFrame;
        int most = (int)Math.Min(MostSamples, (long)Encoder.Shape.MostFrames * _features.HopLength);
        SamplesBefore = SamplesAfter = most / 6 / unit * unit;
        WindowSamples = (most - (2 * SamplesBefore)) / unit * unit;
    }

    public override int WindowSamples { get; }

    public override int SamplesBefore { get; }

    public override int SamplesAfter { get; }

    public override bool DetectsLanguages => false;

    internal EncoderRuntime Encoder { get; }

    internal int SamplesPerPosition { get; }

    internal int SamplesPerFeature => _features.HopLength;

    internal int FramesOf(int samples) => _features.FramesOf(samples);

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
        return new TimedSession(this, options, _features.CreateExtractor());
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
readonly record struct HeardWindow(EncodedAudio Audio, int First, int Positions, bool IsEnd = true);
