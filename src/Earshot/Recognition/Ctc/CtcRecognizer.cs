using System.Runtime.CompilerServices;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Decoding.Ngrams;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// Recognises with an encoder and a CTC head: every position says a letter or nothing. The text is the likeliest letter of each, or the
/// best of a search with a language model and hotwords.
/// </summary>
public sealed class CtcRecognizer : TimedRecognizer
{
    // Words before a window that a language model may look at.
    const int MostTokensBefore = 128;

    readonly CtcGreedyDecoder _decoder;
    readonly CtcLabels _labels;
    readonly ConditionalWeakTable<NgramModel, CtcLexicon> _lexicons = [];
    readonly ConditionalWeakTable<RecognitionOptions, CtcBeamDecoder> _searches = [];
    readonly Dictionary<string, (CtcRecognizer Recognizer, LanguageAdapter Adapter)> _languages = new(StringComparer.Ordinal);

    /// <param name="model">What the model is.</param>
    /// <param name="runtime">Where it runs; disposed of with this.</param>
    /// <exception cref="ModelException">The model has no CTC head, no encoder or no features.</exception>
    public CtcRecognizer(SpeechModel model, ModelRuntime runtime) : base(model, runtime)
    {
        var head = model.Parts.Ctc ?? throw new ModelException($"'{model.Info.Name}' has no CTC head.");
        _decoder = new CtcGreedyDecoder(head.VocabSize, head.Blank);
        _labels = new CtcLabels([.. Enumerable.Range(0, head.VocabSize).Select(id => TextOf(id))], head.Blank);
    }

    public override int MostContextTokens => MostTokensBefore;

    /// <summary>The letters' part.</summary>
    internal ICtcHead Head => Model.Parts.Ctc!;

    /// <summary>A language that the model has weights for, where each has its own; any, where they are for all.</summary>
    public override string? RequireLanguage(SpeechTask task, string? language)
    {
        var required = base.RequireLanguage(task, language);
        return required is null || Model.Adapters is not { } adapters ? required : LanguageCodes.ShortOf(adapters.Find(required));
    }

    public override Recognizer For(string? language)
    {
        if (language is null || Model.Adapters is not { } adapters) return this;
        var name = adapters.Find(language);
        if (name == adapters.Default) return this;
        lock (_languages)
        {
            if (_languages.TryGetValue(name, out var known)) return known.Recognizer;
            var adapter = adapters.Open(name);
            try
            {
                var recognizer = new CtcRecognizer(adapter.Model, Runtime.With(adapter.Model.Parts, adapter.Tensors));
                _languages.Add(name, (recognizer, adapter));
                return recognizer;
            }
            catch
            {
                adapter.Dispose();
                throw;
            }
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var (recognizer, adapter) in _languages.Values)
            {
                recognizer.Dispose();
                adapter.Dispose();
            }
            _languages.Clear();
        }
        base.Dispose(disposing);
    }

    /// <summary>The hotwords among some that count for nothing: the model has no letters for them, or they are too short.</summary>
    public IReadOnlyList<string> UnusableHotwords(string hotwords)
    {
        ArgumentNullException.ThrowIfNull(hotwords);
        int least = new CtcSearchOptions().LeastHotwordLength;
        return [.. CtcBeamDecoder.HotwordsOf([hotwords]).Where(word => !(_labels.Spell(word)?.Length >= least))];
    }

    /// <summary>The share of a language model's words that can be written in the model's letters, from 0 to 1.</summary>
    public double UsableShareOf(NgramModel languageModel)
    {
        ArgumentNullException.ThrowIfNull(languageModel);
        return LexiconOf(languageModel).UsableShare;
    }

    public override RecognitionSession Begin(RecognitionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.CtcSearch?.LanguageModel is { } model && LexiconOf(model).Count == 0)
        {
            throw new ModelException(
                $"None of the words of '{model.Location}' can be written in the letters of '{Model.Info.Name}'. " +
                "Give a language model of its language.");
        }
        return base.Begin(options);
    }

    internal override ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, RecognitionOptions options, CancellationToken cancellationToken)
    {
        if (options.CtcSearch is null && string.IsNullOrWhiteSpace(options.Decoding.Hotwords))
            return WriteAsync(heard, context, cancellationToken);
        var search = _searches.GetValue(options, Search);
        string[] before = Tokenizer.Decode(context.Prompt.Span).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return new(search.Decode(LogitsOf(heard), heard.First, before, heard.IsEnd)[0].Tokens);
    }

    internal override ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, CancellationToken cancellationToken) =>
        new(_decoder.Decode(LogitsOf(heard), heard.First));

    ReadOnlySpan<float> LogitsOf(in HeardWindow heard) =>
        heard.Audio.Values.Span[..((heard.First + heard.Positions) * Encoder.ValueWidth)];

    CtcBeamDecoder Search(RecognitionOptions options)
    {
        var search = options.CtcSearch ?? new CtcSearchOptions();
        if (options.Decoding.Hotwords is { } more) search = search with { Hotwords = [.. search.Hotwords, more] };
        return new CtcBeamDecoder(_labels, search, search.LanguageModel is { } model ? LexiconOf(model) : null);
    }

    CtcLexicon LexiconOf(NgramModel model) => _lexicons.GetValue(model, known => CtcLexicon.Of(known, _labels));

    // Letters by themselves, as words are written; what has a role writes nothing.
    string TextOf(int id) => id < Tokenizer.VocabSize ? Tokenizer.Decode([id]) : "";
}
