namespace Earshot.Evaluation.Metrics;

/// <summary>What a system wrote for a clip in which nobody speaks.</summary>
public sealed record NonSpeechClip(string Id, TimeSpan Duration, string Hypothesis);

/// <summary>How much a system writes when nobody speaks.</summary>
public sealed record NonSpeechScore
{
    public int Clips { get; init; }

    public int ClipsWithWords { get; init; }

    public long Words { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>The share of clips with any word.</summary>
    public double HallucinationRate => Clips == 0 ? 0 : (double)ClipsWithWords / Clips;

    public double WordsPerMinute => Duration > TimeSpan.Zero ? Words / Duration.TotalMinutes : 0;

    /// <summary>Scores clips; a normaliser takes away what counts as no word, such as "[music]" and fillers.</summary>
    public static NonSpeechScore Of(IEnumerable<NonSpeechClip> clips, ITextNormalizer? normalizer = null)
    {
        ArgumentNullException.ThrowIfNull(clips);
        var score = new NonSpeechScore();
        foreach (var clip in clips)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(clip.Duration, TimeSpan.Zero, nameof(clips));
            var words = TextUnits.Words.Split(normalizer?.Normalize(clip.Hypothesis) ?? clip.Hypothesis).Count;
            score = score with
            {
                Clips = score.Clips + 1,
                ClipsWithWords = score.ClipsWithWords + (words > 0 ? 1 : 0),
                Words = score.Words + words,
                Duration = score.Duration + clip.Duration,
            };
        }
        return score;
    }
}
