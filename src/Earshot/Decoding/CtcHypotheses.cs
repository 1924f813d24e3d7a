using Earshot.Decoding.Ngrams;

namespace Earshot.Decoding;

/// <summary>Finished words of hypotheses, each sequence once, with what the language model and hotwords say of it.</summary>
sealed class CtcWords
{
    readonly CtcScorer _scorer;
    readonly Dictionary<string, CtcWords> _next = new(StringComparer.Ordinal);
    readonly Dictionary<string, CtcPartial> _partials = new(StringComparer.Ordinal);

    public CtcWords(CtcScorer scorer, int[] context)
    {
        (_scorer, Context) = (scorer, context);
        Empty = new CtcPartial(this, "", scorer.Unigrams?.Start ?? default, scorer.Hotwords?.Start ?? default, 0);
        _partials.Add("", Empty);
    }

    CtcWords(CtcWords before, string word, int[] context, double score) : this(before._scorer, context) =>
        (Before, Word, Score) = (before, word, score);

    public CtcWords? Before { get; }

    public string Word { get; } = "";

    /// <summary>What the words gain beside how they sound.</summary>
    public double Score { get; }

    /// <summary>The language model's words before the next one.</summary>
    public int[] Context { get; }

    /// <summary>No letter of the next word yet.</summary>
    public CtcPartial Empty { get; }

    /// <summary>One more word.</summary>
    public CtcWords Then(CtcPartial word)
    {
        if (_next.TryGetValue(word.Text, out var next)) return next;
        var (score, context) = _scorer.Finish(word);
        return _next[word.Text] = new CtcWords(this, word.Text, context, Score + score);
    }

    /// <summary>The word in the making with more letters.</summary>
    public CtcPartial Extend(CtcPartial partial, string letters)
    {
        var text = partial.Text + letters;
        if (_partials.TryGetValue(text, out var known)) return known;
        var unigrams = _scorer.Unigrams?.Find(partial.Unigrams, text) ?? default;
        var hotwords = _scorer.Hotwords?.Find(partial.Hotwords, text) ?? default;
        return _partials[text] = new CtcPartial(this, text, unigrams, hotwords, _scorer.Bonus(text, unigrams, hotwords));
    }
}

/// <summary>A word in the making after finished ones.</summary>
sealed record CtcPartial(CtcWords Words, string Text, CtcPrefix Unigrams, CtcPrefix Hotwords, double Bonus)
{
    /// <summary>What the text gains beside how it sounds.</summary>
    public double Score => Words.Score + Bonus;

    // Each is there once.
    public bool Equals(CtcPartial? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}

/// <summary>What words gain by a language model and as hotwords.</summary>
sealed class CtcScorer(CtcSearchOptions options, CtcLexicon? unigrams, CtcLexicon? hotwords)
{
    // Of a word that nobody knows, letters from here on cost more.
    const int LongPartial = 6;

    readonly NgramModel? _model = options.LanguageModel;

    public CtcLexicon? Unigrams => unigrams;

    public CtcLexicon? Hotwords => hotwords;

    /// <summary>What a finished word gains, and the language model's context after it.</summary>
    public (double Score, int[] Context) Finish(CtcPartial word)
    {
        double score = hotwords?.IdOf(word.Hotwords, word.Text) is null ? 0 : options.HotwordBoost;
        if (_model is null) return (score, []);
        int id = unigrams!.IdOf(word.Unigrams, word.Text) ?? NgramModel.Unknown;
        double logprob = _model.Score(word.Words.Context, id) + (id == NgramModel.Unknown ? options.UnknownScore : 0);
        score += (options.LanguageModelWeight * Math.Log(10) * logprob) + options.WordScore;
        return (score, _model.After(word.Words.Context, id));
    }

    /// <summary>What a word in the making gains: a part of a hotword's, or what an unknown word will cost.</summary>
    public double Bonus(string text, in CtcPrefix known, in CtcPrefix hot)
    {
        if (hot.Count > 0) return options.HotwordBoost * (double)text.Length / hotwords!.ShortestOf(hot);
        if (_model is null || known.Count > 0) return 0;
        return options.UnknownScore * (text.Length > LongPartial ? (double)text.Length / LongPartial : 1);
    }

    /// <summary>What the end of a sentence gains.</summary>
    public double End(CtcWords words) => _model?.End is { } end
        ? options.LanguageModelWeight * Math.Log(10) * _model.Score(words.Context, end)
        : 0;
}
