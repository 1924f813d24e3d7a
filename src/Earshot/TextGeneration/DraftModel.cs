using System.Numerics.Tensors;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Decoding.Grammars;

namespace Earshot.TextGeneration;

/// <summary>
/// Guesses the next tokens of one text by a smaller model, for the large one to check together (Leviathan et al. 2023, arXiv:2211.17192).
/// It draws with the text's own seed, so that it mostly draws what the large one would, and the text is what it would be without it. Not
/// for several threads at once.
/// </summary>
sealed class DraftModel : IDisposable
{
    const int Most = 8;

    // Below, the guess is not worth a place in the large model's batch.
    const float LeastProbability = 0.3f;

    readonly Generation _generation;
    readonly SamplingOptions _sampling;
    readonly List<int> _read;
    readonly float[] _logits;
    readonly float[] _rows;
    readonly int _vocabSize;
    readonly int _promptLength;
    int _count = 4;

    DraftModel(Generation generation, SamplingOptions sampling, int[] prompt, int vocabSize)
    {
        (_generation, _sampling, _vocabSize, _read, _promptLength) = (generation, sampling, vocabSize, [.. prompt], prompt.Length);
        _logits = new float[generation.VocabSize];
        _rows = new float[(Most + 1) * generation.VocabSize];
    }

    /// <summary>How many guesses were made, and how many were right.</summary>
    public (int Made, int Right) Guesses { get; private set; }

    /// <param name="sampling">The text's, with its seed.</param>
    public static async Task<DraftModel> BeginAsync(
        DecoderRuntime decoder, SamplingOptions sampling, (int[] Prompt, int VocabSize) text, CancellationToken cancellationToken)
    {
        var generation = await decoder.BeginAsync(null, 1, cancellationToken).ConfigureAwait(false);
        try
        {
            await generation.PromptAsync(text.Prompt, default, default, cancellationToken).ConfigureAwait(false);
            return new DraftModel(generation, sampling, text.Prompt, text.VocabSize);
        }
        catch
        {
            generation.Dispose();
            throw;
        }
    }

    /// <summary>Guesses what follows a prompt and what was written; as many tokens as seem worth it, often none.</summary>
    /// <param name="written">All tokens that were accepted so far.</param>
    /// <param name="most">The most to guess.</param>
    /// <param name="grammar">A grammar that the guesses have to keep to; it is used up.</param>
    public async ValueTask<List<int>> GuessAsync(
        IReadOnlyList<int> written, int most, GrammarConstraint? grammar, CancellationToken cancellationToken)
    {
        var guesses = new List<int>();
        most = Math.Min(Math.Min(most, _count), _generation.Shape.MostPositions - _promptLength - written.Count - 1);
        if (most < 1) return guesses;
        await ReadAsync(written, cancellationToken).ConfigureAwait(false);
        // The draw for a place is a function of seed and place.
        var sampler = new TokenSampler(_sampling, _read.GetRange(0, _promptLength).ToArray(), _vocabSize);
        foreach (int token in written) sampler.Accept(token);
        var next = new int[1];
        while (true)
        {
            grammar?.Apply(_logits.AsSpan(0, Math.Min(_vocabSize, _logits.Length)));
            if (TensorPrimitives.Max(_logits) == float.NegativeInfinity) break;
            next[0] = sampler.Choose(_logits);
            if (Probability(next[0]) < LeastProbability || grammar?.TryAccept(next[0]) == false) break;
            guesses.Add(next[0]);
            sampler.Accept(next[0]);
            if (guesses.Count == most || grammar?.IsComplete == true) break;
            _read.Add(next[0]);
            await _generation.StepAsync(next, _logits, cancellationToken).ConfigureAwait(false);
        }
        return guesses;
    }

    /// <summary>Learns how many of the last guesses were right.</summary>
    public void Tell(int made, int right)
    {
        if (made == 0) return;
        Guesses = (Guesses.Made + made, Guesses.Right + right);
        _count = right == made ? Math.Min(Most, _count + 1) : 2 * right < made ? Math.Max(1, _count - 1) : _count;
    }

    public void Dispose() => _generation.Dispose();

    /// <summary>Reads what it has not read, and forgets guesses that were wrong; the logits are then those behind the last token.</summary>
    async ValueTask ReadAsync(IReadOnlyList<int> written, CancellationToken cancellationToken)
    {
        int same = 0, read = _read.Count - _promptLength;
        while (same < Math.Min(read, written.Count) && _read[_promptLength + same] == written[same]) same++;
        // The last one is read again, where its logits are gone.
        same = Math.Min(same, written.Count - 1);
        if (same < 0) throw new InvalidOperationException("Nothing was written yet.");
        _read.RemoveRange(_promptLength + same, read - same);
        _generation.Truncate(_promptLength + same);
        while (same < written.Count)
        {
            int[] tokens = [.. written.Skip(same).Take(Most)];
            await _generation.ExtendAsync(tokens, _rows, cancellationToken).ConfigureAwait(false);
            _rows.AsSpan((tokens.Length - 1) * _generation.VocabSize, _generation.VocabSize).CopyTo(_logits);
            _read.AddRange(tokens);
            same += tokens.Length;
        }
    }

    float Probability(int token) => MathF.Exp(_logits[token] - Logits.LogSumExp(_logits));
}
