using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// The likeliest segmentation of normalised text under a unigram language model of pieces (arXiv:1804.10959), by Viterbi's algorithm; sums
/// in float32 and strictly better paths only, as SentencePiece has it.
/// </summary>
sealed class UnigramSegmenter : ISegmenter
{
    const float UnknownPenalty = 10;

    readonly ByteTrie _trie = new();
    readonly float[] _scores;
    readonly float _unknownScore;

    public UnigramSegmenter(SentencePieceModel model)
    {
        var normal = model.Pieces.Where(piece => piece.Type == PieceType.Normal).Select(piece => piece.Score).DefaultIfEmpty(0);
        float most = normal.Max();
        _unknownScore = normal.Min() - UnknownPenalty;
        _scores = new float[model.Pieces.Count];
        for (int id = 0; id < _scores.Length; id++)
        {
            var piece = model.Pieces[id];
            if (piece.Type is not (PieceType.Normal or PieceType.UserDefined)) continue;
            var bytes = Encoding.UTF8.GetBytes(piece.Text);
            _scores[id] = piece.Type == PieceType.Normal ? piece.Score : bytes.Length * most - 0.1f;
            _trie.Add(bytes, id);
        }
    }

    public void Segment(ReadOnlySpan<byte> text, Action<int, int, int> add)
    {
        var best = new (float Score, int Start, int Id)[text.Length + 1];
        for (int i = 1; i <= text.Length; i++) best[i].Start = -1;
        for (int start = 0; start < text.Length;)
        {
            int character = LengthOfCharacter(text, start);
            bool hasSingle = false;
            int node = ByteTrie.Root;
            for (int end = start; end < text.Length && (node = _trie.Next(node, text[end])) >= 0;)
            {
                end++;
                if (_trie.ValueAt(node) is not (>= 0 and var id)) continue;
                Offer(best, start, end, id, _scores[id]);
                hasSingle |= end - start == character;
            }
            if (!hasSingle) Offer(best, start, start + character, -1, _unknownScore);
            start += character;
        }
        var path = new Stack<int>();
        for (int end = text.Length; end > 0; end = best[end].Start) path.Push(end);
        foreach (int end in path) add(best[end].Start, end, best[end].Id);
    }

    static void Offer((float Score, int Start, int Id)[] best, int start, int end, int id, float score)
    {
        float sum = best[start].Score + score;
        if (best[end].Start < 0 || sum > best[end].Score) best[end] = (sum, start, id);
    }

    static int LengthOfCharacter(ReadOnlySpan<byte> text, int start)
    {
        Rune.DecodeFromUtf8(text[start..], out _, out int length);
        return length;
    }
}

/// <summary>Cuts normalised text into pieces.</summary>
interface ISegmenter
{
    /// <summary>Calls for each piece with where it begins and ends, in UTF-8 bytes, and its id; -1 for a character without one.</summary>
    void Segment(ReadOnlySpan<byte> text, Action<int, int, int> add);
}
