using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// Greedy decoding in which a small model guesses several tokens ahead and the main model checks all of them in one step
/// (arXiv:2211.17192). The main model's own choice is taken at every position, so that the tokens are those it would have
/// written alone. Not safe on several threads at once.
/// </summary>
public sealed class SpeculativeDecoder
{
    readonly WhisperTokenizer _tokenizer;
    readonly WhisperGenerationConfig _generation;
    readonly int _context;
    readonly int _vocabulary;
    readonly int _lookahead;
    readonly float[] _logits;
    readonly float[] _draftLogits;
    // Tokens decided; behind them, those that the draft guesses.
    readonly int[] _tokens;
    readonly float[] _logprobs;
    // Tokens that the draft has behind it, which may be guesses that did not hold.
    readonly int[] _draftTokens;
    LogitFilter[] _filters = [];
    int _count, _room, _draftCount, _promptLength;
    double _sum;

    /// <param name="main">The decoder whose transcript is wanted.</param>
    /// <param name="draft">A faster one with the same vocabulary.</param>
    /// <param name="generation">The rules of the main model.</param>
    /// <param name="lookahead">Tokens guessed at a time.</param>
    /// <exception cref="ModelException">The vocabularies differ.</exception>
    public SpeculativeDecoder(
        DecoderRuntime main, DecoderRuntime draft, WhisperTokenizer tokenizer, WhisperGenerationConfig generation, int lookahead = 5)
    {
        ArgumentNullException.ThrowIfNull(main);
        ArgumentNullException.ThrowIfNull(draft);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(lookahead, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lookahead, 64);
        if (main.Shape.VocabSize != draft.Shape.VocabSize)
        {
            throw new ModelException(
                $"The draft model's vocabulary has {draft.Shape.VocabSize} tokens and the main model's {main.Shape.VocabSize}; " +
                "speculative decoding needs " +
                "the same one. Use a draft of the same family: English-only with English-only, large-v3-turbo with large-v3.");
        }
        _generation = generation;
        _context = main.Shape.MostPositions;
        _vocabulary = main.Shape.VocabSize;
        _tokenizer = tokenizer;
        _lookahead = lookahead;
        _logits = new float[(lookahead + 1) * main.Shape.VocabSize];
        _draftLogits = new float[draft.Shape.VocabSize];
        int capacity = main.Shape.MostPositions + lookahead + 2;
        _tokens = new int[capacity];
        _draftTokens = new int[capacity];
        _logprobs = new float[capacity];
    }

    /// <summary>Guesses checked over all windows so far.</summary>
    public long Guessed { get; private set; }

    /// <summary>Guesses that held.</summary>
    public long Accepted { get; private set; }

    /// <summary>Decodes one window that both models have encoded, at temperature 0 and without beams.</summary>
    /// <exception cref="ArgumentException">The options ask for beams or a temperature.</exception>
    public async ValueTask<DecodingResult> RunAsync(
        Generation main, Generation draft, DecodingOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(main);
        ArgumentNullException.ThrowIfNull(draft);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (options.Temperature > 0 || options.BeamSize > 1)
            throw new ArgumentException(
                $"Speculative decoding is greedy; got temperature {options.Temperature} and {options.BeamSize} beams. " +
                "Use temperature 0 and one beam.", nameof(options));

        float noSpeech = await StartAsync(main, draft, options, cancellationToken).ConfigureAwait(false);
        while (_count < _room && !TakeChoice())
        {
            if (_count == _room) break;
            int guesses = await GuessAsync(draft, cancellationToken).ConfigureAwait(false);
            await main.ExtendAsync(_tokens.AsMemory(_count - 1, guesses + 1), _logits, cancellationToken).ConfigureAwait(false);
            Verify(guesses, main.VocabSize);
            main.Truncate(Math.Min(main.Length, _promptLength + _count));
        }
        var hypothesis = new Hypothesis(_tokens[.._count], _logprobs[.._count], _sum);
        return WhisperDecodingTask.Result(hypothesis, options, noSpeech, _tokenizer);
    }

