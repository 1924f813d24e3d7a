namespace Earshot.Evaluation.Metrics;

/// <summary>Joins words that reference and hypothesis only split differently.</summary>
internal static class CompoundWords
{
    public static (List<string> Reference, List<string> Hypothesis) Join(Alignment alignment)
    {
        List<string> reference = [], hypothesis = [];
        var edits = alignment.Edits;
        for (var i = 0; i < edits.Count;)
        {
            if (edits[i].Kind == EditKind.Hit)
            {
                reference.Add(alignment.Reference[edits[i].ReferenceIndex]);
                hypothesis.Add(alignment.Hypothesis[edits[i].HypothesisIndex]);
                i++;
                continue;
            }
            var start = i;
            while (i < edits.Count && edits[i].Kind != EditKind.Hit) i++;
            AddRegion(alignment, edits[start], i < edits.Count ? edits[i] : null, (reference, hypothesis));
        }
        return (reference, hypothesis);
    }

    static void AddRegion(Alignment alignment, Edit first, Edit? next, (List<string> Reference, List<string> Hypothesis) texts)
    {
        var r = alignment.Reference.Skip(first.ReferenceIndex)
            .Take((next?.ReferenceIndex ?? alignment.Reference.Count) - first.ReferenceIndex).ToArray();
        var h = alignment.Hypothesis.Skip(first.HypothesisIndex)
            .Take((next?.HypothesisIndex ?? alignment.Hypothesis.Count) - first.HypothesisIndex).ToArray();
        var (joinedReference, joinedHypothesis) = (string.Concat(r), string.Concat(h));
        if (joinedReference == joinedHypothesis)
        {
            texts.Reference.Add(joinedReference);
            texts.Hypothesis.Add(joinedHypothesis);
        }
        else
        {
            texts.Reference.AddRange(r);
            texts.Hypothesis.AddRange(h);
        }
    }
}
