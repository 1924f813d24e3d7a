namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Cuts utterances that two systems transcribed into the segments of NIST's matched-pairs test: a segment holds errors of either system,
/// and two segments are parted by words that both have right (sc_stats asks for two), or by the utterance's end.
/// </summary>
internal static class MatchedSegments
{
    const int WordsBetween = 2;

    /// <summary>For each segment the first system's errors less the second's.</summary>
    public static List<long> Differences(IReadOnlyList<Alignment> first, IReadOnlyList<Alignment> second)
    {
        var differences = new List<long>();
        for (var i = 0; i < first.Count; i++) AddUtterance(Errors(first[i]), Errors(second[i]), differences);
        return differences;
    }

    static void AddUtterance(int[] first, int[] second, List<long> differences)
    {
        var (difference, open, right) = (0L, false, 0);
        for (var place = 0; place < first.Length; place++)
        {
            if (first[place] + second[place] > 0)
            {
                (difference, open, right) = (difference + first[place] - second[place], true, 0);
            }
            else if (place % 2 == 1 && ++right == WordsBetween && open)
            {
                differences.Add(difference);
                (difference, open) = (0, false);
            }
        }
        if (open) differences.Add(difference);
    }

    /// <summary>
    /// (2 · reference length + 1): at odd places whether a reference word is wrong, at even ones how many words were put in there.
    /// </summary>
    static int[] Errors(Alignment alignment)
    {
        var errors = new int[2 * alignment.Reference.Count + 1];
        foreach (var edit in alignment.Edits)
        {
            if (edit.Kind == EditKind.Insertion) errors[2 * edit.ReferenceIndex]++;
            else if (edit.Kind != EditKind.Hit) errors[2 * edit.ReferenceIndex + 1]++;
        }
        return errors;
    }
}
