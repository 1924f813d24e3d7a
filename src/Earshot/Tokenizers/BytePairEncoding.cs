using System.Runtime.InteropServices;
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
    readonly Lazy<Dictionary<long, PairMerger.Merge>> _merges;
    // Where pieces that are tokens are not merged.
    readonly Lazy<Dictionary<string, int>>? _whole;

    BytePairEncoding(
        ArraySegment<byte> bytes, int[] offsets, Func<Dictionary<long, PairMerger.Merge>> merges, bool isComplete = true,
        bool ignoreMerges = false)
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
        if (ignoreMerges) _whole = new(TokensByBytes);
        int missing = isComplete ? Array.IndexOf(_tokenOfByte, -1) : -1;
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
    internal static BytePairEncoding FromMerges(byte[][] tokens, IReadOnlyList<(int Left, int Right, int Merged)> merges) =>
        Over(tokens, PairMerger.TableOf(merges), isComplete: true, ignoreMerges: false);

    /// <summary>
    /// The same of a vocabulary that need not have all bytes: those without a token are left out of what is encoded, as Hugging Face's
    /// tokenizers do it. <paramref name="ignoreMerges"/>: a piece that is a token is that token, whatever merges give.
    /// </summary>
    internal static BytePairEncoding FromMerges(
        byte[][] tokens, IReadOnlyList<(int Left, int Right, int Merged)> merges, bool ignoreMerges) =>
        Over(tokens, PairMerger.TableOf(merges), isComplete: false, ignoreMerges);

    /// <summary>
    /// An encoding whose tokens are their own ranks: of all neighbours, those merge first whose joined bytes are the lowest token.
    /// </summary>
    /// <exception cref="CheckpointException">A byte has no token.</exception>
    internal static BytePairEncoding FromRanks(byte[][] tokens)
    {
        var ids = new Dictionary<string, int>(tokens.Length, StringComparer.Ordinal);
        for (int id = 0; id < tokens.Length; id++) ids.TryAdd(Encoding.Latin1.GetString(tokens[id]), id);
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var table = new Dictionary<long, PairMerger.Merge>(3 * tokens.Length);
        foreach (var (text, id) in ids)
        {
            for (int cut = 1; cut < text.Length; cut++)
            {
                if (lookup.TryGetValue(text.AsSpan(0, cut), out int left) && lookup.TryGetValue(text.AsSpan(cut), out int right))
                    table.Add(PairMerger.Key(left, right), new PairMerger.Merge(id, id));
            }
        }
        return Over(tokens, table, isComplete: true, ignoreMerges: false);
    }

    /// <summary>An encoding over arrays as a file holds them; the merges are looked at when a text is first encoded.</summary>
    /// <param name="bytes">All tokens' bytes behind each other.</param>
    /// <param name="offsets">Where each token begins, and the last ends.</param>
    /// <exception cref="CheckpointException">A byte has no token, or, when a text is encoded, a merge names a token that is not
    /// there.</exception>
    internal static BytePairEncoding Over(ArraySegment<byte> bytes, int[] offsets, PairMerge[] merges, string source) =>
        new(bytes, offsets, () =>
        {
            var table = new Dictionary<long, PairMerger.Merge>(merges.Length);
            int count = offsets.Length - 1;
            foreach (var merge in merges)
            {
                if (merge.Left >= count || merge.Right >= count || merge.Merged >= count)
                {
                    throw new CheckpointException(
                        $"'{source}': a merge names token {Math.Max(merge.Merged, Math.Max(merge.Left, merge.Right))} of {count}. " +
                        "Download or quantise the model again.");
                }
                table.TryAdd(PairMerger.Key(merge.Left, merge.Right), new PairMerger.Merge(merge.Rank, merge.Merged));
            }
            return table;
        });

    /// <summary>All merges, by rank.</summary>
    internal List<PairMerge> ListMerges() =>
        [.. _merges.Value.Select(pair => new PairMerge((int)(pair.Key >> 32), (int)pair.Key, pair.Value.Rank, pair.Value.Token))
            .OrderBy(merge => merge.Rank).ThenBy(merge => merge.Left)];

    Dictionary<string, int> TokensByBytes()
    {
        var ids = new Dictionary<string, int>(Count, StringComparer.Ordinal);
        for (int id = 0; id < Count; id++) ids.TryAdd(KeyOf(TokenBytes(id)), id);
        return ids;
    }

    static BytePairEncoding Over(byte[][] tokens, Dictionary<long, PairMerger.Merge> merges, bool isComplete, bool ignoreMerges)
    {
        var offsets = new int[tokens.Length + 1];
        for (int id = 0; id < tokens.Length; id++) offsets[id + 1] = checked(offsets[id] + tokens[id].Length);
        var bytes = new byte[offsets[^1]];
        for (int id = 0; id < tokens.Length; id++) tokens[id].CopyTo(bytes, offsets[id]);
        return new BytePairEncoding(bytes, offsets, () => merges, isComplete, ignoreMerges);
    }

    /// <summary>The tokens of a text; half a surrogate pair counts as U+FFFD.</summary>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new List<int>(text.Length / 3 + 1);
        var encoder = new Encoder(this);
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            int length = PreTokenizer.PieceLength(rest);
            encoder.Encode(rest[..length], tokens);
            rest = rest[length..];
        }
        return [.. tokens];
    }

    /// <summary>The pieces of texts, merged one after the other in the same buffers.</summary>
    internal sealed class Encoder(BytePairEncoding encoding)
    {
        // Words come again and again; so many of so many characters are remembered.
        const int MostRemembered = 1 << 14, LongestRemembered = 32;

        readonly PairMerger _merger = new(encoding._merges.Value);
        readonly Dictionary<string, int[]> _remembered = new(StringComparer.Ordinal);
        byte[] _bytes = new byte[64];

        /// <summary>Adds the tokens of a piece; bytes that have none are left out.</summary>
        public void Encode(ReadOnlySpan<char> piece, List<int> output)
        {
            if (piece.Length > LongestRemembered)
            {
                Merge(piece, output);
                return;
            }
            if (_remembered.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(piece, out var known))
            {
                output.AddRange(known);
                return;
            }
            int start = output.Count;
            Merge(piece, output);
            if (_remembered.Count < MostRemembered)
                _remembered.Add(piece.ToString(), CollectionsMarshal.AsSpan(output)[start..].ToArray());
        }

        void Merge(ReadOnlySpan<char> piece, List<int> output)
        {
            int most = Encoding.UTF8.GetMaxByteCount(piece.Length);
            if (_bytes.Length < most) _bytes = new byte[most];
            int count = Encoding.UTF8.GetBytes(piece, _bytes);
            if (encoding._whole?.Value.TryGetValue(KeyOf(_bytes.AsSpan(0, count)), out int whole) == true)
            {
                output.Add(whole);
                return;
            }
            var symbols = _merger.Symbols(count);
            int known = 0;
            for (int i = 0; i < count; i++)
            {
                if (encoding._tokenOfByte[_bytes[i]] is >= 0 and var token) symbols[known++] = token;
            }
            _merger.Run(known, output);
        }
    }

    static string KeyOf(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}

/// <summary>Two tokens that stand beside each other, the rank of their merge (lower ranks first), and the token that they give.</summary>
readonly record struct PairMerge(int Left, int Right, int Rank, int Merged);
