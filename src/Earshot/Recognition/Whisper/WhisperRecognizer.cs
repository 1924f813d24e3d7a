using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>Recognition with a Whisper, and where there is one a smaller Whisper that guesses its tokens ahead.</summary>
public sealed class WhisperRecognizer : Recognizer
{
    readonly Func<FeatureExtractor> _createExtractor;

    /// <param name="draft">A faster model with the same vocabulary and features; null for none.</param>
    /// <exception cref="ModelException">The two do not fit together.</exception>
    public WhisperRecognizer(SpeechModel model, ModelRuntime runtime, ModelRuntime? draft = null) : this(model, runtime, draft, null) { }

    internal WhisperRecognizer(SpeechModel model, ModelRuntime runtime, ModelRuntime? draft, Func<FeatureExtractor>? createExtractor)
        : base(model, runtime)
    {
        var prompt = model.Prompt as WhisperPrompt ?? throw new ModelException($"'{model.Info.Name}' is no Whisper.");
        (Config, Generation, Draft) = (prompt.Config, prompt.Generation, draft);
        Whisper = (WhisperTokenizer)Tokenizer;
        var features = model.Features ?? new LogMelSettings(Config.NumMelBins);
        _createExtractor = createExtractor ?? features.CreateExtractor;
        WindowFrames = runtime.RequireEncoder().Shape.MostFrames;
        if (draft is not null) RequireFit(runtime, draft);
    }

    /// <summary>The model's sizes.</summary>
    public WhisperConfig Config { get; }

    /// <summary>The model's rules of generation.</summary>
    public WhisperGenerationConfig Generation { get; }

    /// <summary>The model that guesses tokens ahead; null for none.</summary>
    public ModelRuntime? Draft { get; }

    public WhisperTokenizer Whisper { get; }

    public override int WindowSamples => WindowFrames * AudioWindow.SamplesPerFrame;

    public override int SamplesBefore => LogMelSpectrogram.SamplesBefore;

    public override int SamplesAfter => LogMelSpectrogram.SamplesAfter;

    public override int MostContextTokens => (Config.MaxTargetPositions / 2) - 1;

    internal int WindowFrames { get; }

    internal int MelBins => Config.NumMelBins;

    public override string? RequireLanguage(SpeechTask task, string? language) =>
        WhisperCapabilities.Require(Config, Whisper, task, language);

    public override RecognitionSession Begin(RecognitionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new WhisperSession(this, options);
    }

    internal override LiveSession BeginLive(RecognitionOptions options, TimeSpan silence) =>
        new WhisperLiveSession(this, options, EncodingTurns, silence);

    internal FeatureExtractor CreateExtractor() => _createExtractor();

    protected override void Dispose(bool disposing)
    {
        if (disposing) Draft?.Dispose();
        base.Dispose(disposing);
    }

    static void RequireFit(ModelRuntime main, ModelRuntime draft)
    {
        int tokens = main.RequireDecoder().Shape.VocabSize, mels = main.RequireEncoder().Shape.InputSize;
        int otherTokens = draft.RequireDecoder().Shape.VocabSize, otherMels = draft.RequireEncoder().Shape.InputSize;
        if (tokens == otherTokens && mels == otherMels) return;
        throw new ModelException(
            $"The draft model has {otherTokens} tokens and {otherMels} mels, the main model {tokens} and {mels}; " +
            "they must be equal. Use a draft of the same family: English-only with English-only, large-v3-turbo with large-v3.");
    }
}