    async ValueTask<float> StartAsync(Generation main, Generation draft, DecodingOptions options, CancellationToken cancellationToken)
    {
        int context = _context, vocabulary = main.VocabSize;
        var prompt = DecodingPrompt.For(options, _tokenizer, context);
        int start = prompt.StartOfTranscriptIndex, last = prompt.Tokens.Length - 1;
        _filters = WhisperLogitFilters.For(options, _tokenizer, _generation);
        _promptLength = prompt.Tokens.Length;
        _room = Math.Min(options.MaxNewTokens ?? _generation.MostNewTokens(context), context - _promptLength + 1);
        (_count, _draftCount, _sum) = (0, 0, 0);

        int[] positions = start == last ? [last] : [start, last];
        await main.PromptAsync(prompt.Tokens, positions, _logits, cancellationToken).ConfigureAwait(false);
        float noSpeech = WhisperDecodingTask.Probability(_logits.AsSpan(0, vocabulary), _tokenizer.NoSpeech);
        if (start != last) _logits.AsSpan(vocabulary, vocabulary).CopyTo(_logits);
        Filter(_logits.AsSpan(0, vocabulary), 0);
        await draft.PromptAsync(prompt.Tokens, new[] { last }, _draftLogits, cancellationToken).ConfigureAwait(false);
        return noSpeech;
    }

    /// <summary>Takes the main model's choice from the first row of logits, filtered already; true when it is the end.</summary>
    bool TakeChoice()
    {
        var logits = _logits.AsSpan(0, _vocabulary);
        int token = Logits.ArgMax(logits);
        float logprob = logits[token] - Logits.LogSumExp(logits, logits[token]);
        if (token != _tokenizer.EndOfText)
        {
            Add(token, logprob);
            return false;
        }
        _sum += logprob;
        return true;
    }

    /// <summary>
    /// Accepts guesses for as long as they are what the main model chooses, and leaves the logits of what follows in the first row.
    /// </summary>
    void Verify(int guesses, int vocabulary)
    {
        int accepted = 0;
        for (; ; accepted++)
        {
            var logits = _logits.AsSpan(accepted * vocabulary, vocabulary);
            Filter(logits, _count);
            if (accepted == guesses || _count == _room) break;
            int token = Logits.ArgMax(logits);
            if (token != _tokens[_count]) break;
            Add(token, logits[token] - Logits.LogSumExp(logits, logits[token]));
        }
        _logits.AsSpan(accepted * vocabulary, vocabulary).CopyTo(_logits);
        Guessed += guesses;
        Accepted += accepted;
    }

    /// <summary>Writes the draft's guesses behind the tokens decided; returns how many.</summary>
    async ValueTask<int> GuessAsync(Generation draft, CancellationToken cancellationToken)
    {
        // One token at least is run again, for the logits that follow it.
        int common = Math.Min(_tokens.AsSpan(0, _count - 1).CommonPrefixLength(_draftTokens.AsSpan(0, _draftCount)), _count - 1);
        draft.Truncate(_promptLength + common);
        _draftCount = common;
        while (_draftCount < _count) await StepDraftAsync(draft, cancellationToken).ConfigureAwait(false);

        // The step that checks the guesses has to fit the context as well.
        int most = Math.Min(Math.Min(_lookahead, _room - _count), _context - _promptLength - _count);
        for (int guesses = 0; ; guesses++)
        {
            if (guesses >= most) return guesses;
            Filter(_draftLogits, _count + guesses);
            int token = Logits.ArgMax(_draftLogits);
            if (token == _tokenizer.EndOfText) return guesses;
            _tokens[_count + guesses] = token;
            if (guesses + 1 < most) await StepDraftAsync(draft, cancellationToken).ConfigureAwait(false);
        }
    }

    async ValueTask StepDraftAsync(Generation draft, CancellationToken cancellationToken)
    {
        _draftTokens[_draftCount] = _tokens[_draftCount];
        await draft.StepAsync(_draftTokens.AsMemory(_draftCount, 1), _draftLogits, cancellationToken).ConfigureAwait(false);
        _draftCount++;
    }

    void Add(int token, float logprob)
    {
        _tokens[_count] = token;
        _logprobs[_count++] = logprob;
        _sum += logprob;
    }

    void Filter(Span<float> logits, int count)
    {
        foreach (var filter in _filters) filter.Apply(logits, _tokens.AsSpan(0, count));
    }
}
