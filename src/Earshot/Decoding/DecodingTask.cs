using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Decoding;

/// <summary>
/// Decodes windows: prompt, steps through the model, logit filters, token choice, ranking. Its buffers serve window after
/// window, so that a step allocates nothing; not safe on several threads at once.
/// </summary>
public sealed class DecodingTask
{
    readonly WhisperRuntime _runtime;
    readonly WhisperTokenizer _tokenizer;
    readonly int _contextLength;
    float[] _logits = [];
    HypothesisRows? _hypotheses;

    public DecodingTask(WhisperRuntime runtime, WhisperTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(runtime);
        ArgumentNullException.ThrowIfNull(tokenizer);
        _runtime = runtime;
        _tokenizer = tokenizer;
        _contextLength = runtime.Config.MaxTargetPositions;
    }

    /// <summary>Decodes one window.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The model does not know the language, or its logits are no numbers.</exception>
    public DecodingResult Run(EncodedAudio audio, DecodingOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audio);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        using var decoder = _runtime.CreateDecoder(audio, options.Rows, cancellationToken);
        return Run(decoder, options, cancellationToken);
    }

    /// <summary>Decodes one window with a decoder that has rows enough, from the start.</summary>
    public DecodingResult Run(WhisperDecoder decoder, DecodingOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(decoder);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var prompt = DecodingPrompt.For(options, _tokenizer, _contextLength);
        TokenDecoder tokenDecoder = options.Temperature > 0 || options.BeamSize == 1
            ? new GreedyDecoder(options.Rows, options.Temperature, options.Seed, _tokenizer.EndOfText)
            : new BeamSearchDecoder(options.BeamSize, options.Patience, _tokenizer.EndOfText);
        var hypotheses = Buffers(options.Rows, decoder.VocabSize);
        float noSpeech = Start(decoder, prompt, cancellationToken);
        Decode(decoder, tokenDecoder, new Limits(LogitFilter.For(options, _tokenizer, _runtime.Generation), MaxSteps(options, prompt)), cancellationToken);
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
        Math.Min(options.MaxNewTokens ?? _contextLength / 2, _contextLength - prompt.Tokens.Length + 1);

    HypothesisRows Buffers(int rows, int vocabulary)
    {
        if (_logits.Length < Math.Max(2, rows) * vocabulary) _logits = new float[Math.Max(2, rows) * vocabulary];
        if (_hypotheses is null || _hypotheses.Rows < rows) _hypotheses = new HypothesisRows(rows, _contextLength + 1);
        _hypotheses.Reset();
        return _hypotheses;
    }

    /// <summary>Runs the prompt, leaves the logits of what follows it first in the buffer, and returns the no-speech probability.</summary>
    float Start(WhisperDecoder decoder, DecodingPrompt prompt, CancellationToken cancellationToken)
    {
        int vocabulary = decoder.VocabSize;
        int start = prompt.StartOfTranscriptIndex, last = prompt.Tokens.Length - 1;
        if (start == last)
        {
            decoder.Start(prompt.Tokens, [last], _logits.AsSpan(0, vocabulary), cancellationToken);
            return Probability(_logits.AsSpan(0, vocabulary), _tokenizer.NoSpeech);
        }
        decoder.Start(prompt.Tokens, [start, last], _logits.AsSpan(0, 2 * vocabulary), cancellationToken);
        float probability = Probability(_logits.AsSpan(0, vocabulary), _tokenizer.NoSpeech);
        _logits.AsSpan(vocabulary, vocabulary).CopyTo(_logits);
        return probability;
    }

    void Decode(WhisperDecoder decoder, TokenDecoder tokenDecoder, Limits limits, CancellationToken cancellationToken)
    {
        var hypotheses = _hypotheses!;
        int vocabulary = decoder.VocabSize;
        for (int step = 0; ; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var logits = _logits.AsSpan(0, hypotheses.Count * vocabulary);
            for (int row = 0; row < hypotheses.Count; row++)
            {
                foreach (var filter in limits.Filters) filter.Apply(logits.Slice(row * vocabulary, vocabulary), hypotheses.Tokens(row));
            }
            if (tokenDecoder.Advance(logits, hypotheses) || step + 1 == limits.Steps) return;
            // After the prompt all rows are the same.
            if (step > 0 && !IsIdentity(tokenDecoder.Parents)) decoder.Reorder(tokenDecoder.Parents);
            decoder.Step(tokenDecoder.NextTokens, _logits.AsSpan(0, hypotheses.Count * vocabulary), cancellationToken);
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
