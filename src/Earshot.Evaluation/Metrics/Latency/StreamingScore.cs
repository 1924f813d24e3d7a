namespace Earshot.Evaluation.Metrics;

/// <summary>How soon and how steadily a streaming recogniser wrote one stream.</summary>
public sealed record StreamingScore
{
    /// <summary>From the start of speech to the first event with a word; null when there was none.</summary>
    public TimeSpan? TimeToFirstWord { get; init; }

    /// <summary>From the end of speech to the last final event; null when nothing was final.</summary>
    public TimeSpan? TimeToFinal { get; init; }

    /// <summary>
    /// Words taken back per word of the final text (Arivazhagan et al. 2020): 0 when nothing shown was ever changed.
    /// Words that were taken back count even if the final text is empty (then the count itself is given).
    /// </summary>
    public double NormalizedErasure { get; init; }

    /// <summary>The final text's words with the times since which they stood.</summary>
    public required IReadOnlyList<WordEmission> Words { get; init; }
}

/// <summary>Scores the events of a stream.</summary>
public static class StreamingScorer
{
    /// <summary>
    /// Scores one stream; events in the order of their emission. With audio fed faster than real time the clock's times mean nothing:
    /// look at <see cref="WordEmission.AudioUntil"/> only.
    /// </summary>
    public static StreamingScore Score(IEnumerable<TranscriptEvent> events, TimeSpan speechStart, TimeSpan speechEnd)
    {
        ArgumentNullException.ThrowIfNull(events);
        List<string> closed = [], shown = [];
        List<TranscriptEvent> since = []; // the event since which each shown word, and all before it, stood
        TranscriptEvent? firstWord = null, lastFinal = null, previous = null;
        var erased = 0L;
        foreach (var current in events)
        {
            if (previous is not null && current.EmittedAt < previous.EmittedAt)
            {
                throw new ArgumentException(
                    $"Events must be in order of emission, got {current.EmittedAt} after {previous.EmittedAt}.", nameof(events));
            }
            previous = current;
            List<string> now = [.. closed, .. TextUnits.Words.Split(current.Text)];
            var kept = 0;
            while (kept < now.Count && kept < shown.Count && now[kept] == shown[kept]) kept++;
            erased += shown.Count - kept;
            since.RemoveRange(kept, since.Count - kept);
            for (var i = kept; i < now.Count; i++) since.Add(current);
            shown = now;
            if (now.Count > 0) firstWord ??= current;
            if (current.IsFinal) (closed, lastFinal) = (now, current);
        }
        return new StreamingScore
        {
            TimeToFirstWord = firstWord?.EmittedAt - speechStart,
            TimeToFinal = lastFinal?.EmittedAt - speechEnd,
            NormalizedErasure = (double)erased / Math.Max(1, shown.Count),
            Words = [.. shown.Zip(since, (word, shownBy) => new WordEmission(word, shownBy.EmittedAt, shownBy.AudioUntil))],
        };
    }

    /// <summary>
    /// How long after its end in the audio each correctly recognised word stood for good: words are matched with the reference by
    /// alignment, and only hits count. With <paramref name="computationAware"/> the clock's times count, without it the audio's.
    /// </summary>
    public static IReadOnlyList<TimeSpan> WordLags(
        IReadOnlyList<WordEmission> words, IReadOnlyList<TimedWord> reference, bool computationAware, ITextNormalizer? normalizer = null)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(reference);
        string Plain(string word) => normalizer?.Normalize(word) ?? word;
        var alignment = Alignment.Of([.. reference.Select(word => Plain(word.Word))], [.. words.Select(word => Plain(word.Word))]);
        return
        [
            .. alignment.Edits.Where(edit => edit.Kind == EditKind.Hit).Select(edit =>
            {
                var word = words[edit.HypothesisIndex];
                return (computationAware ? word.EmittedAt : word.AudioUntil) - reference[edit.ReferenceIndex].End;
            }),
        ];
    }
}
