using System.Numerics;

namespace Earshot.Evaluation.Metrics;

/// <summary>
/// The costs of aligning a whole reference with every beginning of a hypothesis, computed one anti-diagonal at a time:
/// the cells of an anti-diagonal do not depend on each other, so a vector of them is computed at once.
/// </summary>
internal sealed class WavefrontCosts<T>(T unit, T unreachable) where T : struct, IBinaryInteger<T>
{
    /// <summary>
    /// (hypothesis length + 1) costs. Cells (i, j) with i − j outside the band count as unreachable; it must hold 0 and be at least 1 wide.
    /// </summary>
    public T[] LastRow(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis, (int Least, int Most) band)
    {
        var (n, m) = (reference.Length, hypothesis.Length);
        var row = new T[m + 1];
        Array.Fill(row, unreachable);
        var units = Widened(reference, reversed: false);
        var others = Widened(hypothesis, reversed: true); // along an anti-diagonal the hypothesis runs backwards
        // Cell i of a diagonal is at [i + 1]; a spare cell at each end stands for "outside".
        T[] current = Outside(n), last = Outside(n), beforeLast = Outside(n);
        for (var sum = 0; sum <= n + m; sum++)
        {
            var low = Math.Max(Math.Max(0, sum - m), (sum + band.Least + 1) >> 1);
            var high = Math.Min(Math.Min(n, sum), (sum + band.Most) >> 1);
            if (low > high) break; // the band has left the table
            Diagonal((low, high), sum, m, (units, others), (current, last, beforeLast));
            current[low] = unreachable;
            current[high + 2] = unreachable;
            if (high == n) row[sum - n] = current[n + 1];
            (current, last, beforeLast) = (beforeLast, current, last);
        }
        return row;
    }

    void Diagonal(
        (int Low, int High) cells, int sum, int m, (T[] Reference, T[] Hypothesis) units, (T[] Current, T[] Last, T[] BeforeLast) diagonals)
    {
        var (current, last, beforeLast) = diagonals;
        var (low, high) = cells;
        var top = T.CreateChecked(sum) * unit;
        if (low == 0)
        {
            current[1] = top; // only insertions
            low = 1;
        }
        if (high == sum)
        {
            current[high + 1] = top; // only deletions
            high--;
        }
        var shift = m - sum; // hypothesis unit j − 1 = sum − i − 1, counted from the end
        var i = low;
        var indel = new Vector<T>(unit);
        var substitution = new Vector<T>(unit + T.One);
        for (; i + Vector<T>.Count - 1 <= high; i += Vector<T>.Count)
        {
            var equal = Vector.Equals(new Vector<T>(units.Reference, i - 1), new Vector<T>(units.Hypothesis, shift + i));
            var pair = new Vector<T>(beforeLast, i) + Vector.AndNot(substitution, equal);
            var gap = Vector.Min(new Vector<T>(last, i + 1), new Vector<T>(last, i)) + indel;
            Vector.Min(pair, gap).CopyTo(current, i + 1);
        }
        for (; i <= high; i++)
        {
            var pair = beforeLast[i] + (units.Reference[i - 1] == units.Hypothesis[shift + i] ? T.Zero : unit + T.One);
            current[i + 1] = T.Min(pair, T.Min(last[i + 1], last[i]) + unit);
        }
    }

    T[] Outside(int n)
    {
        var cells = new T[n + 3];
        Array.Fill(cells, unreachable);
        return cells;
    }

    static T[] Widened(ReadOnlySpan<int> units, bool reversed)
    {
        var wide = new T[units.Length];
        for (var i = 0; i < wide.Length; i++) wide[i] = T.CreateTruncating(units[reversed ? wide.Length - 1 - i : i]);
        return wide;
    }
}
