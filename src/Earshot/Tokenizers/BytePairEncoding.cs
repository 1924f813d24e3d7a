using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// Byte-level byte-pair encoding as GPT-2 does it: any text has tokens, and decoding their bytes gives the text back.
/// A piece of n bytes takes O(n log n) time.
/// </summary>
public sealed class BytePairEncoding
{
    // All tokens' bytes behind each other, and where each begins.
    readonly ArraySegment<byte> _bytes;
    readonly int[] _offsets;
    readonly int[] _tokenOfByte;
    // Only encoding needs them.
    readonly Lazy<Dictionary<long, Merge>> _merges;

    BytePairEncoding(ArraySegment<byte> bytes, int[] offsets, Func<Dictionary<long, Merge>> merges)
    {
        _bytes = bytes;
        _offsets = offsets;
        _merges = new(merges);
        _tokenOfByte = new int[256];
        Array.Fill(_tokenOfByte, -1);
        for (int id = Count - 1; id >= 0; id--)
        {
            if (offsets[id + 1] - offsets[id] == 1) _tokenOfByte[bytes[offsets[id]]] = id;
        }
        int missing = Array.IndexOf(_tokenOfByte, -1);
        if (missing >= 0)
        {
            throw new CheckpointException(
                $"The vocabulary has no token for byte 0x{missing:X2}; byte-level encoding needs all 256. " +
                "Download the tokenizer's files again.");
        }
    }

    /// <summary>How many tokens there are.</summary>
    public int Count => _offsets.Length - 1;

    /// <summary>The bytes of a token.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id) => _bytes.AsSpan(_offsets[id], _offsets[id + 1] - _offsets[id]);

    /// <summary>An encoding whose merges are listed in order: pairs of token ids, and the token that each gives.</summary>
    /// <exception cref="CheckpointException">A byte has no token.</exception>
    internal static BytePairEncoding FromMerges(byte[][] tokens, IReadOnlyList<(int Left, int Right, int Merged)> merges)
    {
        var table = new Dictionary<long, Merge>(merges.Count);
        for (int rank = 0; rank < merges.Count; rank++)
            table.TryAdd(Key(merges[rank].Left, merges[rank].Right), new Merge(rank, merges[rank].Merged));
        return Over(tokens, table);
    }

    /// <summary>
    /// An encoding whose tokens are their own ranks: of all neighbours, those merge first whose joined bytes are the lowest token.
    /// </summary>
    /// <exception cref="CheckpointException">A byte has no token.</exception>
    internal static BytePairEncoding FromRanks(byte[][] tokens)
    {
        var ids = new Dictionary<string, int>(tokens.Length, StringComparer.Ordinal);
        for (int id = 0; id < tokens.Length; id++) ids.TryAdd(Encoding.Latin1.GetString(tokens[id]), id);
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var table = new Dictionary<long, Merge>(3 * tokens.Length);
        foreach (var (text, id) in ids)
        {
            for (int cut = 1; cut < text.Length; cut++)
            {
                if (lookup.TryGetValue(text.AsSpan(0, cut), out int left) && lookup.TryGetValue(text.AsSpan(cut), out int right))
                    table.Add(Key(left, right), new Merge(id, id));
            }
        }
        return Over(tokens, table);
    }

    /// <summary>An encoding over arrays as a file holds them; the merges are looked at when a text is first encoded.</summary>
    /// <param name="bytes">All tokens' bytes behind each other.</param>
    /// <param name="offsets">Where each token begins, and the last ends.</param>
    /// <exception cref="CheckpointException">A byte has no token, or, when a text is encoded, a merge names a token that is not
    /// there.</exception>
    internal static BytePairEncoding Over(ArraySegment<byte> bytes, int[] offsets, PairMerge[] merges, string source) =>
        new(bytes, offsets, () =>
        {
            var table = new Dictionary<long, Merge>(merges.Length);
            int count = offsets.Length - 1;
            foreach (var merge in merges)
            {
                if (merge.Left >= count || merge.Right >= count || merge.Merged >= count)
                {
                    throw new CheckpointException(
                        $"'{source}': a merge names token {Math.Max(merge.Merged, Math.Max(merge.Left, merge.Right))} of {count}. " +
                        "Download or quantise the model again.");
                }
                table.TryAdd(Key(merge.Left, merge.Right), new Merge(merge.Rank, merge.Merged));
            }
            return table;
        });

