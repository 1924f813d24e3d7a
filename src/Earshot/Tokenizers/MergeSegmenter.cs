using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// Byte-pair encoding of characters, as SentencePiece has it: of all neighbours whose joined text is a piece, the pair with the highest
/// score joins first, the leftmost among equals; user-defined pieces are cut out before and join with nothing.
/// </summary>
sealed class MergeSegmenter : ISegmenter
{
    readonly SentencePieceModel _model;
    readonly ByteTrie _userDefined;
    readonly bool _hasUnused;
    readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    readonly Lazy<Dictionary<long, PairMerger.Merge>> _merges;
    // Characters that are no pieces but parts of some: their symbols are beyond the ids.
    readonly List<string> _characters = [];

    public MergeSegmenter(SentencePieceModel model, ByteTrie userDefined)
    {
        _model = model;
        _userDefined = userDefined;
        _hasUnused = model.Pieces.Any(piece => piece.Type == PieceType.Unused);
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            var piece = model.Pieces[id];
            if (piece.Type is PieceType.Normal or PieceType.UserDefined or PieceType.Unused && piece.Text.Length > 0)
                _ids.TryAdd(piece.Text, id);
        }
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _merges = new(() => model.Merges is null ? MergesByScore() : PairMerger.TableOf(model.Merges));
    }

    public void Segment(ReadOnlySpan<byte> text, Action<int, int, int> add)
    {
        var unused = new Dictionary<int, (int Left, int Right)>();
        var merger = new PairMerger(_merges.Value)
        {
            Found = _hasUnused ? Remember : null,
        };
        int start = 0;
        for (int at = 0; at < text.Length;)
        {
            int frozen = _userDefined.IsEmpty ? 0 : _userDefined.Longest(text[at..]).Length;
            if (frozen > 0)
            {
                Merge(text, start, at, merger, unused, add);
                add(at, at + frozen, _userDefined.Find(text.Slice(at, frozen)));
                start = at += frozen;
                continue;
            }
            Rune.DecodeFromUtf8(text[at..], out _, out int length);
            at += length;
        }
        Merge(text, start, text.Length, merger, unused, add);

        void Remember(int left, int right, int merged)
        {
            if (merged < _model.Pieces.Count && _model.Pieces[merged].Type == PieceType.Unused) unused[merged] = (left, right);
        }
    }

    void Merge(
        ReadOnlySpan<byte> text, int start, int end, PairMerger merger, Dictionary<int, (int Left, int Right)> unused,
        Action<int, int, int> add)
    {
        if (start == end) return;
        var symbols = merger.Symbols(end - start);
        var unknown = new Queue<int>();
        int count = 0;
        Span<char> letters = stackalloc char[2];
        for (int at = start; at < end; count++)
        {
            Rune.DecodeFromUtf8(text[at..end], out var rune, out int length);
            symbols[count] = _lookup.TryGetValue(letters[..rune.EncodeToUtf16(letters)], out int id) ? id : -2;
            if (symbols[count] < 0) unknown.Enqueue(length);
            at += length;
        }
        var joined = new List<int>(count);
        merger.Run(count, joined);
        int position = start;
        foreach (int symbol in joined) Add(symbol);

        void Add(int symbol)
        {
            if (unused.TryGetValue(symbol, out var parts))
            {
                Add(parts.Left);
                Add(parts.Right);
                return;
            }
            int length = symbol < 0 ? unknown.Dequeue() : Encoding.UTF8.GetByteCount(TextOf(symbol));
            add(position, position + length, symbol < _model.Pieces.Count ? Math.Max(symbol, -1) : -1);
            position += length;
        }
    }

    string TextOf(int symbol) =>
        symbol < _model.Pieces.Count ? _model.Pieces[symbol].Text : _characters[symbol - _model.Pieces.Count];

    Dictionary<long, PairMerger.Merge> MergesByScore()
    {
        var ranks = _ids.Values.Select(id => _model.Pieces[id].Score).Distinct().OrderDescending()
            .Select((score, rank) => (score, rank)).ToDictionary(pair => pair.score, pair => pair.rank);
        var table = new Dictionary<long, PairMerger.Merge>();
        foreach (var (text, id) in _ids.ToList())
        {
            for (int cut = 1; cut < text.Length; cut++)
            {
                if (char.IsLowSurrogate(text[cut])) continue;
                if (SymbolOf(text.AsSpan(0, cut)) is { } left && SymbolOf(text.AsSpan(cut)) is { } right)
                    table[PairMerger.Key(left, right)] = new PairMerger.Merge(ranks[_model.Pieces[id].Score], id);
            }
        }
        return table;
    }

    /// <summary>The id of a piece, or a symbol for a character that is none.</summary>
    int? SymbolOf(ReadOnlySpan<char> part)
    {
        if (_lookup.TryGetValue(part, out int id)) return id;
        bool isCharacter = part.Length == 1 || part.Length == 2 && char.IsHighSurrogate(part[0]);
        if (!isCharacter) return null;
        var text = part.ToString();
        int symbol = _model.Pieces.Count + _characters.Count;
        _characters.Add(text);
        _ids.Add(text, symbol);
        return symbol;
    }
}
