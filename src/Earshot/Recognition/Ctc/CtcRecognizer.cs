using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// Recognises with an encoder and a CTC head: every position says a letter or nothing, so that there is no prompt either.
/// </summary>
public sealed class CtcRecognizer : TimedRecognizer
{
    readonly CtcGreedyDecoder _decoder;
    readonly Dictionary<string, (CtcRecognizer Recognizer, LanguageAdapter Adapter)> _languages = new(StringComparer.Ordinal);

    /// <param name="model">What the model is.</param>
    /// <param name="runtime">Where it runs; disposed of with this.</param>
    /// <exception cref="ModelException">The model has no CTC head, no encoder or no features.</exception>
    public CtcRecognizer(SpeechModel model, ModelRuntime runtime) : base(model, runtime)
    {
        var head = model.Parts.Ctc ?? throw new ModelException($"'{model.Info.Name}' has no CTC head.");
        _decoder = new CtcGreedyDecoder(head.VocabSize, head.Blank);
    }

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

    internal override ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, CancellationToken cancellationToken) =>
        new(_decoder.Decode(heard.Audio.Values.Span[..((heard.First + heard.Positions) * Encoder.ValueWidth)], heard.First));
}
