using System.Numerics;

namespace Earshot.Decoding.Alignment;

/// <summary>
/// The scores of a position's states, or of some neighbouring ones: of each token, and of the blank before it; one more blank follows the
/// last token.
/// </summary>
sealed class TrellisRow
{
    /// <summary>The bit of a step that tells where a blank's path came from.</summary>
    public const int BlankStep = 1;

    /// <summary>Where the bits begin that tell it of a token.</summary>
    public const int TokenShift = 1;

    const float Never = float.NegativeInfinity;

    readonly CtcTargets _targets;
    readonly int _first;
    readonly int _count;

    // Behind one more element, so that the token before the first is there.
    readonly float[] _tokens;
    readonly float[] _blanks;
    readonly float[] _said;
    readonly float[] _jumps;
    readonly float[] _others;

    public TrellisRow(CtcTargets targets) : this(targets, 0, targets.Tokens.Length + 1) { }

    TrellisRow(CtcTargets targets, int first, int count)
    {
        (_targets, _first, _count) = (targets, first, count);
        _tokens = new float[count + 1];
        (_blanks, _said, _jumps, _others) = (new float[count], new float[count], new float[count], new float[count]);
        Array.Fill(_tokens, Never);
        Array.Fill(_blanks, Never);
        var ids = targets.Tokens;
        for (int i = 0; i < count; i++)
        {
            int token = first + i;
            // From one token to the next without a blank, where they differ.
            _jumps[i] = token > 0 && token < ids.Length && ids[token] != ids[token - 1] ? 0 : Never;
            _others[i] = targets.IsBoundary(token) ? targets.OtherLogprob : Never;
        }
    }

    public float Token(int index) => _tokens[index - _first + 1];

    public float Blank(int index) => _blanks[index - _first];

    /// <summary>The first position's scores: a path begins with a blank or with the first token.</summary>
    public void Begin(ReadOnlySpan<float> position, int blank)
    {
        Say(position, 0, 1);
        (_blanks[0], _tokens[1]) = (Math.Max(position[blank], _others[0]), _said[0]);
    }

    /// <summary>Goes on to the next position, for tokens from <paramref name="low"/> to before <paramref name="high"/>.</summary>
    public void Advance(ReadOnlySpan<float> position, int blank, int low, int high)
    {
        (low, high) = (low - _first, high - _first);
        Say(position, low, high);
        // From the end on, so that what is read is of the position before.
        int i = high - Vector<float>.Count;
        var quiet = new Vector<float>(position[blank]);
        for (; i >= low; i -= Vector<float>.Count)
        {
            var (token, before) = (new Vector<float>(_tokens, i + 1), new Vector<float>(_tokens, i));
            var between = new Vector<float>(_blanks, i);
            var best = Vector.Max(Vector.Max(token, between), before + new Vector<float>(_jumps, i));
            (new Vector<float>(_said, i) + best).CopyTo(_tokens, i + 1);
            (Vector.Max(quiet, new Vector<float>(_others, i)) + Vector.Max(between, before)).CopyTo(_blanks, i);
        }
        for (int k = i + Vector<float>.Count - 1; k >= low; k--)
        {
            var (token, before, between) = (_tokens[k + 1], _tokens[k], _blanks[k]);
            _tokens[k + 1] = _said[k] + Math.Max(Math.Max(token, between), before + _jumps[k]);
            _blanks[k] = Math.Max(position[blank], _others[k]) + Math.Max(between, before);
        }
    }

    /// <summary>Goes on to the next position, and says where the best paths of each token and blank came from.</summary>
    public void Advance(ReadOnlySpan<float> position, int blank, Span<byte> steps)
    {
        Say(position, 0, _count);
        for (int k = _count - 1; k >= 0; k--)
        {
            var (token, before, between) = (_tokens[k + 1], _tokens[k], _blanks[k]);
            float jump = before + _jumps[k];
            int tokenStep = jump > token && jump > between ? 2 : between > token ? 1 : 0;
            steps[k] = (byte)((tokenStep << TokenShift) | (before > between ? BlankStep : 0));
            _tokens[k + 1] = _said[k] + Math.Max(Math.Max(token, between), jump);
            _blanks[k] = Math.Max(position[blank], _others[k]) + Math.Max(between, before);
        }
    }

    /// <summary>Takes the best score of some tokens off all of them.</summary>
    public void Rebase(int low, int high)
    {
        float best = Never;
        for (int i = low - _first; i < high - _first; i++) best = Math.Max(best, Math.Max(_tokens[i + 1], _blanks[i]));
        if (best == Never) return;
        for (int i = low - _first; i < high - _first; i++)
        {
            _tokens[i + 1] -= best;
            _blanks[i] -= best;
        }
    }

    /// <summary>The scores of some tokens, and what never was elsewhere.</summary>
    public TrellisRow Copy(int low, int high)
    {
        var copy = new TrellisRow(_targets, low, high - low);
        for (int i = Math.Max(low, _first); i < Math.Min(high, _first + _count); i++)
            (copy._tokens[i - low + 1], copy._blanks[i - low]) = (Token(i), Blank(i));
        return copy;
    }

    // What the position gives each token; nothing behind the last one.
    void Say(ReadOnlySpan<float> position, int low, int high)
    {
        var ids = _targets.Tokens.AsSpan(_first, Math.Min(_count, _targets.Tokens.Length - _first));
        var said = _said.AsSpan();
        for (int i = low; i < high; i++) said[i] = i >= ids.Length ? Never : ids[i] is var id && id < 0 ? 0 : position[id];
    }
}
