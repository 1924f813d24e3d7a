namespace Earshot.Decoding;

/// <summary>Chooses the next tokens of all hypotheses from their filtered logits, step by step.</summary>
abstract class TokenDecoder(int rows)
{
    readonly int[] _parents = new int[rows];
    readonly int[] _tokens = new int[rows];
    readonly float[] _logprobs = new float[rows];
    int _count;

    /// <summary>Finished hypotheses so far.</summary>
    protected List<Hypothesis> Finished { get; } = [];

    public int Rows => rows;

    /// <summary>After a step: which row each running hypothesis continues.</summary>
    public ReadOnlySpan<int> Parents => _parents.AsSpan(0, _count);

    /// <summary>After a step: the token that each running hypothesis continues with.</summary>
    public ReadOnlyMemory<int> NextTokens => _tokens.AsMemory(0, _count);

    /// <summary>Extends the hypotheses; true when nothing is left to run.</summary>
    /// <param name="logits">(hypotheses.Count, vocabulary) of the running rows.</param>
    public bool Advance(ReadOnlySpan<float> logits, HypothesisRows hypotheses)
    {
        _count = 0;
        int vocabulary = logits.Length / hypotheses.Count;
        bool completed = Choose(logits, vocabulary, hypotheses);
        hypotheses.Extend(Parents, NextTokens.Span, _logprobs.AsSpan(0, _count));
        return completed || _count == 0;
    }

    /// <summary>All candidates to rank, once decoding has ended or run out of room.</summary>
    public abstract List<Hypothesis> Finish(HypothesisRows hypotheses);

    public virtual void Reset() => Finished.Clear();

    protected abstract bool Choose(ReadOnlySpan<float> logits, int vocabulary, HypothesisRows hypotheses);

    protected void Continue(int parent, int token, float logprob)
    {
        _parents[_count] = parent;
        _tokens[_count] = token;
        _logprobs[_count++] = logprob;
    }
}
