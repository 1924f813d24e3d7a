using System.Runtime.CompilerServices;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Tokenizers;

namespace Earshot.TextGeneration;

/// <summary>What one text is generated of.</summary>
/// <param name="Prompt">The tokens before it.</param>
/// <param name="Ends">Tokens that end it.</param>
/// <param name="MaxTokens">The most tokens, as far as <paramref name="Guide"/> says nothing else.</param>
/// <param name="Guide">What may be written; null for anything.</param>
sealed record TextRequest(
    int[] Prompt, GenerationOptions Options, SamplingOptions Sampling, IReadOnlySet<int> Ends, int MaxTokens, AnswerGuide? Guide);

/// <summary>
/// Writes one text: a step of the model for each token, or one for several where the next are certain or guessed by a draft, to the same
/// text. Not for several threads at once.
/// </summary>
sealed class TextRun((DecoderRuntime Decoder, LowRankAdapter? Adapter) model, TextTokenizer tokenizer, TextRequest request)
{
    // What is certain is read at once, as long as it is no long prompt.
    const int MostAtOnce = 16;

    readonly TokenSampler _sampler = new(request.Sampling, request.Prompt, VocabSizeOf(model.Decoder, tokenizer));
    readonly GeneratedText _text = new(tokenizer, request.Ends, request.Options.StopStrings, request.MaxTokens);
    readonly List<int> _written = [];
    // Accepted, and not read by the model yet.
    readonly List<int> _pending = [];
    readonly List<GeneratedPiece> _pieces = [];
    readonly List<GeneratedToken> _tokens = [];
    readonly int _vocabSize = VocabSizeOf(model.Decoder, tokenizer);
    readonly int? _logprobs = request.Options.TopLogprobs;
    (float[] Logits, int[] Top) _asTold = ([], []);

