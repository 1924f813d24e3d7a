namespace Earshot.Transcription;

/// <summary>How digits are written.</summary>
public enum DigitForm
{
    AsWritten,

    /// <summary>0 to 9, in any language.</summary>
    Ascii,

    /// <summary>The language's own, such as ٣ in Arabic; 0 to 9 stay in languages that the table has no others for.</summary>
    Native,
}

/// <summary>How letters are written.</summary>
public enum TextCasing
{
    AsWritten,

    Lower,

    Upper,

    /// <summary>
    /// Small, with a capital where a sentence begins and for the English "I": for models that write capitals alone. Names and German nouns
    /// lose theirs.
    /// </summary>
    Sentence,
}

/// <summary>
/// What is done to a text after recognition, by its language (<c>docs/text-rules.md</c>). Each rule looks back and never ahead of a word,
/// so that what follows changes no word that was written: they may be applied to live captions.
/// </summary>
public sealed record TextRules
{
    /// <summary>Spaces as the language has them: none between Chinese and Japanese characters, none before punctuation.</summary>
    public bool Spacing { get; init; }

    /// <summary>Punctuation in the language's own form: 。 in Chinese, ؟ in Arabic.</summary>
    public bool Punctuation { get; init; }

    /// <summary>
    /// Leaves out marks that readers do without: Arabic's short vowels and lengthening stroke, Hebrew's points, and control characters of
    /// direction.
    /// </summary>
    public bool StripMarks { get; init; }

    public DigitForm Digits { get; init; }

    public TextCasing Casing { get; init; }

    /// <summary>What is safe for every text: spacing and punctuation.</summary>
    public static TextRules Auto { get; } = new() { Spacing = true, Punctuation = true };

    /// <summary>The names that <see cref="Parse"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "auto", "spacing", "punctuation", "marks", "digits=ascii", "digits=native", "casing=lower", "casing=upper", "casing=sentence",
    ];

    /// <summary>Rules by their names, with commas between: <c>auto,digits=ascii</c>; null for <c>none</c>.</summary>
    /// <exception cref="FormatException">A rule is not known, or is given in two ways.</exception>
    public static TextRules? Parse(string names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var parts = names.Split(',', StringSplitOptions.TrimEntries);
        if (parts is ["none"]) return null;
        var rules = new TextRules();
        foreach (var name in parts)
        {
            bool twice = (name.StartsWith("digits=", StringComparison.Ordinal) && rules.Digits != DigitForm.AsWritten)
                || (name.StartsWith("casing=", StringComparison.Ordinal) && rules.Casing != TextCasing.AsWritten);
            if (twice) throw new FormatException($"'{names}' asks for two forms of one thing; leave '{name}' or the one before it out.");
            rules = name switch
            {
                "auto" => rules with { Spacing = true, Punctuation = true },
                "spacing" => rules with { Spacing = true },
                "punctuation" => rules with { Punctuation = true },
                "marks" => rules with { StripMarks = true },
                "digits=ascii" => rules with { Digits = DigitForm.Ascii },
                "digits=native" => rules with { Digits = DigitForm.Native },
                "casing=lower" => rules with { Casing = TextCasing.Lower },
                "casing=upper" => rules with { Casing = TextCasing.Upper },
                "casing=sentence" => rules with { Casing = TextCasing.Sentence },
                _ => throw new FormatException($"There is no text rule '{name}'; expected none or some of {string.Join(", ", Names)}."),
            };
        }
        return rules;
    }
}
