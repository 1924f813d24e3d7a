using Earshot.Decoding.Ngrams;

namespace Earshot.Decoding;

/// <summary>A text found, with where its tokens are said.</summary>
/// <param name="Tokens">The tokens, those between words included.</param>
/// <param name="Words">Words as they are written, and their positions.</param>
/// <param name="AcousticScore">How likely it sounds (natural logarithm).</param>
/// <param name="Score">The same with language model and hotwords.</param>
sealed record CtcHypothesis(
    IReadOnlyList<TimedToken> Tokens, IReadOnlyList<(string Text, int Start, int End)> Words, double AcousticScore, double Score)
{
    public string Text => string.Join(' ', Words.Select(word => word.Text));
}

/// <summary>
/// A search for the best text of a CTC model among several, word by word with an n-gram model and hotwords: pyctcdecode's (Kensho 2021),
/// whose hypotheses differ in text, word in the making and last token, but for its end, where it scores a word of no letters.
/// </summary>
sealed class CtcBeamDecoder
{
    static readonly double s_leastLogprob = Math.Log(1e-15);

    readonly CtcLabels _labels;
    readonly CtcSearchOptions _options;
    readonly CtcScorer _scorer;
    readonly CtcLexicon? _unigrams;

    /// <param name="lexicon">The words of the options' language model; null for none.</param>
    public CtcBeamDecoder(CtcLabels labels, CtcSearchOptions options, CtcLexicon? lexicon)
    {
        options.Validate();
        (_labels, _options, _unigrams) = (labels, options, lexicon);
        string[] hotwords = [.. HotwordsOf(options.Hotwords).Select(labels.Spell).OfType<string>()
            .Where(word => word.Length >= options.LeastHotwordLength)];
        _scorer = new CtcScorer(options, lexicon, hotwords.Length > 0 ? CtcLexicon.Of(hotwords) : null);
    }

    /// <summary>Whether a text begins as a sentence does.</summary>
    internal bool ScoresBegin { get; init; } = true;

    /// <summary>Hotwords one by one: those of several words boost each for itself.</summary>
    public static IEnumerable<string> HotwordsOf(IEnumerable<string> given) => given
        .SelectMany(words => words.Split([' ', '\t', '\n', '\r', ',', ';'], StringSplitOptions.RemoveEmptyEntries)).Distinct();

    /// <summary>The best texts of logits (positions, vocabulary), best first.</summary>
    /// <param name="logits">A row for each position.</param>
    /// <param name="first">The position that is decoded first, from which positions are counted.</param>
    /// <param name="before">The words said before; null for a sentence's begin.</param>
    /// <param name="isEnd">Whether the sentence ends.</param>
    /// <param name="count">How many texts.</param>
    public List<CtcHypothesis> Decode(
        ReadOnlySpan<float> logits, int first = 0, IReadOnlyList<string>? before = null, bool isEnd = true, int count = 1)
    {
        int vocabulary = _labels.Count, positions = logits.Length / vocabulary;
        // A token that goes on from the position before was written with what came before.
        int last = first == 0 ? -1 : Logits.ArgMax(logits.Slice((first - 1) * vocabulary, vocabulary));
        var beams = new List<Beam> { new(new CtcWords(_scorer, ContextOf(before)).Empty, last == _labels.Blank ? -1 : last, null, 0) };
        var row = new double[vocabulary];
        for (int t = first; t < positions; t++)
        {
            Normalize(logits.Slice(t * vocabulary, vocabulary), row);
            beams = Prune(Advance(beams, row, t - first), _options.BeamSize);
        }
        return Finish(beams, isEnd, count);
    }

    int[] ContextOf(IReadOnlyList<string>? before)
    {
        if (_options.LanguageModel is not { } model) return [];
        if (before is not { Count: > 0 }) return ScoresBegin && model.Begin is { } begin ? model.After([], begin) : [];
        int[] context = [];
        foreach (var word in before.Skip(Math.Max(0, before.Count - model.Order)))
        {
            var spelled = _labels.Spell(word) ?? word;
            context = model.After(context, _unigrams!.IdOf(_unigrams.Find(_unigrams.Start, spelled), spelled) ?? NgramModel.Unknown);
        }
        return context;
    }

    static void Normalize(ReadOnlySpan<float> logits, double[] row)
    {
        double total = Logits.LogSumExp(logits);
        for (int i = 0; i < row.Length; i++) row[i] = Math.Clamp(logits[i] - total, s_leastLogprob, 0);
    }

    List<Beam> Advance(List<Beam> beams, double[] row, int t)
    {
        var next = new Dictionary<(CtcPartial, int), Beam>(beams.Count * 2);
        int best = Array.IndexOf(row, row.Max());
        for (int id = 0; id < row.Length; id++)
        {
            if (row[id] < _options.LeastTokenLogprob && id != best) continue;
            var text = _labels.Text(id);
            foreach (var beam in beams) Add(next, Extend(beam, id, text, row[id], t));
        }
        return [.. next.Values];
    }

