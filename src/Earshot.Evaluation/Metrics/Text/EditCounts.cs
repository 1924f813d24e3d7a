namespace Earshot.Evaluation.Metrics;

/// <summary>
/// How a hypothesis differs from its reference, in units (words or characters), and the error rates that follow.
/// Counts add up over utterances: a corpus' rate is the rate of the sum, not the mean of rates.
/// </summary>
public readonly record struct EditCounts(long Hits, long Substitutions, long Deletions, long Insertions)
{
    public long ReferenceLength => Hits + Substitutions + Deletions;

    public long HypothesisLength => Hits + Substitutions + Insertions;

    public long Errors => Substitutions + Deletions + Insertions;

    /// <summary>
    /// Errors per reference unit: WER over words, CER over characters. It can exceed 1.
    /// With an empty reference it is the number of insertions (0 when the hypothesis is empty too), as jiwer 4 counts.
    /// </summary>
    public double ErrorRate => ReferenceLength == 0 ? Insertions : (double)Errors / ReferenceLength;

    /// <summary>Match error rate: errors per aligned pair, in [0, 1] (Morris, Maier and Green, 2004).</summary>
    public double MatchErrorRate => Errors == 0 ? 0 : (double)Errors / (Hits + Errors);

    /// <summary>Word information preserved: the product of the hits' shares in reference and hypothesis, in [0, 1].</summary>
    public double WordInformationPreserved
    {
        get
        {
            if (ReferenceLength == 0 && HypothesisLength == 0) return 1;
            if (Hits == 0) return 0;
            return (double)Hits / ReferenceLength * ((double)Hits / HypothesisLength);
        }
    }

    /// <summary>Word information lost: 1 − <see cref="WordInformationPreserved"/>.</summary>
    public double WordInformationLost => 1 - WordInformationPreserved;

    public static EditCounts operator +(EditCounts left, EditCounts right) => Add(left, right);

    public static EditCounts Add(EditCounts left, EditCounts right) => new(
        left.Hits + right.Hits,
        left.Substitutions + right.Substitutions,
        left.Deletions + right.Deletions,
        left.Insertions + right.Insertions);
}
