using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// Decodes windows: prompt, steps through the model, logit filters, token choice, ranking. Its buffers serve window after
/// window, so that a step allocates nothing; not safe on several threads at once.
/// </summary>
public sealed class WhisperDecodingTask
{
    readonly DecoderRuntime _runtime;
    readonly WhisperTokenizer _tokenizer;
    readonly WhisperGenerationConfig _generation;
    readonly int _contextLength;
    float[] _logits = [];
    HypothesisRows? _hypotheses;

    public WhisperDecodingTask(DecoderRuntime runtime, WhisperTokenizer tokenizer, WhisperGenerationConfig generation)
    {
        ArgumentNullException.ThrowIfNull(runtime);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(generation);
        (_runtime, _tokenizer, _generation) = (runtime, tokenizer, generation);
        _contextLength = runtime.Shape.MostPositions;
    }

    /// <summary>Decodes one window.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The model does not know the language, or its logits are no numbers.</exception>
    public async ValueTask<DecodingResult> RunAsync(
        EncodedAudio audio, DecodingOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audio);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        using var generation = await _runtime.BeginAsync(audio, options.Rows, cancellationToken).ConfigureAwait(false);
        return await RunAsync(generation, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Decodes one window with a generation that has rows enough, from the start.</summary>
    public ValueTask<DecodingResult> RunAsync(
        Generation generation, DecodingOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(generation);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return RunAsync(generation, options, DecodingPrompt.For(options, _tokenizer, _contextLength), cancellationToken);
    }

    /// <summary>The same after a prompt of the caller's own making.</summary>
    internal async ValueTask<DecodingResult> RunAsync(
        Generation generation, DecodingOptions options, DecodingPrompt prompt, CancellationToken cancellationToken)
    {
        TokenDecoder tokenDecoder = options.Temperature > 0 || options.BeamSize == 1
            ? new GreedyDecoder(options.Rows, options.Temperature, options.Seed, _tokenizer.EndOfText)
            : new BeamSearchDecoder(options.BeamSize, options.Patience, _tokenizer.EndOfText);
        var hypotheses = Buffers(options.Rows, generation.VocabSize);
        float noSpeech = await StartAsync(generation, prompt, cancellationToken).ConfigureAwait(false);
        var limits = new Limits(WhisperLogitFilters.For(options, _tokenizer, _generation), MaxSteps(options, prompt));
        await DecodeAsync(generation, tokenDecoder, limits, cancellationToken).ConfigureAwait(false);
        var best = new MaximumLikelihoodRanker(options.LengthPenalty).Best(tokenDecoder.Finish(hypotheses));
        return Result(best, options, noSpeech, _tokenizer);
    }

    internal static DecodingResult Result(Hypothesis best, DecodingOptions options, float noSpeech, WhisperTokenizer tokenizer)
    {
        var text = tokenizer.Decode(best.Tokens).Trim();
        return new DecodingResult
        {
            Tokens = best.Tokens,
            TokenLogprobs = best.Logprobs,
            Text = text,
            Language = options.Language,
            AvgLogprob = (float)(best.SumLogprob / (best.Tokens.Length + 1)),
            NoSpeechProb = noSpeech,
            Temperature = options.Temperature,
            CompressionRatio = TextStatistics.CompressionRatio(text),
        };
    }

    /// <summary>Steps that the options and the model's context leave room for.</summary>
    int MaxSteps(DecodingOptions options, DecodingPrompt prompt) =>
        Math.Min(options.MaxNewTokens ?? _generation.MostNewTokens(_contextLength), _contextLength - prompt.Tokens.Length + 1);

    HypothesisRows Buffers(int rows, int vocabulary)
    {
        if (_logits.Length < Math.Max(2, rows) * vocabulary) _logits = new float[Math.Max(2, rows) * vocabulary];
        if (_hypotheses is null || _hypotheses.Rows < rows) _hypotheses = new HypothesisRows(rows, _contextLength + 1);
        _hypotheses.Reset();
        return _hypotheses;
    }

    /// <summary>Runs the prompt, leaves the logits of what follows it first in the buffer, and returns the no-speech probability.</summary>
    async ValueTask<float> StartAsync(Generation generation, DecodingPrompt prompt, CancellationToken cancellationToken)
    {
        int vocabulary = generation.VocabSize;
        int start = prompt.StartOfTranscriptIndex, last = prompt.Tokens.Length - 1;
        if (start == last)
        {
            await generation.PromptAsync(prompt.Tokens, new[] { last }, _logits.AsMemory(0, vocabulary), cancellationToken)
                .ConfigureAwait(false);
            return Probability(_logits.AsSpan(0, vocabulary), _tokenizer.NoSpeech);
        }
        await generation.PromptAsync(prompt.Tokens, new[] { start, last }, _logits.AsMemory(0, 2 * vocabulary), cancellationToken)
            .ConfigureAwait(false);
        float probability = Probability(_logits.AsSpan(0, vocabulary), _tokenizer.NoSpeech);
        _logits.AsSpan(vocabulary, vocabulary).CopyTo(_logits);
        return probability;
    }

    async ValueTask DecodeAsync(Generation generation, TokenDecoder tokenDecoder, Limits limits, CancellationToken cancellationToken)
    {
        var hypotheses = _hypotheses!;
        for (int step = 0; ; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Filter(limits.Filters, hypotheses, generation.VocabSize);
            if (tokenDecoder.Advance(_logits.AsSpan(0, hypotheses.Count * generation.VocabSize), hypotheses) || step + 1 == limits.Steps)
                return;
            // After the prompt all rows are the same.
            if (step > 0 && !IsIdentity(tokenDecoder.Parents)) generation.Reorder(tokenDecoder.Parents);
            await generation
                .StepAsync(tokenDecoder.NextTokens, _logits.AsMemory(0, hypotheses.Count * generation.VocabSize), cancellationToken)
                .ConfigureAwait(false);
        }
    }

    void Filter(LogitFilter[] filters, HypothesisRows hypotheses, int vocabulary)
    {
        for (int row = 0; row < hypotheses.Count; row++)
        {
            foreach (var filter in filters) filter.Apply(_logits.AsSpan(row * vocabulary, vocabulary), hypotheses.Tokens(row));
        }
    }

    static bool IsIdentity(ReadOnlySpan<int> parents)
    {
        for (int i = 0; i < parents.Length; i++)
        {
            if (parents[i] != i) return false;
        }
        return true;
    }

    internal static float Probability(ReadOnlySpan<float> logits, int token) => MathF.Exp(logits[token] - Logits.LogSumExp(logits));

    readonly record struct Limits(LogitFilter[] Filters, int Steps);
}
