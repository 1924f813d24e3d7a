using System.Numerics;
using Earshot.Tokenizers;

namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Aligns two sequences of unit numbers in linear memory: the bit-vector distance bounds how far any best alignment strays
/// from the diagonal (Ukkonen), then Hirschberg's halving finds one with vectorised anti-diagonals.
/// </summary>
/// <remarks>
/// Ties: of all alignments with the fewest errors, one with the fewest substitutions (the most hits) is taken. That makes the
/// counts of hits, substitutions, deletions and insertions unique, whichever way the work was cut, and mirrors them when
/// reference and hypothesis change places. Positions: common beginnings and ends are matched first; then, from the end,
/// a pair is preferred to a deletion and a deletion to an insertion; a halved row is crossed at the earliest column.
/// </remarks>
internal static class SequenceAligner
{
    /// <summary>Tables of at most this many cells (1 MB) are filled whole.</summary>
    const long WholeTableCells = 1 << 18;

    public static Edit[] Align(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis)
    {
        var edits = new List<Edit>(Math.Max(reference.Length, hypothesis.Length));
        var distance = EditDistance.Between(reference, hypothesis);
        // An indel costs `unit`, a substitution one more: errors count first, substitutions second, as there are fewer than `unit`.
        var unit = distance + 1L;
        var largest = (Math.Max(reference.Length, hypothesis.Length) + 1L) * (unit + 1);
        if (largest < int.MaxValue / 2) new Work<int>((int)unit, edits).Align(reference, hypothesis, 0, 0, distance);
        else new Work<long>(unit, edits).Align(reference, hypothesis, 0, 0, distance);
        return [.. edits];
    }

    sealed class Work<T>(T unit, List<Edit> edits) where T : struct, IBinaryInteger<T>
    {
        // Two of them can be added.
        static readonly T Unreachable = T.CreateChecked(typeof(T) == typeof(int) ? int.MaxValue / 2 : long.MaxValue / 4);

        readonly WavefrontCosts<T> _costs = new(unit, Unreachable);

        public void Align(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, int r0, int h0, int distance)
        {
            var prefix = reference.CommonPrefixLength(hypothesis);
            for (var i = 0; i < prefix; i++) edits.Add(new Edit(EditKind.Hit, r0 + i, h0 + i));
            reference = reference[prefix..];
            hypothesis = hypothesis[prefix..];
            r0 += prefix;
            h0 += prefix;
            var suffix = EditDistance.CommonSuffixLength(reference, hypothesis);
            AlignMiddle(reference[..^suffix], hypothesis[..^suffix], r0, h0, distance);
            r0 += reference.Length - suffix;
            h0 += hypothesis.Length - suffix;
            for (var i = 0; i < suffix; i++) edits.Add(new Edit(EditKind.Hit, r0 + i, h0 + i));
        }

        void AlignMiddle(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, int r0, int h0, int distance)
        {
            if (reference.IsEmpty || hypothesis.IsEmpty)
            {
                for (var i = 0; i < reference.Length; i++) edits.Add(new Edit(EditKind.Deletion, r0 + i, h0));
                for (var j = 0; j < hypothesis.Length; j++) edits.Add(new Edit(EditKind.Insertion, r0, h0 + j));
            }
            else if ((reference.Length + 1L) * (hypothesis.Length + 1L) <= WholeTableCells || reference.Length == 1)
            {
                AlignWhole(reference, hypothesis, r0, h0);
            }
            else
            {
                AlignHalves(reference, hypothesis, r0, h0, distance);
            }
        }

        void AlignHalves(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, int r0, int h0, int distance)
        {
            var middle = reference.Length / 2;
            // Deletions less insertions is fixed, and their sum at most the distance: so no best path strays farther.
            var longer = reference.Length - hypothesis.Length;
            var band = (Least: (longer - distance) / 2, Most: (longer + distance) / 2);
            if (band.Least == band.Most) band.Most++;
            var before = _costs.LastRow(reference[..middle], hypothesis, band);
            var after = _costs.LastRow(Reversed(reference[middle..]), Reversed(hypothesis), band);
            var crossing = 0;
            for (var j = 1; j <= hypothesis.Length; j++)
            {
                if (before[j] + after[hypothesis.Length - j] < before[crossing] + after[hypothesis.Length - crossing]) crossing = j;
            }
            var first = int.CreateChecked(before[crossing] / unit);
            var second = int.CreateChecked(after[hypothesis.Length - crossing] / unit);
            Align(reference[..middle], hypothesis[..crossing], r0, h0, first);
            Align(reference[middle..], hypothesis[crossing..], r0 + middle, h0 + crossing, second);
        }

        void AlignWhole(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, int r0, int h0)
        {
            var width = hypothesis.Length + 1;
            var table = new T[(reference.Length + 1) * width];
            for (var j = 1; j < width; j++) table[j] = table[j - 1] + unit;
            for (var i = 1; i <= reference.Length; i++)
            {
                var above = table.AsSpan((i - 1) * width, width);
                var row = table.AsSpan(i * width, width);
                row[0] = above[0] + unit;
                for (var j = 1; j < row.Length; j++)
                {
                    var pair = above[j - 1] + PairCost(reference[i - 1], hypothesis[j - 1]);
                    row[j] = T.Min(pair, T.Min(above[j], row[j - 1]) + unit);
                }
            }
            TraceBack(table, reference, hypothesis, r0, h0);
        }

        void TraceBack(T[] table, ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, int r0, int h0)
        {
            var width = hypothesis.Length + 1;
            var start = edits.Count;
            var (i, j) = (reference.Length, hypothesis.Length);
            while (i > 0 || j > 0)
            {
                var cost = table[i * width + j];
                if (i > 0 && j > 0 && cost == table[(i - 1) * width + j - 1] + PairCost(reference[i - 1], hypothesis[j - 1]))
                {
                    i--;
                    j--;
                    edits.Add(new Edit(reference[i] == hypothesis[j] ? EditKind.Hit : EditKind.Substitution, r0 + i, h0 + j));
                }
                else if (i > 0 && cost == table[(i - 1) * width + j] + unit)
                {
                    i--;
                    edits.Add(new Edit(EditKind.Deletion, r0 + i, h0 + j));
                }
                else
                {
                    j--;
                    edits.Add(new Edit(EditKind.Insertion, r0 + i, h0 + j));
                }
            }
            edits.Reverse(start, edits.Count - start);
        }

        T PairCost(int a, int b) => a == b ? T.Zero : unit + T.One;

        static int[] Reversed(ReadOnlySpan<int> units)
        {
            var reversed = units.ToArray();
            Array.Reverse(reversed);
            return reversed;
        }
    }
}
