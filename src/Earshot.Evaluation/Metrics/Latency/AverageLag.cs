namespace Earshot.Evaluation.Metrics;

/// <summary>A sentence of the reference in a stream: where its speech is, and what was said.</summary>
public sealed record ReferenceSentence(TimeSpan Start, TimeSpan End, string Text);

/// <summary>
/// The average lag of a stream's words behind an ideal writer who spreads them evenly over the speech: length-adaptive average
/// lagging (LAAL, Papi et al. 2022) and its form for long streams (StreamLAAL, Papi et al. 2024).
/// </summary>
public static class AverageLag
{
    /// <summary>
    /// LAAL of one sentence, as SimulEval computes it: over the words up to and including the first that came when the source was over,
    /// the mean of delay − i · duration / max(words, reference words). Delays count from the sentence's start; null without words.
    /// </summary>
    public static TimeSpan? OfSentence(IReadOnlyList<TimeSpan> delays, TimeSpan duration, int referenceLength)
    {
        ArgumentNullException.ThrowIfNull(delays);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        if (delays.Count == 0) return null;
        if (delays[0] > duration) return delays[0];
        var pace = duration / Math.Max(delays.Count, referenceLength);
        var (sum, words) = (TimeSpan.Zero, 0);
        foreach (var delay in delays)
        {
            sum += delay - pace * words;
            words++;
            if (delay >= duration) break;
        }
        return sum / words;
    }

    /// <summary>
    /// StreamLAAL: words are shared out among the sentences by aligning them with the reference, and the sentences' lags are averaged.
    /// With <paramref name="computationAware"/> the clock's times count, without it the audio's. Null when no sentence has words.
    /// </summary>
    public static TimeSpan? OfStream(
        IReadOnlyList<WordEmission> words,
        IReadOnlyList<ReferenceSentence> reference,
        bool computationAware,
        ITextNormalizer? normalizer = null)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(reference);
        var lengths = new int[reference.Count];
        var sentenceOf = SentenceOfWords(words, reference, normalizer, lengths);
        var lags = new List<double>();
        for (var s = 0; s < reference.Count; s++)
        {
            var (start, duration) = (reference[s].Start, reference[s].End - reference[s].Start);
            if (duration <= TimeSpan.Zero)
                throw new ArgumentException($"Sentence {s} ends at {reference[s].End}, not after its start at {start}.", nameof(reference));
            TimeSpan[] delays =
            [
                .. words.Where((_, w) => sentenceOf[w] == s).Select(word => (computationAware ? word.EmittedAt : word.AudioUntil) - start)
            ];
            if (OfSentence(delays, duration, lengths[s]) is { } lag) lags.Add(lag.Ticks);
        }
        return lags.Count == 0 ? null : new TimeSpan((long)Math.Round(lags.Average()));
    }

    /// <summary>
    /// A word belongs to the sentence of the reference word it is aligned with; an inserted one to that of the word before it.
    /// </summary>
    static int[] SentenceOfWords(
        IReadOnlyList<WordEmission> words, IReadOnlyList<ReferenceSentence> reference, ITextNormalizer? normalizer, int[] lengths)
    {
        var referenceWords = new List<string>();
        var sentences = new List<int>();
        for (var s = 0; s < reference.Count; s++)
        {
            var split = TextUnits.Words.Split(normalizer?.Normalize(reference[s].Text) ?? reference[s].Text);
            lengths[s] = split.Count;
            referenceWords.AddRange(split);
            sentences.AddRange(Enumerable.Repeat(s, split.Count));
        }
        string[] spoken = [.. words.Select(word => normalizer?.Normalize(word.Word) ?? word.Word)];
        var sentenceOf = new int[words.Count];
        foreach (var edit in Alignment.Of(referenceWords, spoken).Edits)
        {
            if (edit.Kind == EditKind.Deletion || sentences.Count == 0) continue;
            var place = edit.Kind == EditKind.Insertion ? Math.Max(0, edit.ReferenceIndex - 1) : edit.ReferenceIndex;
            sentenceOf[edit.HypothesisIndex] = sentences[place];
        }
        return sentenceOf;
    }
}
