namespace Earshot.Decoding.Alignment;

/// <summary>
/// The tokens of a text that is aligned, in order, without blanks. Where the text could be left for a while, and what that costs, is said
/// too.
/// </summary>
sealed class CtcTargets
{
    /// <summary>A token that stands for anything that is said, at no cost.</summary>
    public const int Star = -1;

    readonly bool[] _isBoundary;

    /// <param name="tokens">Ids, or <see cref="Star"/>.</param>
    /// <param name="isBoundary">
    /// Whether something that the text does not have may be said before each token, and after the last: one more than tokens. Null for
    /// nowhere.
    /// </param>
    /// <param name="otherLogprob">What a position of something else costs there, where the blank costs more.</param>
    public CtcTargets(IReadOnlyList<int> tokens, IReadOnlyList<bool>? isBoundary = null, float otherLogprob = float.NegativeInfinity)
    {
        Tokens = [.. tokens];
        OtherLogprob = otherLogprob;
        _isBoundary = isBoundary is null ? new bool[Tokens.Length + 1] : [.. isBoundary];
        for (int i = 1; i < Tokens.Length; i++)
        {
            if (Tokens[i] == Tokens[i - 1]) Repeats++;
        }
    }

    public int[] Tokens { get; }

    public float OtherLogprob { get; }

    /// <summary>Tokens that equal the one before, which a blank has to tell apart from it.</summary>
    public int Repeats { get; }

    /// <summary>The fewest positions that the text takes.</summary>
    public int LeastPositions => Tokens.Length + Repeats;

    /// <summary>Whether the blank before a token may stand for anything.</summary>
    public bool IsBoundary(int token) => _isBoundary[token];
}
