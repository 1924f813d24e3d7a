namespace Earshot.Evaluation.Metrics;

/// <summary>The edit distance in which two units can only be paired when their times overlap, their ends excluded.</summary>
internal static class TimeConstrainedAlignment
{
    // A cost holds errors in its high half and substitutions in its low one: fewest errors first, then most hits.
    const long Indel = 1L << 32, Substitution = Indel + 1;

    public static EditCounts Count(SpeakerWords reference, SpeakerWords system)
    {
        var row = new long[system.Units.Length + 1];
        for (var j = 1; j < row.Length; j++) row[j] = row[j - 1] + Indel;
        for (var i = 0; i < reference.Units.Length; i++)
        {
            var (unit, (start, end)) = (reference.Units[i], reference.Times[i]);
            var diagonal = row[0];
            row[0] += Indel;
            for (var j = 1; j < row.Length; j++)
            {
                var best = Math.Min(row[j], row[j - 1]) + Indel;
                var time = system.Times[j - 1];
                if (start < time.End && end > time.Start)
                {
                    best = Math.Min(best, diagonal + (unit == system.Units[j - 1] ? 0 : Substitution));
                }
                diagonal = row[j];
                row[j] = best;
            }
        }
        return Counts(row[^1], reference.Units.Length, system.Units.Length);
    }

    /// <summary>Errors, substitutions and both lengths fix the other counts.</summary>
    static EditCounts Counts(long cost, int referenceLength, int systemLength)
    {
        var (errors, substitutions) = (cost >> 32, cost & uint.MaxValue);
        var insertions = (errors - substitutions + systemLength - referenceLength) / 2;
        var deletions = errors - substitutions - insertions;
        return new EditCounts(referenceLength - substitutions - deletions, substitutions, deletions, insertions);
    }
}
