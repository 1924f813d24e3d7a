using System.Text;

namespace Earshot.Evaluation.Metrics;

/// <summary>How a hypothesis' units lie against a reference's: the steps in order, and their counts.</summary>
public sealed record Alignment
{
    public required IReadOnlyList<string> Reference { get; init; }

    public required IReadOnlyList<string> Hypothesis { get; init; }

    /// <summary>The steps from the first unit to the last; each reference and hypothesis unit occurs once.</summary>
    public required IReadOnlyList<Edit> Edits { get; init; }

    public required EditCounts Counts { get; init; }

    /// <summary>
    /// Aligns two sequences with the fewest errors and, among those, the most hits; linear in memory.
    /// </summary>
    /// <remarks>
    /// The counts are therefore unique, and mirrored when the two change places. jiwer and sclite find as few errors;
    /// where several alignments tie, their split into substitutions, deletions and insertions may differ from this one's.
    /// </remarks>
    public static Alignment Of(IReadOnlyList<string> reference, IReadOnlyList<string> hypothesis)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(hypothesis);
        var numbers = new UnitNumbers();
        var edits = SequenceAligner.Align(numbers.Of(reference), numbers.Of(hypothesis));
        return new Alignment { Reference = reference, Hypothesis = hypothesis, Edits = edits, Counts = Count(edits) };
    }

    /// <summary>Three lines of text: reference, hypothesis, and S, D or I under what differs.</summary>
    public override string ToString()
    {
        StringBuilder reference = new("REF:"), hypothesis = new("HYP:"), marks = new("    ");
        foreach (var edit in Edits)
        {
            var r = edit.Kind == EditKind.Insertion ? "" : Reference[edit.ReferenceIndex];
            var h = edit.Kind == EditKind.Deletion ? "" : Hypothesis[edit.HypothesisIndex];
            var width = Math.Max(r.Length, h.Length);
            reference.Append(' ').Append(edit.Kind == EditKind.Insertion ? new string('*', width) : r.PadLeft(width));
            hypothesis.Append(' ').Append(edit.Kind == EditKind.Deletion ? new string('*', width) : h.PadLeft(width));
            marks.Append(' ').Append((edit.Kind == EditKind.Hit ? "" : edit.Kind.ToString()[..1]).PadLeft(width));
        }
        return $"{reference}\n{hypothesis}\n{marks.ToString().TrimEnd()}";
    }

    internal static EditCounts Count(ReadOnlySpan<Edit> edits)
    {
        Span<long> counts = stackalloc long[4];
        foreach (var edit in edits) counts[(int)edit.Kind]++;
        return new EditCounts(counts[0], counts[1], counts[2], counts[3]);
    }
}

/// <summary>Gives each distinct unit a number, so that comparing units is comparing integers.</summary>
internal sealed class UnitNumbers
{
    readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);

    public int[] Of(IReadOnlyList<string> units)
    {
        var numbers = new int[units.Count];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (!_numbers.TryGetValue(units[i], out var number)) _numbers[units[i]] = number = _numbers.Count;
            numbers[i] = number;
        }
        return numbers;
    }
}
