namespace Earshot.Decoding;

/// <summary>The hypotheses that decode side by side, row by row, all of one length, in buffers that last for the whole task.</summary>
sealed class HypothesisRows(int rows, int capacity)
{
    int[] _tokens = new int[rows * capacity], _otherTokens = new int[rows * capacity];
    float[] _logprobs = new float[rows * capacity], _otherLogprobs = new float[rows * capacity];
    double[] _sums = new double[rows], _otherSums = new double[rows];

    public int Rows => rows;

    public int Capacity => capacity;

    /// <summary>Hypotheses still running.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens that each has.</summary>
    public int Length { get; private set; }

    /// <summary>Begins with one empty hypothesis, which the rows then branch from.</summary>
    public void Reset()
    {
        Count = 1;
        Length = 0;
        _sums[0] = 0;
    }

    public ReadOnlySpan<int> Tokens(int row) => _tokens.AsSpan(row * capacity, Length);

    public double Sum(int row) => _sums[row];

    /// <summary>Row i continues row parents[i] with one token more.</summary>
    public void Extend(ReadOnlySpan<int> parents, ReadOnlySpan<int> tokens, ReadOnlySpan<float> logprobs)
    {
        for (int row = 0; row < parents.Length; row++)
        {
            int from = parents[row] * capacity, to = row * capacity;
            Array.Copy(_tokens, from, _otherTokens, to, Length);
            Array.Copy(_logprobs, from, _otherLogprobs, to, Length);
            _otherTokens[to + Length] = tokens[row];
            _otherLogprobs[to + Length] = logprobs[row];
            _otherSums[row] = _sums[parents[row]] + logprobs[row];
        }
        (_tokens, _otherTokens) = (_otherTokens, _tokens);
        (_logprobs, _otherLogprobs) = (_otherLogprobs, _logprobs);
        (_sums, _otherSums) = (_otherSums, _sums);
        Count = parents.Length;
        Length++;
    }

    /// <summary>A copy of a row that outlives it, ended with a token of the given log-probability.</summary>
    public Hypothesis Snapshot(int row, double endLogprob) => new(
        Tokens(row).ToArray(),
        _logprobs.AsSpan(row * capacity, Length).ToArray(),
        _sums[row] + endLogprob);
}

/// <summary>
/// A candidate transcript: its tokens without the end, and the sum of all log-probabilities, the end's included where it was reached.
/// </summary>
sealed record Hypothesis(int[] Tokens, float[] Logprobs, double SumLogprob);
