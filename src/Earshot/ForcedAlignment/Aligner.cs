using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Decoding;
using Earshot.Decoding.Alignment;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.ForcedAlignment;

/// <summary>
/// Finds out where the words of a known text are said, with a CTC model: for subtitles of a script, or better times of a transcript. Safe
/// on several threads at once.
/// </summary>
/// <example><code>
/// using var aligner = await Aligner.LoadAsync("facebook/wav2vec2-base-960h");
/// var alignment = await aligner.AlignAsync("talk.wav", File.ReadAllText("talk.txt"));
/// foreach (var word in alignment.Words) Console.WriteLine($"{word.Start} {word.Text}");
/// </code></example>
public sealed class Aligner : IDisposable
{
    readonly CtcRecognizer _recognizer;
    readonly IDisposable? _owner;

    /// <param name="recognizer">A CTC model's; it stays its owner's.</param>
    /// <exception cref="ModelException">The model has no CTC head.</exception>
    public Aligner(Recognizer recognizer) : this(recognizer, null) { }

    Aligner(Recognizer recognizer, IDisposable? owner)
    {
        ArgumentNullException.ThrowIfNull(recognizer);
        _recognizer = recognizer as CtcRecognizer ?? throw new ModelException(
            $"'{recognizer.Model.Info.Name}' is a model of type '{recognizer.Model.Info.Type}', and aligning takes one with a CTC head. " +
            "Choose one, such as facebook/wav2vec2-base-960h for English.");
        _owner = owner;
    }

    /// <summary>Loads a model by folder or by its name on the hub.</summary>
    /// <exception cref="CheckpointException">The model cannot be had, is damaged, or its files contradict each other.</exception>
    /// <exception cref="ModelException">The model has no CTC head.</exception>
    public static async Task<Aligner> LoadAsync(
        string model, TranscriberOptions? options = null, IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var transcriber = await Transcriber.LoadAsync(model, options, progress, cancellationToken).ConfigureAwait(false);
        try
        {
            return new Aligner(transcriber.Recognizer, transcriber);
        }
        catch
        {
            transcriber.Dispose();
            throw;
        }
    }

    /// <summary>Aligns a text with a recording in a file.</summary>
    /// <inheritdoc cref="AlignAsync(ISampleSource, string, string, IProgress{TimeSpan}, CancellationToken)"/>
    public async Task<TextAlignment> AlignAsync(
        string path, string text, string? language = null, IProgress<TimeSpan>? progress = null,
        CancellationToken cancellationToken = default)
    {
        using var stream = SampleStream.Open(path);
        return await AlignAsync(new RecordedSamples(stream), text, language, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Aligns a text of any length with a recording. Every word gets a time, in order; those that the model cannot spell are placed
    /// between the others.
    /// </summary>
    /// <param name="source">The recording, which is read to its end.</param>
    /// <param name="text">What is said. Lines become segments; punctuation, capitals and numbers are kept.</param>
    /// <param name="language">The language, of a model that changes between some; null for its default.</param>
    /// <param name="progress">Told how much was heard.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ModelException">
    /// No word can be spelled in the model's letters, the model does not know the language, or the sound is too short for the text.
    /// </exception>
    public async Task<TextAlignment> AlignAsync(
        ISampleSource source, string text, string? language = null, IProgress<TimeSpan>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(text);
        var recognizer = (CtcRecognizer)_recognizer.For(_recognizer.RequireLanguage(SpeechTask.Transcribe, language));
        // What cannot be aligned is told before anything is heard.
        var aligned = new AlignmentText(text, new LetterSpelling(recognizer.Tokenizer));
        return await Task.Run(async () =>
        {
            var emissions = await Emissions.OfAsync(recognizer, source, progress, cancellationToken).ConfigureAwait(false);
            return Align(recognizer, aligned, emissions, cancellationToken);
        }, cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _owner?.Dispose();

    /// <summary>A language where the model can be told it; null where it has weights of its own for each, and none of this one.</summary>
    internal string? Knows(string? language) =>
        language is not null && _recognizer.Model.Adapters is { } adapters && adapters.Knows(language) ? language : null;

    internal static TextAlignment Align(
        CtcRecognizer recognizer, AlignmentText text, Emissions emissions, CancellationToken cancellationToken)
    {
        int blank = recognizer.Head.Blank;
        var path = new CtcTrellis(emissions.Logprobs, emissions.VocabSize, blank, text.Targets).FindPath(cancellationToken);
        var tokens = CtcAlignment.Spans(emissions.Logprobs, emissions.VocabSize, text.Targets, path);
        double seconds = (double)recognizer.SamplesPerPosition / SampleStream.SampleRate;
        var words = new AlignedWords(text, tokens, seconds, emissions.Duration).All();
        var check = new AlignmentCheck(emissions, blank, seconds);
        var others = check.SpeechWithoutText(text.Targets, path);
        int[] unheard = [.. words.Index().Where(word => word.Item.Score < AlignmentCheck.HeardScore).Select(word => word.Index)];
        return new TextAlignment
        {
            Words = words,
            Segments = AlignedWords.Segments(words, [.. text.Units.Select(unit => unit.Line)]),
            Duration = emissions.Duration,
            SpeechWithoutText = others,
            WordsWithoutSpeech = unheard,
            Verdict = AlignmentCheck.Judge(words, unheard.Length, others),
        };
    }
}