    /// <summary>All merges, by rank.</summary>
    internal List<PairMerge> ListMerges() =>
        [.. _merges.Value.Select(pair => new PairMerge((int)(pair.Key >> 32), (int)pair.Key, pair.Value.Rank, pair.Value.Token))
            .OrderBy(merge => merge.Rank).ThenBy(merge => merge.Left)];

    static BytePairEncoding Over(byte[][] tokens, Dictionary<long, Merge> merges)
    {
        var offsets = new int[tokens.Length + 1];
        for (int id = 0; id < tokens.Length; id++) offsets[id + 1] = checked(offsets[id] + tokens[id].Length);
        var bytes = new byte[offsets[^1]];
        for (int id = 0; id < tokens.Length; id++) tokens[id].CopyTo(bytes, offsets[id]);
        return new BytePairEncoding(bytes, offsets, () => merges);
    }

    /// <summary>The tokens of a text; half a surrogate pair counts as U+FFFD.</summary>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new List<int>(text.Length / 3 + 1);
        var merging = new Merging(this);
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            int length = PreTokenizer.PieceLength(rest);
            merging.Encode(rest[..length], tokens);
            rest = rest[length..];
        }
        return [.. tokens];
    }

    static long Key(int left, int right) => (long)left << 32 | (uint)right;

    readonly record struct Merge(int Rank, int Token);

    /// <summary>The pieces of one text, merged one after the other in the same buffers.</summary>
    sealed class Merging(BytePairEncoding encoding)
    {
        readonly Dictionary<long, Merge> _merges = encoding._merges.Value;
        readonly PriorityQueue<(int Position, int Left, int Right), long> _candidates = new();
        byte[] _bytes = new byte[64];
        int[] _ids = [], _next = [], _previous = [];

        public void Encode(ReadOnlySpan<char> piece, List<int> output)
        {
            int most = Encoding.UTF8.GetMaxByteCount(piece.Length);
            if (_bytes.Length < most) _bytes = new byte[most];
            int count = Encoding.UTF8.GetBytes(piece, _bytes);
            Start(count);
            while (_candidates.TryDequeue(out var pair, out _)) Join(pair.Position, pair.Left, pair.Right, count);
            for (int i = 0; i < count; i = _next[i]) output.Add(_ids[i]);
        }

        void Start(int count)
        {
            if (_ids.Length < count)
            {
                _ids = new int[_bytes.Length];
                _next = new int[_bytes.Length];
                _previous = new int[_bytes.Length];
            }
            for (int i = 0; i < count; i++)
            {
                _ids[i] = encoding._tokenOfByte[_bytes[i]];
                _next[i] = i + 1;
                _previous[i] = i - 1;
            }
            for (int i = 0; i + 1 < count; i++) Propose(i, i + 1);
        }

        /// <summary>Joins a pair, if neither of the two was joined with something else since it was proposed.</summary>
        void Join(int position, int left, int right, int count)
        {
            int second = _next[position];
            if (_ids[position] != left || second >= count || _ids[second] != right) return;
            _ids[position] = _merges[Key(left, right)].Token;
            // A position that was joined to the one before it matches no candidate any more.
            _ids[second] = -1;
            int following = _next[position] = _next[second];
            if (following < count)
            {
                _previous[following] = position;
                Propose(position, following);
            }
            if (_previous[position] >= 0) Propose(_previous[position], position);
        }

        /// <summary>Lowest rank first; among equals the leftmost.</summary>
        void Propose(int first, int second)
        {
            if (_merges.TryGetValue(Key(_ids[first], _ids[second]), out var merge))
                _candidates.Enqueue((first, _ids[first], _ids[second]), (long)merge.Rank << 32 | (uint)first);
        }
    }
}

/// <summary>Two tokens that stand beside each other, the rank of their merge (lower ranks first), and the token that they give.</summary>
readonly record struct PairMerge(int Left, int Right, int Rank, int Merged);
