using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>Adds up what a system did on a test set.</summary>
internal static class SystemScorer
{
    const int NgramLength = 4;

    public static SystemSummary Summarize(
        SystemDescription system, IReadOnlyList<ClipResult> results, ClipScorer scorer, ReportOptions options)
    {
        var good = results.Where(result => result.Error is null).ToList();
        var scored = good.Where(result => result.IsScored).ToList();
        var total = Sum(scored.Select(result => result.Counts!));
        var timed = good.Where(result => result.Duration > TimeSpan.Zero).ToList();
        var (audio, compute) = (Sum(timed.Select(result => result.Duration)), Sum(timed.Select(result => result.Time)));
        var firsts = good.Where(result => result.FirstText is not null).Select(result => result.FirstText!.Value).ToList();
        var (repeated, loop) = Repetitions(good, scorer);
        return new SystemSummary
        {
            System = system,
            Clips = results.Count,
            ScoredClips = scored.Count,
            FailedClips = results.Count - good.Count,
            Counts = scored.Count == 0 ? null : ErrorCounts.Of(total),
            ErrorRate = Interval(scored, result => result.Counts, options),
            MatchErrorRate = scored.Count == 0 ? null : total.MatchErrorRate,
            WordInformationLost = scored.Count == 0 ? null : total.WordInformationLost,
            CharacterErrorRate = Interval(scored, result => result.Characters, options),
            Languages = Languages(scored),
            AudioDuration = audio,
            ComputeTime = compute,
            RealTimeFactor = audio > TimeSpan.Zero ? compute / audio : null,
            Speed = compute > TimeSpan.Zero && audio > TimeSpan.Zero ? audio / compute : null,
            Latency = LatencySummary.Of(good.Select(result => result.Time)),
            FirstText = firsts.Count == 0 ? null : LatencySummary.Of(firsts),
            PeakBytes = good.Max(result => (long?)result.PeakBytes) is { } peak and > 0 ? peak : null,
            NonSpeech = NonSpeech(scorer.ScoreNonSpeech(good)),
            RepeatedNgramRate = repeated,
            LongestLoop = loop,
        };
    }

    public static EditCounts Sum(IEnumerable<ErrorCounts> counts) =>
        counts.Aggregate(default(EditCounts), (sum, added) => sum + added.ToEditCounts());

    static TimeSpan Sum(IEnumerable<TimeSpan> times) => times.Aggregate(TimeSpan.Zero, (sum, time) => sum + time);

    static RateInterval? Interval(List<ClipResult> results, Func<ClipResult, ErrorCounts?> counts, ReportOptions options)
    {
        var counted = results.Where(result => counts(result) is not null).ToList();
        if (counted.Count == 0) return null;
        // A clip without a speaker stands for itself.
        var drawn = options.ResampleBy == ResampleBy.Clip
            ? counted.Select(result => counts(result)!.ToEditCounts())
            : counted.GroupBy(result => result.Speaker ?? "\0" + result.Clip).Select(group => Sum(group.Select(result => counts(result)!)));
        var interval = Bootstrap.ErrorRate([.. drawn], options.Resampling);
        return new RateInterval(interval.Estimate, interval.Low, interval.High, interval.Level);
    }

    static IReadOnlyList<LanguageSummary> Languages(List<ClipResult> scored) => [.. scored
        .GroupBy(result => result.Language ?? "")
        .OrderBy(group => group.Key, StringComparer.Ordinal)
        .Select(group =>
        {
            var counts = Sum(group.Select(result => result.Counts!));
            var characters = group.Where(result => result.Characters is not null).Select(result => result.Characters!).ToList();
            return new LanguageSummary
            {
                Language = group.Key,
                Clips = group.Count(),
                Units = group.First().Units ?? TextUnits.Words,
                Counts = ErrorCounts.Of(counts),
                ErrorRate = counts.ErrorRate,
                CharacterErrorRate = characters.Count == 0 ? null : Sum(characters).ErrorRate,
            };
        })];

    static NonSpeechSummary? NonSpeech(NonSpeechScore score) =>
        score.Clips == 0 ? null : new NonSpeechSummary(score.Clips, score.ClipsWithWords, score.HallucinationRate, score.WordsPerMinute);

    /// <summary>Over all clips: the share of repeated n-grams of all n-grams, and the longest loop.</summary>
    static (double Rate, int Loop) Repetitions(List<ClipResult> results, ClipScorer scorer)
    {
        double repeated = 0;
        long all = 0;
        int loop = 0;
        foreach (var words in results.Select(scorer.Words))
        {
            int ngrams = Math.Max(0, words.Count - NgramLength + 1);
            repeated += Repetition.RepeatedNgramRate(words, NgramLength) * ngrams;
            all += ngrams;
            loop = Math.Max(loop, Repetition.LongestLoop(words));
        }
        return (all == 0 ? 0 : repeated / all, loop);
    }
}
