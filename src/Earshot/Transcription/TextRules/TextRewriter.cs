using System.Text;

namespace Earshot.Transcription;

/// <summary>
/// Applies <see cref="TextRules"/> to a text that comes word by word or segment by segment: what a piece becomes depends on it and on what
/// came before it. One a text.
/// </summary>
/// <param name="continues">Whether text came before that is not known, so that the first word begins no sentence.</param>
public sealed class TextRewriter(TextRules rules, bool continues = false)
{
    readonly StringBuilder _written = new();
    // What was written last but white space, and whether white space came after it.
    Rune _last;
    bool _spaced;
    // Whether no letter came since a sentence's end, and whether white space did: the next letter begins one.
    bool _ended = !continues, _parted = !continues;
    // Dutch ij is one letter.
    bool _capitalJ;

    /// <summary>The next piece, such as a word with the space before it.</summary>
    /// <param name="language">The language's code; null where it is not known: rules that go by it are then left out.</param>
    public string Next(string piece, string? language)
    {
        ArgumentNullException.ThrowIfNull(piece);
        _written.Clear();
        var writing = TextRuleTable.Of(language);
        Rune[] runes = [.. piece.EnumerateRunes()];
        for (int i = 0; i < runes.Length; i++)
        {
            var rune = runes[i];
            ReadOnlySpan<Rune> rest = runes.AsSpan(i + 1);
            if (rules.StripMarks && TextRuleTable.IsMark(rune)) continue;
            if (Rune.IsWhiteSpace(rune))
            {
                if (!rules.Spacing || KeepsSpace(rest, language, writing)) Append(rune);
                (_spaced, _parted) = (true, true);
                continue;
            }
            rune = Digit(rune, writing);
            if (rules.Punctuation) rune = Punctuated(rune, rest, writing);
            Write(Cased(rune, rest, language, writing));
        }
        return _written.ToString();
    }

    // A space at the end of a piece stays: what follows is not known.
    bool KeepsSpace(ReadOnlySpan<Rune> rest, string? language, LanguageWriting writing)
    {
        if (_spaced) return false;
        if (rest.IsEmpty || _last == default) return true;
        bool isBefore = ",.、。，！？：；،؛؟۔".Contains(rest[0].ToString(), StringComparison.Ordinal)
            || (language != "fr" && rest[0].Value is '!' or '?'); // French sets these apart
        bool opensNumber = rest.Length > 1 && Rune.IsDigit(rest[1]);
        if (isBefore && !opensNumber) return false;
        return !(writing.IsUnspaced && TextRuleTable.IsUnspaced(_last) && TextRuleTable.IsUnspaced(rest[0]));
    }

    Rune Digit(Rune rune, LanguageWriting writing)
    {
        if (rules.Digits == DigitForm.AsWritten || !Rune.IsDigit(rune)) return rune;
        char zero = rules.Digits == DigitForm.Native ? writing.Zero ?? '0' : '0';
        return new Rune((char)(zero + (int)Rune.GetNumericValue(rune)));
    }

    // What stands within a number, and points in a row, are left alone.
    Rune Punctuated(Rune rune, ReadOnlySpan<Rune> rest, LanguageWriting writing)
    {
        if (!rune.IsBmp || !writing.Punctuation.TryGetValue((char)rune.Value, out char own)) return rune;
        if (writing.PunctuatesOwnScript && !TextRuleTable.IsUnspaced(_last)) return rune;
        bool isInNumber = Rune.IsDigit(_last) && !rest.IsEmpty && Rune.IsDigit(rest[0]);
        bool isInRow = rune.Value == '.' && (_last.Value == '.' || (!rest.IsEmpty && rest[0].Value == '.'));
        return isInNumber || isInRow ? rune : new Rune(own);
    }

    Rune Cased(Rune rune, ReadOnlySpan<Rune> rest, string? language, LanguageWriting writing)
    {
        if (rules.Casing == TextCasing.AsWritten) return rune;
        bool isCapital = rules.Casing == TextCasing.Upper
            || (rules.Casing == TextCasing.Sentence && (BeginsSentence || (language == "en" && IsEnglishI(rune, rest))
                || (_capitalJ && rune.Value is 'j' or 'J')));
        _capitalJ = language == "nl" && BeginsSentence && rune.Value is 'i' or 'I';
        return isCapital ? Upper(rune, writing) : Lower(rune, rest, writing);
    }

    bool BeginsSentence => _ended && _parted;

    // A word by itself, or before an apostrophe.
    bool IsEnglishI(Rune rune, ReadOnlySpan<Rune> rest) =>
        rune.Value is 'i' or 'I'
        && (_spaced || !(Rune.IsLetterOrDigit(_last) || _last.Value is '\'' or '’'))
        && (rest.IsEmpty || !Rune.IsLetterOrDigit(rest[0]));

    static Rune Upper(Rune rune, LanguageWriting writing) => rune.Value switch
    {
        'i' when writing.HasDotlessI => new Rune('İ'),
        'ı' => new Rune('I'),
        _ => Rune.ToUpperInvariant(rune),
    };

    Rune Lower(Rune rune, ReadOnlySpan<Rune> rest, LanguageWriting writing) => rune.Value switch
    {
        'I' when writing.HasDotlessI => new Rune('ı'),
        'İ' => new Rune('i'),
        // Greek's, at the end of a word.
        'Σ' when !_spaced && Rune.IsLetter(_last) && (rest.IsEmpty || !Rune.IsLetter(rest[0])) => new Rune('ς'),
        _ => Rune.ToLowerInvariant(rune),
    };

    void Write(Rune rune)
    {
        if (Rune.IsLetterOrDigit(rune)) (_ended, _parted) = (false, false);
        else if (".!?…。！？؟۔।".Contains(rune.ToString(), StringComparison.Ordinal)) (_ended, _parted) = (true, false);
        (_last, _spaced) = (rune, false);
        Append(rune);
    }

    void Append(Rune rune)
    {
        Span<char> units = stackalloc char[2];
        _written.Append(units[..rune.EncodeToUtf16(units)]);
    }
}
