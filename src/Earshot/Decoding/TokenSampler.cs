using System.Numerics.Tensors;

namespace Earshot.Decoding;

/// <summary>
/// Chooses the tokens of one text. The draw for a place depends on the seed and the place alone, so that a text comes out the same in any
/// company, and whether its tokens were guessed before or not. Logits come back as they were. Not for several threads at once.
/// </summary>
sealed class TokenSampler
{
    // So many of a nucleus are put in order at first.
    const int FirstChunk = 256;

    readonly SamplingOptions _options;
    readonly int _vocabSize;
    readonly TokenPenalties _penalties;
    readonly Candidates _candidates = new();
    double[] _weights = new double[FirstChunk], _surprises = [];
    int[] _order = [];
    bool[] _marks = [];

    /// <param name="prompt">The tokens before the text, which the repetition penalty counts.</param>
    /// <param name="vocabSize">How many ids the tokenizer has: models have rows beyond them that mean nothing. Null for no limit.</param>
    public TokenSampler(SamplingOptions options, ReadOnlySpan<int> prompt, int? vocabSize = null)
    {
        options.Validate();
        _vocabSize = vocabSize ?? int.MaxValue;
        _options = options;
        _penalties = new TokenPenalties(options, prompt);
        Seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
    }

    /// <summary>The seed that gives this text again.</summary>
    public ulong Seed { get; }

    /// <summary>How many tokens were accepted.</summary>
    public int Length { get; private set; }

    /// <summary>The token for the next place; asking again gives it again.</summary>
    /// <exception cref="ModelException">No logit is a number that can be chosen.</exception>
    public int Choose(Span<float> logits)
    {
        logits = logits[..Math.Min(_vocabSize, logits.Length)];
        _penalties.Apply(logits);
        try
        {
            return _options.Temperature == 0 ? Likeliest(logits) : Draw(logits);
        }
        finally
        {
            _penalties.Undo(logits);
        }
    }

    /// <summary>Goes on to the next place.</summary>
    public void Accept(int token)
    {
        _penalties.Add(token);
        Length++;
    }

    /// <summary>Ids and probabilities of what can be drawn, most likely first; for tests of the filters.</summary>
    public (int Token, double Probability)[] Distribution(Span<float> logits)
    {
        _penalties.Apply(logits);
        if (!TryNarrow(logits))
        {
            _candidates.TakeAbove(logits, float.MinValue);
            _candidates.Sort(_candidates.Count);
        }
        double total = Weigh(_options.Temperature);
        _penalties.Undo(logits);
        return [.. Enumerable.Range(0, _candidates.Count).Select(i => (_candidates.TokenAt(i), _weights[i] / total))];
    }

    static int Likeliest(ReadOnlySpan<float> logits)
    {
        int token = Logits.ArgMax(logits);
        return float.IsNegativeInfinity(logits[token]) ? throw Logits.NotANumber() : token;
    }

    int Draw(ReadOnlySpan<float> logits)
    {
        double uniform = new SeededRandom(SeededRandom.Derive(Seed, (ulong)Length)).NextDouble();
        if (!TryNarrow(logits)) return Logits.Sample(logits, _options.Temperature, uniform);
        double target = uniform * Weigh(_options.Temperature);
        for (int i = 0; i < _candidates.Count; i++)
        {
            target -= _weights[i];
            if (target < 0) return _candidates.TokenAt(i);
        }
        // Rounding may leave a little of the target: then the likeliest.
        return _candidates.TokenAt(0);
    }

    /// <summary>Leaves what the filters leave, in order; false where they leave everything.</summary>
    bool TryNarrow(ReadOnlySpan<float> logits)
    {
        bool isFirst = _options.Order == SamplingOrder.TemperatureFirst;
        float temperature = isFirst && _options.Temperature > 0 ? _options.Temperature : 1;
        bool hasTopK = _options.TopK > 0 && _options.TopK < logits.Length, isNucleus = false;
        if (hasTopK) _candidates.TakeTop(logits, _options.TopK, ties: isFirst);
        else if (_options.TypicalP < 1) TakeAll(logits);
        else if (_options.TopP < 1)
        {
            TakeNucleus(logits, temperature);
            isNucleus = true;
        }
        else if (_options.MinP > 0) TakeAbove(logits, MathF.Log(_options.MinP) * temperature);
        else return false;
        if (_candidates.Count == 0) throw Logits.NotANumber();

        if (!isFirst && _options.TypicalP < 1) KeepTypical(temperature);
        if (_options.TopP < 1 && !isNucleus) KeepNucleus(Weigh(temperature));
        if (_options.MinP > 0) KeepLikely(temperature);
        if (isFirst && _options.TypicalP < 1) KeepTypical(temperature);
        return true;
    }

