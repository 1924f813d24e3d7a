using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>How texts are made comparable.</summary>
public enum NormalizerChoice
{
    /// <summary>Whisper's English rules for English, its basic rules for other languages.</summary>
    Auto,
    /// <summary>Whisper's English rules for all.</summary>
    English,
    /// <summary>The Open ASR leaderboard's English rules of 2026, with compounds joined.</summary>
    Leaderboard,
    /// <summary>Whisper's basic rules for all.</summary>
    Basic,
    /// <summary>Texts as they are.</summary>
    None,
}

/// <summary>How clips are scored.</summary>
public sealed record ScoringOptions
{
    public NormalizerChoice Normalizer { get; init; }

    /// <summary>The language of clips that the manifest gives none.</summary>
    public string Language { get; init; } = "en";
}

/// <summary>Scores transcripts of clips, by the rules of each clip's language.</summary>
public sealed class ClipScorer
{
    readonly ScoringOptions _options;
    readonly Dictionary<(bool English, TextUnits Units), TextScorer> _scorers = [];

    public ClipScorer(ScoringOptions? options = null)
    {
        _options = options ?? new ScoringOptions();
        if (!Enum.IsDefined(_options.Normalizer))
            throw new ArgumentOutOfRangeException(nameof(options), _options.Normalizer, "Not one of the normalisers.");
    }

    /// <summary>The result with its counts, where there is a reference and the clip did not fail.</summary>
    public ClipResult Score(ClipResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Reference is null || result.Error is not null) return result;
        var units = UnitsOf(result);
        return result with
        {
            Units = units,
            Counts = ErrorCounts.Of(Align(result).Counts),
            Characters = units == TextUnits.Words
                ? null
                : ErrorCounts.Of(Scorer(result, TextUnits.Graphemes).Score(result.Reference, result.Text).Counts),
        };
    }

    /// <summary>How the transcript lies against the reference, as counted.</summary>
    public Alignment Align(ClipResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return Scorer(result, UnitsOf(result)).Score(result.Reference ?? "", result.Text).Alignment;
    }

    /// <summary>The words that count, for measures of repetition.</summary>
    public IReadOnlyList<string> Words(ClipResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return UnitsOf(result).Split(NormalizerOf(IsEnglish(result))?.Normalize(result.Text) ?? result.Text);
    }

    /// <summary>The normaliser of a language's texts; null where texts are compared as they are.</summary>
    public ITextNormalizer? NormalizerFor(string language)
    {
        ArgumentNullException.ThrowIfNull(language);
        return NormalizerOf(IsEnglish(language));
    }

    /// <summary>What a system wrote for clips in which nobody speaks.</summary>
    public NonSpeechScore ScoreNonSpeech(IEnumerable<ClipResult> results) => results
        .Where(result => result.IsNonSpeech && result.Error is null)
        .GroupBy(IsEnglish)
        .Select(group => NonSpeechScore.Of(
            group.Select(result => new NonSpeechClip(result.Clip, result.Duration, result.Text)), NormalizerOf(group.Key)))
        .Aggregate(new NonSpeechScore(), (sum, score) => new NonSpeechScore
        {
            Clips = sum.Clips + score.Clips,
            ClipsWithWords = sum.ClipsWithWords + score.ClipsWithWords,
            Words = sum.Words + score.Words,
            Duration = sum.Duration + score.Duration,
        });

    TextScorer Scorer(ClipResult result, TextUnits units)
    {
        var key = (IsEnglish(result), units);
        if (_scorers.TryGetValue(key, out var scorer)) return scorer;
        return _scorers[key] = new TextScorer(new TextScoringOptions
        {
            Normalizer = NormalizerOf(key.Item1),
            Units = units,
            JoinCompounds = _options.Normalizer == NormalizerChoice.Leaderboard && units == TextUnits.Words,
        });
    }

    TextUnits UnitsOf(ClipResult result) => TextUnitsExtensions.ForLanguage(LanguageOf(result));

    string LanguageOf(ClipResult result) => result.Language ?? _options.Language;

    bool IsEnglish(ClipResult result) => IsEnglish(LanguageOf(result));

    static bool IsEnglish(string language) =>
        language.Equals("english", StringComparison.OrdinalIgnoreCase)
        || language.Split('-', '_')[0].Equals("en", StringComparison.OrdinalIgnoreCase);

    ITextNormalizer? NormalizerOf(bool english) => (_options.Normalizer, english) switch
    {
        (NormalizerChoice.None, _) => null,
        (NormalizerChoice.Leaderboard, _) => s_leaderboard,
        (NormalizerChoice.English, _) or (NormalizerChoice.Auto, true) => s_english,
        _ => s_basic,
    };

    static readonly EnglishTextNormalizer s_english = new();
    static readonly EnglishTextNormalizer s_leaderboard = new(EnglishRules.OpenAsrLeaderboard);
    static readonly BasicTextNormalizer s_basic = new() { KeepMarks = true };
}
