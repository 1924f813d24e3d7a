using System.Runtime.InteropServices;

namespace Earshot.Decoding;

/// <summary>
/// Changes the logits of tokens that were written, and of those with a bias, and puts them back: the log-probabilities that are reported
/// are those of the model. Not for several threads at once.
/// </summary>
sealed class TokenPenalties
{
    readonly SamplingOptions _options;
    readonly List<int> _tokens = [];
    // Of what the window holds: how often it is there at all, and how often it counts for presence and frequency.
    readonly Dictionary<int, (int All, int Counted)> _counts = [];
    readonly (int Token, float Bias)[] _biases;
    readonly List<(int Token, float Logit)> _changed = [];
    readonly int _promptLength;

    public TokenPenalties(SamplingOptions options, ReadOnlySpan<int> prompt)
    {
        _options = options;
        _biases = [.. options.LogitBias.Select(pair => (pair.Key, pair.Value))];
        foreach (int token in prompt) Add(token);
        _promptLength = prompt.Length;
        if (options.Order == SamplingOrder.TemperatureLast) return;
        // OpenAI's penalties look at what the model wrote.
        foreach (int token in _counts.Keys.ToArray()) _counts[token] = _counts[token] with { Counted = 0 };
    }

    bool ArePenalties => _options.RepetitionPenalty != 1 || _options.PresencePenalty != 0 || _options.FrequencyPenalty != 0;

    /// <summary>Takes note of a token that was written.</summary>
    public void Add(int token)
    {
        if (!ArePenalties) return;
        _tokens.Add(token);
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, token, out _);
        count = (count.All + 1, count.Counted + 1);
        if (_options.PenaltyWindow is not { } window || _tokens.Count <= window) return;
        int leaving = _tokens.Count - 1 - window;
        bool wasCounted = leaving >= _promptLength || _options.Order == SamplingOrder.TemperatureLast;
        ref var left = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, _tokens[leaving], out _);
        left = (left.All - 1, left.Counted - (wasCounted ? 1 : 0));
    }

    public void Apply(Span<float> logits)
    {
        _changed.Clear();
        if (ArePenalties)
        {
            foreach (var (token, count) in _counts)
            {
                if (count.All <= 0 || (uint)token >= (uint)logits.Length) continue;
                ref float logit = ref logits[token];
                _changed.Add((token, logit));
                logit = logit <= 0 ? logit * _options.RepetitionPenalty : logit / _options.RepetitionPenalty;
                if (count.Counted > 0) logit -= count.Counted * _options.FrequencyPenalty + _options.PresencePenalty;
            }
        }
        foreach (var (token, bias) in _biases)
        {
            if ((uint)token >= (uint)logits.Length) continue;
            _changed.Add((token, logits[token]));
            logits[token] += bias;
        }
    }

    /// <summary>Puts back what <see cref="Apply"/> changed.</summary>
    public void Undo(Span<float> logits)
    {
        for (int i = _changed.Count - 1; i >= 0; i--) logits[_changed[i].Token] = _changed[i].Logit;
    }
}