    void TakeAll(ReadOnlySpan<float> logits)
    {
        _candidates.TakeAbove(logits, float.MinValue);
        _candidates.Sort(_candidates.Count);
    }

    /// <summary>Those whose logit is at most so much below the largest.</summary>
    void TakeAbove(ReadOnlySpan<float> logits, float below)
    {
        float max = TensorPrimitives.Max(logits);
        // A little more than asked for; KeepLikely is exact.
        _candidates.TakeAbove(logits, max + below - 1e-3f * (1 + MathF.Abs(max + below)));
        _candidates.Sort(_candidates.Count);
    }

    /// <summary>
    /// The likeliest whose probabilities reach top-p. Those below an even share of 1 − p are not among them, since they would be left out
    /// even if all tokens were so; the others are put in order only as far as needed.
    /// </summary>
    void TakeNucleus(ReadOnlySpan<float> logits, float temperature)
    {
        float max = TensorPrimitives.Max(logits);
        if (!float.IsFinite(max)) throw Logits.NotANumber();
        double total = Logits.TemperedSum(logits, max, temperature);
        double share = Math.Max((1.0 - _options.TopP) * total / logits.Length, float.Epsilon);
        _candidates.TakeAbove(logits, max + temperature * (float)(Math.Log(share) - 1e-3));
        int sorted = 0;
        double reached = 0;
        for (int chunk = FirstChunk; sorted < _candidates.Count; chunk *= 4)
        {
            int end = Math.Min(sorted + chunk, _candidates.Count);
            _candidates.SortNext(sorted, end - sorted);
            for (; sorted < end; sorted++)
            {
                reached += Math.Exp(((double)_candidates.LogitAt(sorted) - max) / temperature);
                if (reached < _options.TopP * total) continue;
                _candidates.Keep(sorted + 1);
                return;
            }
        }
    }

    void KeepNucleus(double total)
    {
        double reached = 0;
        for (int i = 0; i < _candidates.Count; i++)
        {
            reached += _weights[i];
            if (reached >= _options.TopP * total) _candidates.Keep(i + 1);
        }
    }

    void KeepLikely(float temperature)
    {
        Weigh(temperature);
        int kept = 0;
        while (kept < _candidates.Count && _weights[kept] >= _options.MinP * _weights[0]) kept++;
        _candidates.Keep(kept);
    }

    void KeepTypical(float temperature)
    {
        double total = Weigh(temperature);
        int count = _candidates.Count;
        if (_order.Length < count)
            (_order, _surprises, _marks) = (new int[_weights.Length], new double[_weights.Length], new bool[_weights.Length]);
        double entropy = 0;
        for (int i = 0; i < count; i++)
            if (_weights[i] > 0) entropy -= _weights[i] / total * Math.Log(_weights[i] / total);
        for (int i = 0; i < count; i++)
            (_order[i], _surprises[i], _marks[i]) = (i, Math.Abs(-Math.Log(_weights[i] / total) - entropy), false);
        _surprises.AsSpan(0, count).Sort(_order.AsSpan(0, count));
        double reached = 0;
        // What surprises as much as the last stays too, as in transformers.
        for (int i = 0; i < count && (reached < _options.TypicalP * total || _surprises[i] == _surprises[i - 1]); i++)
        {
            _marks[_order[i]] = true;
            reached += _weights[_order[i]];
        }
        _candidates.Keep(_marks.AsSpan(0, count));
    }

    /// <summary>Sets what each candidate weighs beside the likeliest, and gives the sum.</summary>
    double Weigh(float temperature)
    {
        int count = _candidates.Count;
        if (_weights.Length < count) _weights = new double[Math.Max(2 * _weights.Length, count)];
        float max = count == 0 ? 0 : _candidates.LogitAt(0);
        double total = 0;
        for (int i = 0; i < count; i++) total += _weights[i] = Math.Exp(((double)_candidates.LogitAt(i) - max) / temperature);
        return total;
    }
}
