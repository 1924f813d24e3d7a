namespace Earshot.Evaluation.Metrics;

/// <summary>A reference text and what a system made of its audio.</summary>
/// <param name="Id">The utterance's name in reports.</param>
public sealed record TextPair(string Id, string Reference, string Hypothesis);

/// <summary>How texts are made comparable before they are counted.</summary>
public sealed record TextScoringOptions
{
    public static TextScoringOptions Default { get; } = new();

    /// <summary>
    /// What is customary for a language: the English normaliser and words; the basic one and <see cref="TextUnits.Mixed"/> for languages
    /// that write no spaces (with the vowel marks of Thai, Lao, Burmese and Khmer, which Whisper's normaliser drops); the basic one and
    /// words for all others and for null.
    /// </summary>
    public static TextScoringOptions ForLanguage(string? language)
    {
        var units = TextUnitsExtensions.ForLanguage(language);
        if (units == TextUnits.Words && TextUnitsExtensions.IsEnglish(language)) return new() { Normalizer = new EnglishTextNormalizer() };
        return new() { Units = units, Normalizer = new BasicTextNormalizer { KeepMarks = units == TextUnits.Mixed } };
    }

    /// <summary>Applied to reference and hypothesis alike; null compares the texts as they are.</summary>
    public ITextNormalizer? Normalizer { get; init; }

    public TextUnits Units { get; init; } = TextUnits.Words;

    /// <summary>
    /// Counts words that only differ in where they are split ("white paper", "whitepaper") as equal: where the two texts differ between
    /// two matching places but read the same without spaces, both are joined. The Open ASR leaderboard of 2026 has such a rule within
    /// its alignment (kaldialign's merge_compounds), which also finds compounds right beside other errors.
    /// </summary>
    public bool JoinCompounds { get; init; }
}

/// <summary>One utterance's score.</summary>
public sealed record TextScore(string Id, Alignment Alignment)
{
    public EditCounts Counts => Alignment.Counts;
}

/// <summary>A corpus' score: the sum over its utterances, and each of them.</summary>
public sealed record CorpusScore(EditCounts Counts, IReadOnlyList<TextScore> Utterances);

/// <summary>Scores transcripts against references: WER, MER, WIL, WIP with word units, CER with character units.</summary>
public sealed class TextScorer
{
    readonly TextScoringOptions _options;

    public TextScorer(TextScoringOptions? options = null)
    {
        _options = options ?? TextScoringOptions.Default;
        if (!Enum.IsDefined(_options.Units))
            throw new ArgumentOutOfRangeException(nameof(options), _options.Units, "Not one of the text units.");
    }

    /// <summary>Scores one utterance.</summary>
    public TextScore Score(string reference, string hypothesis) => Score(new TextPair("", reference, hypothesis));

    /// <summary>Scores one utterance.</summary>
    public TextScore Score(TextPair pair)
    {
        ArgumentNullException.ThrowIfNull(pair);
        var (reference, hypothesis) = (Units(pair.Reference), Units(pair.Hypothesis));
        var alignment = Alignment.Of(reference, hypothesis);
        if (_options.JoinCompounds && alignment.Counts.Errors > 0)
        {
            var joined = CompoundWords.Join(alignment);
            alignment = Alignment.Of(joined.Reference, joined.Hypothesis);
        }
        return new TextScore(pair.Id, alignment);
    }

    /// <summary>Scores a corpus; the order of the utterances is kept.</summary>
    public CorpusScore Score(IEnumerable<TextPair> pairs, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var total = default(EditCounts);
        var utterances = new List<TextScore>();
        foreach (var pair in pairs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var score = Score(pair);
            total += score.Counts;
            utterances.Add(score);
        }
        return new CorpusScore(total, utterances);
    }

    IReadOnlyList<string> Units(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _options.Units.Split(_options.Normalizer?.Normalize(text) ?? text);
    }
}
