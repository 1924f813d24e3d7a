using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;

namespace Earshot.Recognition;

/// <summary>
/// Recognises with an encoder and a transducer, greedily or among several hypotheses. Each window begins with the tokens said before it, so
/// that the predictor goes on with the sentence that it is in.
/// </summary>
public sealed class TransducerRecognizer : TimedRecognizer
{
    // Of what lies further back, a recurrent predictor remembers little.
    const int MostTokensBefore = 32;

    // Where a recording is cut does not matter, or in a search little, and what is held of it is less.
    const int PositionsAtOnce = 1024;

    const string Marks = "?'¡¿-:,%/.!";

    readonly TransducerRuntime _transducer;
    readonly HashSet<int> _punctuation = [];

    /// <param name="model">What the model is.</param>
    /// <param name="runtime">Where it runs; disposed of with this.</param>
    /// <exception cref="ModelException">The model has no transducer, no encoder or no features, or its transducer does not run
    /// there.</exception>
    public TransducerRecognizer(SpeechModel model, ModelRuntime runtime) : base(model, runtime)
    {
        ArgumentNullException.ThrowIfNull(runtime);
        _transducer = runtime.RequireTransducer();
        if (_transducer.Shape.Durations.Count == 0) return;
        // A duration says how long something is heard, which a mark is not.
        _punctuation.UnionWith(Enumerable.Range(0, Tokenizer.VocabSize)
            .Where(id => Tokenizer.Decode([id]).Trim() is [var mark] && Marks.Contains(mark, StringComparison.Ordinal)));
    }

    public override int MostContextTokens => MostTokensBefore;

    internal override bool EndsSentences => true;

    internal override ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, CancellationToken cancellationToken) =>
        WriteAsync(heard, context, new RecognitionOptions(), cancellationToken);

    internal override async ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, RecognitionOptions options, CancellationToken cancellationToken)
    {
        int width = _transducer.Shape.EncodedWidth;
        using var stream = _transducer.Begin(options.TransducerBeamSize);
        await stream.SayAsync(Said(context.Prompt.Span), cancellationToken).ConfigureAwait(false);
        var tokens = new List<TransducerToken>();
        for (int first = 0, count; first < heard.Positions; first += count)
        {
            count = Math.Min(PositionsAtOnce, heard.Positions - first);
            tokens.AddRange(await stream
                .DecodeAsync(heard.Audio.Values.Slice((heard.First + first) * width, count * width), count, cancellationToken)
                .ConfigureAwait(false));
        }
        return Date(tokens, heard.Positions);
    }

    int[] Said(ReadOnlySpan<int> prompt)
    {
        var shape = _transducer.Shape;
        return [.. prompt[Math.Max(0, prompt.Length - MostTokensBefore)..].ToArray()
            .Where(token => token != shape.Blank && (uint)token < (uint)shape.VocabSize)];
    }

    List<TimedToken> Date(List<TransducerToken> tokens, int positions)
    {
        var dated = new List<TimedToken>(tokens.Count);
        foreach (var token in tokens)
        {
            var (start, end) = (token.Position, Math.Min(token.Position + token.Duration, positions));
            if (dated.Count > 0 && _punctuation.Contains(token.Id)) start = end = dated[^1].End;
            dated.Add(new TimedToken(token.Id, start, end, token.Logprob));
        }
        return dated;
    }
}