    static Beam Extend(Beam beam, int id, string text, double logprob, int t)
    {
        double score = beam.Acoustic + logprob;
        if (id == beam.Last) return new Beam(beam.Partial, id, text.Length == 0 ? beam.Path : beam.Path?.Longer(t, logprob), score);
        if (text.Length == 0) return new Beam(beam.Partial, id, beam.Path, score);
        var partial = beam.Partial;
        if (text[0] == ' ') partial = partial.Text.Length == 0 ? partial : partial.Words.Then(partial).Empty;
        if (text.Length == 1 && text[0] == ' ')
        {
            // Several spaces are one, and there is none before the first word.
            bool writes = !ReferenceEquals(partial, beam.Partial);
            return new Beam(partial, id, writes ? new CtcPath(id, t, t + 1, logprob, beam.Path, null) : beam.Path?.Unextended(), score);
        }
        var letters = text[0] == ' ' ? text[1..] : text;
        return new Beam(partial.Words.Extend(partial, letters), id, new CtcPath(id, t, t + 1, logprob, beam.Path, letters), score);
    }

    // Hypotheses of one text are one; its times are those of the likelier.
    static void Add(Dictionary<(CtcPartial, int), Beam> beams, in Beam beam)
    {
        ref var known = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(
            beams, (beam.Partial, beam.Last), out bool exists);
        known = exists ? known.Or(beam) : beam;
    }

    List<Beam> Prune(List<Beam> beams, int size)
    {
        double best = double.NegativeInfinity;
        foreach (var beam in beams) best = Math.Max(best, beam.Score);
        return [.. beams.Where(beam => beam.Score >= best + _options.PruneLogprob).OrderByDescending(beam => beam.Score).Take(size)];
    }

    List<CtcHypothesis> Finish(List<Beam> beams, bool isEnd, int count)
    {
        var texts = new Dictionary<(CtcPartial, int), Beam>();
        foreach (var beam in beams)
        {
            var partial = beam.Partial.Text.Length == 0 ? beam.Partial : beam.Partial.Words.Then(beam.Partial).Empty;
            Add(texts, new Beam(partial, -1, beam.Path, beam.Acoustic));
        }
        double Total(Beam beam) => beam.Score + (isEnd ? _scorer.End(beam.Partial.Words) : 0);
        double best = texts.Values.Max(Total);
        return [.. texts.Values.Where(beam => Total(beam) >= best + _options.PruneLogprob).OrderByDescending(Total)
            .Take(Math.Min(count, _options.BeamSize)).Select(beam => Hypothesis(beam, Total(beam)))];
    }

    static CtcHypothesis Hypothesis(Beam beam, double score)
    {
        var path = new List<CtcPath>();
        for (var at = beam.Path; at is not null; at = at.Before) path.Add(at);
        path.Reverse();
        var words = new List<(string, int, int)>();
        var names = new List<string>();
        for (var at = beam.Partial.Words; at.Before is not null; at = at.Before) names.Add(at.Word);
        names.Reverse();
        // Each word has as many letters' tokens as spell it.
        int token = 0;
        foreach (var name in names)
        {
            while (token < path.Count && path[token].Letters is null) token++;
            int start = path[token].Start, end = start, length = 0;
            for (; length < name.Length; token++)
            {
                length += path[token].Letters!.Length;
                end = path[token].End;
            }
            words.Add((name, start, end));
        }
        return new CtcHypothesis(
            [.. path.Select(at => new TimedToken(at.Id, at.Start, at.End, (float)(at.Logprob / Math.Max(1, at.Heard))))],
            words, beam.Acoustic, score);
    }

    /// <summary>A hypothesis: its text, its last token, how it sounds, and the score of the path that its times are of.</summary>
    readonly record struct Beam(CtcPartial Partial, int Last, CtcPath? Path, double Acoustic)
    {
        double Own { get; init; } = Acoustic;

        public double Score => Acoustic + Partial.Score;

        public Beam Or(in Beam other)
        {
            double most = Math.Max(Acoustic, other.Acoustic);
            double sum = most + Math.Log(Math.Exp(Acoustic - most) + Math.Exp(other.Acoustic - most));
            return (other.Own > Own ? other : this) with { Acoustic = sum, Own = Math.Max(Own, other.Own) };
        }
    }
}

/// <summary>Tokens of a hypothesis, the last one first.</summary>
sealed record CtcPath(int Id, int Start, int End, double Logprob, CtcPath? Before, string? Letters)
{
    /// <summary>Positions that it was heard at.</summary>
    public int Heard { get; init; } = 1;

    /// <summary>Whether what is heard next still is of the last token.</summary>
    public bool IsOpen { get; init; } = true;

    /// <summary>The same, whose last token is heard at one more position.</summary>
    public CtcPath Longer(int t, double logprob) =>
        IsOpen ? this with { End = t + 1, Logprob = Logprob + logprob, Heard = Heard + 1 } : this;

    /// <summary>The same, after a token that writes nothing more.</summary>
    public CtcPath Unextended() => IsOpen ? this with { IsOpen = false } : this;
}