    /// <param name="draft">A smaller model that guesses; null for none.</param>
    public async IAsyncEnumerable<GeneratedPiece> RunAsync(
        DecoderRuntime? draft, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int[] prompt = request.Prompt;
        using var generation = await model.Decoder.BeginAsync(null, 1, model.Adapter, cancellationToken).ConfigureAwait(false);
        var logits = new float[model.Decoder.Shape.VocabSize];
        await generation.PromptAsync(prompt, new[] { prompt.Length - 1 }, logits, cancellationToken).ConfigureAwait(false);
        using var guesser = draft is null ? null : await DraftModel.BeginAsync(
            draft, request.Sampling with { Seed = _sampler.Seed }, (prompt, _vocabSize), cancellationToken).ConfigureAwait(false);
        var guesses = new List<int>();
        while (true)
        {
            int right = Check(logits, guesses);
            guesser?.Tell(guesses.Count, right);
            if (_text.Finish is null) WriteForced();
            if (_text.Finish is { } reason)
            {
                yield return Last(reason, generation, guesser);
                yield break;
            }
            foreach (var piece in _pieces) yield return piece;
            _pieces.Clear();
            // A step may run on the thread that asks for it, which is not to be the one that shows the text.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            guesses = guesser is null ? guesses : await guesser.GuessAsync(
                _written, RoomForGuesses(), request.Guide?.Fork(), cancellationToken).ConfigureAwait(false);
            logits = await ReadAsync(generation, guesses, logits, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Reads what is pending and the guesses behind it; the logits are those behind the last pending token and behind each guess.
    /// </summary>
    async ValueTask<float[]> ReadAsync(Generation generation, List<int> guesses, float[] logits, CancellationToken cancellationToken)
    {
        generation.Truncate(request.Prompt.Length + _written.Count - _pending.Count);
        int size = model.Decoder.Shape.VocabSize, rows = _pending.Count + guesses.Count;
        if (logits.Length < rows * size) logits = new float[rows * size];
        int[] tokens = [.. _pending, .. guesses];
        if (rows == 1) await generation.StepAsync(tokens, logits, cancellationToken).ConfigureAwait(false);
        else await generation.ExtendAsync(tokens, logits, cancellationToken).ConfigureAwait(false);
        int first = _pending.Count - 1;
        if (first > 0) logits.AsSpan(first * size, (guesses.Count + 1) * size).CopyTo(logits);
        _pending.Clear();
        return logits;
    }

    /// <summary>Chooses the next token, and as many behind it as were guessed; returns how many guesses were right.</summary>
    int Check(float[] logits, List<int> guesses)
    {
        int size = model.Decoder.Shape.VocabSize;
        for (int row = 0; ; row++)
        {
            int token = Choose(logits.AsSpan(row * size, size));
            if (_text.Finish is not null || row == guesses.Count || token != guesses[row])
            {
                // What the model has read already is not pending: a right guess.
                _pending.Add(token);
                return row;
            }
        }
    }

    int Choose(Span<float> logits)
    {
        var own = logits[.._vocabSize];
        float[]? told = _logprobs is null ? null : Keep(own);
        int token = request.Guide?.Forced ?? -1;
        if (token < 0)
        {
            request.Guide?.Restrict(own);
            token = _sampler.Choose(logits);
        }
        if (told is not null) _tokens.Add(Told(told, token));
        Accept(token);
        return token;
    }

    /// <summary>Writes what must follow without asking the model; not where it is to say how likely each token was.</summary>
    void WriteForced()
    {
        while (_logprobs is null && _pending.Count < MostAtOnce && _text.Finish is null && request.Guide?.Forced is { } token)
        {
            Accept(token);
            _pending.Add(token);
        }
    }

    void Accept(int token)
    {
        _sampler.Accept(token);
        _written.Add(token);
        bool isLast = false;
        if (request.Guide is { } guide)
        {
            guide.Accept(token);
            _text.MaxTokens = guide.MaxTokens;
            isLast = guide.IsOver;
        }
        var piece = isLast ? _text.AppendLast(token) : _text.Append(token);
        if (piece.Length == 0 && _text.Finish is null) return;
        _pieces.Add(new GeneratedPiece(piece) { Tokens = [.. _tokens] });
        _tokens.Clear();
    }

    GeneratedPiece Last(FinishReason reason, Generation generation, DraftModel? draft)
    {
        var end = new GenerationEnd(reason, request.Prompt.Length, _text.TokenCount, _sampler.Seed)
        {
            StopString = _text.StopString,
            ReusedTokens = generation.ReusedPositions,
            ReasoningTokens = request.Guide?.ThoughtTokens ?? 0,
            DraftTokens = draft?.Guesses.Made ?? 0,
            AcceptedDraftTokens = draft?.Guesses.Right ?? 0,
        };
        return new GeneratedPiece(string.Concat(_pieces.Select(piece => piece.Text)))
        {
            Tokens = [.. _pieces.SelectMany(piece => piece.Tokens)],
            End = end,
        };
    }

    static int VocabSizeOf(DecoderRuntime decoder, TextTokenizer tokenizer) => Math.Min(tokenizer.VocabSize, decoder.Shape.VocabSize);

    int RoomForGuesses() => Math.Min(
        _text.MaxTokens - _text.TokenCount - 1, model.Decoder.Shape.MostPositions - request.Prompt.Length - _written.Count - 1);

    float[] Keep(ReadOnlySpan<float> logits)
    {
        if (_asTold.Logits.Length == 0) _asTold = (new float[logits.Length], new int[_logprobs!.Value]);
        logits.CopyTo(_asTold.Logits);
        return _asTold.Logits;
    }

    GeneratedToken Told(ReadOnlySpan<float> logits, int token)
    {
        var top = _asTold.Top;
        var values = new float[top.Length];
        var (chosen, count) = TokenLogprobs.Of(logits, token, top, values);
        return new GeneratedToken(token, tokenizer.TokenBytes(token).ToArray(), chosen)
        {
            Top = [.. Enumerable.Range(0, count).Select(i => new LikelyToken(top[i], tokenizer.TokenBytes(top[i]).ToArray(), values[i]))],
        };
    }
}
