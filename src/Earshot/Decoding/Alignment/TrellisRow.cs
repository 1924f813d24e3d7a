using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Decoding.Alignment;

/// <summary>
/// The scores of a position's states, or of some neighbouring ones: of each token, and of the blank before it; one more blank follows the
/// last token.
/// </summary>
sealed partial class TrellisRow
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

    // Of what says nothing by itself, the blank's; behind the last token, too.
    readonly int[] _ids;
    readonly bool _hasStars;

    public TrellisRow(CtcTargets targets) : this(targets, 0, targets.Tokens.Length + 1) { }

    /// <param name="targets">The text.</param>
    /// <param name="first">The first token.</param>
    /// <param name="count">Tokens, or one more than there are.</param>
    public TrellisRow(CtcTargets targets, int first, int count)
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
        _ids = [.. ids.AsSpan(first, Math.Min(count, ids.Length - first)), .. new int[Math.Max(0, first + count - ids.Length)]];
        _hasStars = _ids.Contains(CtcTargets.Star);
    }

    public int First => _first;

    /// <summary>Behind the last.</summary>
    public int End => _first + _count;

    /// <summary>The score of the token before the first, at the position before.</summary>
    public float Before
    {
        set => _tokens[0] = value;
    }

    /// <summary>The score of the last token.</summary>
    public float Last => _tokens[_count];

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
        if (Avx512F.IsSupported) high = AdvanceWide(position[blank], low, high);
        int i = high - Vector<float>.Count;
        var quiet = new Vector<float>(position[blank]);
        for (; i >= low; i -= Vector<float>.Count)
        {
            var (token, before) = (new Vector<float>(_tokens, i + 1), new Vector<float>(_tokens, i));
            var between = new Vector<float>(_blanks, i);
            var best = Vector.MaxNative(Vector.MaxNative(token, between), before + new Vector<float>(_jumps, i));
            (new Vector<float>(_said, i) + best).CopyTo(_tokens, i + 1);
            (Vector.MaxNative(quiet, new Vector<float>(_others, i)) + Vector.MaxNative(between, before)).CopyTo(_blanks, i);
        }
        for (int k = i + Vector<float>.Count - 1; k >= low; k--)
        {
            var (token, before, between) = (_tokens[k + 1], _tokens[k], _blanks[k]);
            _tokens[k + 1] = _said[k] + Larger(Larger(token, between), before + _jumps[k]);
            _blanks[k] = Larger(position[blank], _others[k]) + Larger(between, before);
        }
    }

    /// <summary>
    /// Goes on to the next position for tokens from <paramref name="low"/> on, counted from the first, and says where the best paths of
    /// each token and blank came from.
    /// </summary>
    public void Advance(ReadOnlySpan<float> position, int blank, int low, Span<byte> steps)
    {
        Say(position, low, _count);
        int high = Avx512F.IsSupported ? AdvanceWide(position[blank], low, steps) : _count;
        for (int k = high - 1; k >= low; k--)
        {
            var (token, before, between) = (_tokens[k + 1], _tokens[k], _blanks[k]);
            float jump = before + _jumps[k];
            int tokenStep = jump > token && jump > between ? 2 : between > token ? 1 : 0;
            steps[k] = (byte)((tokenStep << TokenShift) | (before > between ? BlankStep : 0));
            _tokens[k + 1] = _said[k] + Larger(Larger(token, between), jump);
            _blanks[k] = Larger(position[blank], _others[k]) + Larger(between, before);
        }
    }

    /// <summary>Takes something off the scores of some tokens.</summary>
    public void Subtract(float score, int low, int high)
    {
        for (int i = low - _first; i < high - _first; i++)
        {
            _tokens[i + 1] -= score;
            _blanks[i] -= score;
        }
    }

    /// <summary>Takes scores over that were kept, and what never was where there are none.</summary>
    public void Restore(KeptScores kept)
    {
        int low = Math.Max(kept.First, _first), high = Math.Min(kept.First + kept.Tokens.Length, End);
        if (low >= high) return;
        kept.Tokens.AsSpan(low - kept.First, high - low).CopyTo(_tokens.AsSpan(low - _first + 1));
        kept.Blanks.AsSpan(low - kept.First, high - low).CopyTo(_blanks.AsSpan(low - _first));
    }

    // No score is NaN, and which of two zeros is larger does not matter.
    static float Larger(float a, float b) => a > b ? a : b;

    // What the position gives each token; nothing behind the last one.
    void Say(ReadOnlySpan<float> position, int low, int high)
    {
        int i = low;
        if (Avx512F.IsSupported && position.Length <= 2 * Table) i = SayByTables(position, low, high);
        for (; i < high; i++) _said[i] = _ids[i] is var id && id < 0 ? 0 : position[id];
        if (_first + high > _targets.Tokens.Length) _said[high - 1] = Never;
    }
}
