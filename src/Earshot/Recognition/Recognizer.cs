using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// Turns windows of sound into text, with whatever parts a model has. Long recordings, speech detection, formats and evaluation know this
/// and no model. Safe on several threads at once; each recording has a session of its own.
/// </summary>
public abstract class Recognizer : IDisposable
{
    protected Recognizer(SpeechModel model, ModelRuntime runtime)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(runtime);
        Model = model;
        Runtime = runtime;
        Tokenizer = model.RequireTokenizer();
    }

    public SpeechModel Model { get; }

    /// <summary>Where it runs; disposed of with this.</summary>
    public ModelRuntime Runtime { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>The longest window, in samples.</summary>
    public abstract int WindowSamples { get; }

    /// <summary>Whether long recordings are recognised as a whole, or in stretches of a chosen length.</summary>
    public bool HearsLong => LongSamples(new RecognitionOptions()) > 0;

    /// <summary>
    /// The longest stretch of a recording that is recognised as a whole, in samples; 0 where recordings are recognised window by window.
    /// </summary>
    internal virtual int LongSamples(RecognitionOptions options) => 0;

    /// <summary>Samples before a window that are looked at too, where there are any.</summary>
    public abstract int SamplesBefore { get; }

    /// <summary>Samples after a window that are looked at too, where there are any.</summary>
    public abstract int SamplesAfter { get; }

    /// <summary>Whether windows may be prompted with text that was said before.</summary>
    public virtual int MostContextTokens => 0;

    /// <summary>Whether sessions can tell the language that is spoken.</summary>
    public virtual bool DetectsLanguages => true;

    /// <summary>
    /// Checks that the model can do a task in a language, and returns the language's code (null: detect it, where it can).
    /// </summary>
    /// <exception cref="ModelException">It cannot; the message says why, and what to use.</exception>
    public abstract string? RequireLanguage(SpeechTask task, string? language);

    /// <summary>
    /// What recognises a language, of a model that has weights and letters of its own for each; this where it has not. It stays this one's.
    /// </summary>
    /// <param name="language">As <see cref="RequireLanguage"/> gives it; null for the model's default.</param>
    /// <exception cref="CheckpointException">The language's weights are damaged.</exception>
    public virtual Recognizer For(string? language) => this;

    /// <summary>Begins a recording, or a window that stands alone.</summary>
    public abstract RecognitionSession Begin(RecognitionOptions options);

    /// <summary>Whose window is encoded next, of the live streams that share this.</summary>
    internal EncodingTurns EncodingTurns { get; } = new();

    /// <summary>Begins a stream that is heard while it grows.</summary>
    /// <param name="silence">Silence heard behind the sound, where the model needs some to see that nothing follows.</param>
    internal virtual LiveSession BeginLive(RecognitionOptions options, TimeSpan silence) =>
        new TimedLiveSession(Begin(options with { WordTimestamps = true }));

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) Runtime.Dispose();
    }
}

/// <summary>What one recording's windows have in common: features, buffers, what was heard so far. One window at a time.</summary>
public abstract class RecognitionSession : IDisposable
{
    /// <summary>Writes down what is said in a window.</summary>
    public abstract ValueTask<RecognizedWindow> RecognizeAsync(
        AudioWindow window, RecognitionContext context, CancellationToken cancellationToken = default);

    /// <summary>Writes down what is said in a stretch of at most <see cref="Recognizer.LongSamples"/>.</summary>
    internal virtual ValueTask<RecognizedWindow> RecognizeAsync(
        LongWindow window, RecognitionContext context, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{GetType().Name} recognises windows alone.");

    /// <summary>Tells the language of a window.</summary>
    /// <exception cref="ModelException">The model knows one language, or none.</exception>
    public abstract ValueTask<LanguageDetection> DetectLanguageAsync(AudioWindow window, CancellationToken cancellationToken = default);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}

/// <summary>Recognizers by the parts that a model has.</summary>
public static class Recognizers
{
    /// <summary>What writes with a model; it disposes of the runtime.</summary>
    /// <param name="model">What the model is.</param>
    /// <param name="runtime">Where it runs.</param>
    /// <param name="draft">A smaller one that guesses tokens ahead; null for none. Disposed of too.</param>
    /// <exception cref="ModelException">The model has no parts that write.</exception>
    public static Recognizer For(SpeechModel model, ModelRuntime runtime, ModelRuntime? draft = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.Parts is { Transducer: not null } or { Ctc: not null })
        {
            if (draft is not null)
            {
                throw new ModelException(
                    $"'{model.Info.Name}' goes through the sound once, " +
                    "so that a draft model has nothing to guess ahead. Leave the draft out.");
            }
            return model.Parts.Transducer is not null ? new TransducerRecognizer(model, runtime) : new CtcRecognizer(model, runtime);
        }
        if (model.Prompt is WhisperPrompt) return new WhisperRecognizer(model, runtime, draft);
        throw new ModelException(
            $"'{model.Info.Name}' is a model of type '{model.Info.Type}', which recognises no speech. " +
            "Choose a model that recognises speech, such as openai/whisper-large-v3-turbo.");
    }
}

/// <summary>The language heard: the likeliest, and the probability of each.</summary>
public sealed record LanguageDetection(string Language, float Probability, IReadOnlyDictionary<string, float> Probabilities);
