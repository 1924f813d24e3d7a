namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Finds the stream of each reference segment with which the errors are fewest: a table over how much of each stream is consumed,
/// which every segment may advance along one stream (Sklyar et al. 2022; von Neumann et al. 2023).
/// </summary>
internal static class OptimalReferenceCombination
{
    const long MostCells = 1L << 24;

    public static SpeakerTextScore Score((string Speaker, int[] Units)[] segments, List<SpeakerWords> streams)
    {
        if (streams.Count == 0) streams = [SpeakerWords.Silent];
        var lengths = streams.Select(stream => stream.Units.Length).ToArray();
        var strides = new int[lengths.Length];
        var states = 1L;
        for (var c = 0; c < lengths.Length; c++)
        {
            strides[c] = (int)states;
            states *= lengths[c] + 1L;
            if (states * Math.Max(1, segments.Length) > MostCells) throw TooLarge(segments.Length, lengths);
        }
        var (choices, _) = Fill(segments, streams, strides, (int)states);
        var streamOf = TraceBack(choices, strides, (int)states, segments.Length);
        var counts = default(EditCounts);
        for (var c = 0; c < streams.Count; c++)
        {
            var stream = c;
            int[] given = [.. segments.Where((_, u) => streamOf[u] == stream).SelectMany(segment => segment.Units)];
            counts += Alignment.Count(SequenceAligner.Align(given, streams[c].Units));
        }
        return new SpeakerTextScore
        {
            Counts = counts,
            Assignment = [.. segments.Select((segment, u) => new SpeakerPair(segment.Speaker, streams[streamOf[u]].Name))],
        };
    }

    /// <summary>For each segment and state: the stream it went to and how much of that stream was consumed before it.</summary>
    static ((int Stream, int From)[][] Choices, int[] Costs) Fill(
        (string Speaker, int[] Units)[] segments, List<SpeakerWords> streams, int[] strides, int states)
    {
        var costs = new int[states];
        for (var state = 0; state < states; state++)
        {
            for (var c = 0; c < streams.Count; c++) costs[state] += state / strides[c] % (streams[c].Units.Length + 1);
        }
        var choices = new (int Stream, int From)[segments.Length][];
        for (var u = 0; u < segments.Length; u++)
        {
            var best = new int[states];
            Array.Fill(best, int.MaxValue);
            choices[u] = new (int, int)[states];
            for (var c = 0; c < streams.Count; c++)
            {
                for (var state = 0; state < states; state++)
                {
                    if (state / strides[c] % (streams[c].Units.Length + 1) != 0) continue; // only the first of each line along the stream
                    AdvanceLine(segments[u].Units, streams[c].Units, (state, strides[c], c), costs, (best, choices[u]));
                }
            }
            costs = best;
        }
        return (choices, costs);
    }

    static void AdvanceLine(
        int[] segment, int[] stream, (int First, int Stride, int Stream) line, int[] costs, (int[] Costs, (int, int)[] Choices) best)
    {
        var row = new int[stream.Length + 1];
        var from = new int[row.Length];
        for (var p = 0; p < row.Length; p++) (row[p], from[p]) = (costs[line.First + p * line.Stride], p);
        foreach (var unit in segment)
        {
            var (diagonal, diagonalFrom) = (row[0], from[0]);
            row[0]++;
            for (var p = 1; p < row.Length; p++)
            {
                var next = (Cost: diagonal + (stream[p - 1] == unit ? 0 : 1), From: diagonalFrom);
                if (row[p] + 1 < next.Cost) next = (row[p] + 1, from[p]);
                if (row[p - 1] + 1 < next.Cost) next = (row[p - 1] + 1, from[p - 1]);
                (diagonal, diagonalFrom) = (row[p], from[p]);
                (row[p], from[p]) = next;
            }
        }
        for (var p = 0; p < row.Length; p++)
        {
            var state = line.First + p * line.Stride;
            if (row[p] < best.Costs[state]) (best.Costs[state], best.Choices[state]) = (row[p], (line.Stream, from[p]));
        }
    }

    static int[] TraceBack((int Stream, int From)[][] choices, int[] strides, int states, int segments)
    {
        var streamOf = new int[segments];
        var state = states - 1;
        for (var u = segments - 1; u >= 0; u--)
        {
            var (stream, from) = choices[u][state];
            streamOf[u] = stream;
            var after = stream + 1 < strides.Length ? state % strides[stream + 1] : state;
            state += (from - after / strides[stream]) * strides[stream];
        }
        return streamOf;
    }

    static ArgumentException TooLarge(int segments, int[] lengths) => new(
        $"The exact ORC word error rate of {segments} segments over streams of {string.Join(" × ", lengths)} units needs more " +
        $"than {MostCells:N0} cells; " +
        "score shorter sessions, or use cpWER or tcpWER.");
}
