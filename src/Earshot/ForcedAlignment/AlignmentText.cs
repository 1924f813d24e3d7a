using Earshot.Decoding.Alignment;

namespace Earshot.ForcedAlignment;

/// <summary>How a piece of the text gets its time.</summary>
enum UnitKind
{
    /// <summary>By its letters.</summary>
    Spelled,

    /// <summary>It is said, and the model has no letters for it: by a star, which its neighbours without letters share.</summary>
    Star,

    /// <summary>Nothing is said for it: beside its neighbours.</summary>
    Silent,
}

/// <summary>A text as an aligner's tokens.</summary>
sealed class AlignmentText
{
    /// <summary>
    /// What a position between words costs that says something else, beside a letter's that is heard well and one's that is not heard at
    /// all: so words are not drawn out over speech that is not in the text.
    /// </summary>
    const float OtherLogprob = -3;

    // Signs that are said, though they are no letters.
    const string SpokenSigns = "&%@#+=$€£¥°§";

    readonly List<int> _tokens = [];
    readonly List<bool> _boundaries = [];

    /// <param name="text">Any text.</param>
    /// <param name="spelling">The model's letters.</param>
    /// <exception cref="ModelException">The text has no word, or none that can be spelled.</exception>
    public AlignmentText(string text, LetterSpelling spelling)
    {
        Units = TextUnits.Of(text);
        Spellings = [.. Units.Select(unit => spelling.Spell(unit.Word))];
        Kinds = [.. Units.Select((_, i) => KindOf(i))];
        if (!Kinds.Contains(UnitKind.Spelled)) throw Unspellable();
        FirstTokens = new int[Units.Count];
        for (int i = 0, last = -1; i < Units.Count; i++)
        {
            if (Kinds[i] == UnitKind.Silent) continue;
            Append(i, last, spelling.Delimiter);
            last = i;
        }
        _boundaries.Add(true);
        Targets = new CtcTargets(_tokens, _boundaries, OtherLogprob);
    }

    public IReadOnlyList<TextUnit> Units { get; }

    public IReadOnlyList<List<SpelledToken>> Spellings { get; }

    public IReadOnlyList<UnitKind> Kinds { get; }

    /// <summary>Of each piece that is said, its first token.</summary>
    public int[] FirstTokens { get; }

    public CtcTargets Targets { get; }

    void Append(int i, int last, int? delimiter)
    {
        bool isStar = Kinds[i] == UnitKind.Star, afterStar = last >= 0 && Kinds[last] == UnitKind.Star;
        bool begins = last < 0 || Units[i].Run != Units[last].Run || Units[i].Line != Units[last].Line;
        if (isStar && afterStar)
        {
            FirstTokens[i] = FirstTokens[last];
            return;
        }
        if (begins && last >= 0 && !isStar && !afterStar && delimiter is { } space)
        {
            _tokens.Add(space);
            _boundaries.Add(true);
        }
        FirstTokens[i] = _tokens.Count;
        if (isStar)
        {
            _tokens.Add(CtcTargets.Star);
            _boundaries.Add(true);
            return;
        }
        foreach (var token in Spellings[i])
        {
            _tokens.Add(token.Id);
            _boundaries.Add(begins);
            begins = false;
        }
    }

    // Where scripts have no spaces, what cannot be spelled beside what can is a part of it.
    UnitKind KindOf(int i)
    {
        if (Spellings[i].Count > 0) return UnitKind.Spelled;
        bool isSaid = Units[i].Word.Any(c => char.IsLetterOrDigit(c) || SpokenSigns.Contains(c, StringComparison.Ordinal));
        if (!isSaid) return UnitKind.Silent;
        for (int k = i; k >= 0 && Units[k].Run == Units[i].Run; k--)
        {
            if (Spellings[k].Count > 0) return UnitKind.Silent;
        }
        for (int k = i; k < Units.Count && Units[k].Run == Units[i].Run; k++)
        {
            if (Spellings[k].Count > 0) return UnitKind.Silent;
        }
        return UnitKind.Star;
    }

    ModelException Unspellable() => Units.Count == 0 || Kinds.All(kind => kind == UnitKind.Silent)
        ? new ModelException("The text has no words. Give the words that are said.")
        : new ModelException(
            $"None of the text's words can be spelled in the letters of this model, '{Units[0].Word}' being the first. " +
            "Choose a model, or a language of it, that writes the text's script.");
}
