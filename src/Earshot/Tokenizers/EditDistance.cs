using System.Runtime.InteropServices;

namespace Earshot.Tokenizers;

/// <summary>
/// The least number of substitutions, deletions and insertions between two sequences of unit numbers (or texts, for names that were
/// probably meant), by bit vectors of 64 rows (Myers 1999, in Hyyrö's form for long patterns): O(n·m / 64) time, O(n) memory.
/// </summary>
public static class EditDistance
{
    /// <summary>How many letters must be inserted, removed or replaced to make one text of the other.</summary>
    public static int OfText(string a, string b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        return Between(Units(a), Units(b));

        static int[] Units(string text) => [.. text.Select(letter => (int)letter)];
    }

    /// <summary>How many units must be inserted, removed or replaced to make one sequence of the other.</summary>
    public static int Between(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis)
    {
        var prefix = reference.CommonPrefixLength(hypothesis);
        reference = reference[prefix..];
        hypothesis = hypothesis[prefix..];
        var suffix = CommonSuffixLength(reference, hypothesis);
        reference = reference[..^suffix];
        hypothesis = hypothesis[..^suffix];
        if (reference.IsEmpty || hypothesis.IsEmpty) return reference.Length + hypothesis.Length;
        // The distance is symmetric; the longer one in the bits means fewer carries between words.
        return reference.Length >= hypothesis.Length ? Columns(reference, hypothesis) : Columns(hypothesis, reference);
    }

    /// <summary>How many units at the ends of both are equal.</summary>
    public static int CommonSuffixLength(ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        var most = Math.Min(a.Length, b.Length);
        var length = 0;
        while (length < most && a[^(length + 1)] == b[^(length + 1)]) length++;
        return length;
    }

    static int Columns(ReadOnlySpan<int> pattern, ReadOnlySpan<int> text)
    {
        var places = PatternPlaces.Of(pattern);
        var blocks = (pattern.Length + 63) / 64;
        var matches = new ulong[blocks]; // rows whose unit equals the column's
        var rising = new ulong[blocks];  // rows where the column's cost rises by one
        var falling = new ulong[blocks]; // rows where it falls by one
        rising.AsSpan().Fill(ulong.MaxValue);
        var lastRow = (pattern.Length - 1) & 63;
        var distance = pattern.Length;
        foreach (var unit in text)
        {
            var found = places.Find(unit);
            foreach (var (block, bits) in found) matches[block] = bits;
            var carry = 1; // the top row rises by one in each column
            for (var b = 0; b < blocks - 1; b++) carry = Step(matches[b], ref rising[b], ref falling[b], carry, 63);
            distance += Step(matches[^1], ref rising[^1], ref falling[^1], carry, lastRow);
            foreach (var (block, _) in found) matches[block] = 0;
        }
        return distance;
    }

    /// <summary>
    /// Advances 64 rows by one column; takes and returns how the row above and the row <paramref name="outRow"/> change (−1, 0, 1).
    /// </summary>
    static int Step(ulong equal, ref ulong rising, ref ulong falling, int carryIn, int outRow)
    {
        var vertical = equal | falling;
        if (carryIn < 0) equal |= 1;
        var horizontal = (((equal & rising) + rising) ^ rising) | equal;
        var up = falling | ~(horizontal | rising);
        var down = rising & horizontal;
        var carryOut = (int)(up >> outRow & 1) - (int)(down >> outRow & 1);
        up <<= 1;
        down <<= 1;
        if (carryIn < 0) down |= 1;
        else if (carryIn > 0) up |= 1;
        rising = down | ~(vertical | up);
        falling = up & vertical;
        return carryOut;
    }

    /// <summary>Where each unit stands in the pattern, as bits of 64-row blocks; only blocks that hold the unit are kept.</summary>
    sealed class PatternPlaces
    {
        readonly Dictionary<int, List<(int Block, ulong Bits)>> _places = [];

        public static PatternPlaces Of(ReadOnlySpan<int> pattern)
        {
            var places = new PatternPlaces();
            for (var i = 0; i < pattern.Length; i++)
            {
                if (!places._places.TryGetValue(pattern[i], out var list)) places._places[pattern[i]] = list = [];
                var bit = 1UL << (i & 63);
                if (list.Count > 0 && list[^1].Block == i >> 6) list[^1] = (i >> 6, list[^1].Bits | bit);
                else list.Add((i >> 6, bit));
            }
            return places;
        }

        public ReadOnlySpan<(int Block, ulong Bits)> Find(int unit) =>
            _places.TryGetValue(unit, out var list) ? CollectionsMarshal.AsSpan(list) : default;
    }
}
