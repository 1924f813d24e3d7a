namespace Earshot.Decoding.Alignment;

/// <summary>
/// A whole row of scores, in tiles that fit a first-level cache: some positions go through one tile after the other, each of which tells
/// the next the scores of its last token.
/// </summary>
sealed class TrellisTiles
{
    const int TokensOfTile = 1024, MostSteps = 256;

    readonly CtcTargets _targets;
    readonly TrellisRow[] _tiles;
    float[] _lasts = new float[MostSteps];
    float[] _before = new float[MostSteps];

    public TrellisTiles(CtcTargets targets)
    {
        _targets = targets;
        int count = targets.Tokens.Length + 1;
        _tiles = [.. Enumerable.Range(0, (count - 1) / TokensOfTile + 1).Select(tile => new TrellisRow(
            targets, tile * TokensOfTile, Math.Min(TokensOfTile, count - tile * TokensOfTile)))];
    }

    /// <summary>The most positions that <see cref="Advance"/> takes.</summary>
    public static int PositionsAtOnce => MostSteps;

    public float Token(int index) => _tiles[index / TokensOfTile].Token(index);

    public float Blank(int index) => _tiles[index / TokensOfTile].Blank(index);

    /// <inheritdoc cref="TrellisRow.Begin"/>
    public void Begin(ReadOnlySpan<float> position, int blank) => _tiles[0].Begin(position, blank);

    /// <summary>Goes on through some positions.</summary>
    /// <param name="logprobs">Theirs, (positions, vocabulary).</param>
    /// <param name="size">The vocabulary's, and its blank.</param>
    /// <param name="active">The tokens of each position that are to be computed: from the first to before the second.</param>
    public void Advance(ReadOnlySpan<float> logprobs, (int Vocabulary, int Blank) size, Func<int, (int Low, int High)> active)
    {
        int count = logprobs.Length / size.Vocabulary;
        Array.Fill(_before, float.NegativeInfinity);
        foreach (var tile in _tiles)
        {
            for (int step = 0; step < count; step++)
            {
                _lasts[step] = tile.Last;
                var (low, high) = active(step);
                (low, high) = (Math.Max(low, tile.First), Math.Min(high, tile.End));
                if (low >= high) continue;
                tile.Before = _before[step];
                tile.Advance(logprobs.Slice(step * size.Vocabulary, size.Vocabulary), size.Blank, low, high);
            }
            (_before, _lasts) = (_lasts, _before);
        }
    }

    /// <summary>Takes the best score of some tokens off all of them.</summary>
    public void Rebase(int low, int high)
    {
        float best = float.NegativeInfinity;
        for (int i = low; i < high; i++) best = Math.Max(best, Math.Max(Token(i), Blank(i)));
        if (best == float.NegativeInfinity) return;
        foreach (var tile in _tiles) tile.Subtract(best, Math.Max(low, tile.First), Math.Min(high, tile.End));
    }

    /// <summary>The scores of some tokens.</summary>
    public KeptScores Keep(int low, int high)
    {
        var kept = new KeptScores(low, new float[high - low], new float[high - low]);
        for (int i = low; i < high; i++) (kept.Tokens[i - low], kept.Blanks[i - low]) = (Token(i), Blank(i));
        return kept;
    }
}

/// <summary>Scores of a position's tokens from <paramref name="First"/> on, and of the blanks before them.</summary>
readonly record struct KeptScores(int First, float[] Tokens, float[] Blanks);
