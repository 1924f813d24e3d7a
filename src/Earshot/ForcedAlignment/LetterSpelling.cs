using System.Globalization;
using System.Text;
using Earshot.Tokenizers;

namespace Earshot.ForcedAlignment;

/// <summary>A token of a spelled word, and the part of the word that it stands for.</summary>
readonly record struct SpelledToken(int Id, int First, int Length);

/// <summary>
/// Words in a vocabulary's tokens. Capitals, kinds of apostrophe and how letters are composed make no difference; a letter that the
/// vocabulary does not have is spelled by its plain one, or left out.
/// </summary>
sealed class LetterSpelling(Tokenizer tokenizer)
{
    // Letters that do not come apart into one of the alphabet and a mark.
    static readonly Dictionary<string, string> s_plain = new(StringComparer.Ordinal)
    {
        ["ß"] = "ss",
        ["æ"] = "ae",
        ["œ"] = "oe",
        ["ø"] = "o",
        ["ł"] = "l",
        ["đ"] = "d",
        ["ð"] = "d",
        ["þ"] = "th",
        ["ı"] = "i",
        ["ŋ"] = "ng",
        ["ħ"] = "h",
        ["’"] = "'",
        ["‘"] = "'",
        ["ʼ"] = "'",
        ["´"] = "'",
        ["`"] = "'",
        ["＇"] = "'",
        ["‐"] = "-",
        ["‑"] = "-",
        ["–"] = "-",
        ["−"] = "-",
    };

    readonly CtcVocabulary? _letters = tokenizer as CtcVocabulary;
    readonly Dictionary<string, int[]> _known = new(StringComparer.Ordinal);

    /// <summary>The token between words; null where there is none.</summary>
    public int? Delimiter => _letters?.Delimiter;

    /// <summary>A word's tokens, as far as there are any.</summary>
    public List<SpelledToken> Spell(string word)
    {
        var spelled = new List<SpelledToken>();
        if (_letters is null) return SpellInPieces(word);
        for (int at = 0, length; at < word.Length; at += length)
        {
            length = StringInfo.GetNextTextElementLength(word, at);
            foreach (int id in Letter(word.Substring(at, length))) spelled.Add(new SpelledToken(id, at, length));
        }
        return spelled;
    }

    int[] Letter(string element)
    {
        if (_known.TryGetValue(element, out var known)) return known;
        return _known[element] = [.. Find(UnicodeNormalization.Compose(element))];
    }

    List<int> Find(string letters)
    {
        if (FindAnyCase(letters) is { } whole) return [whole];
        if (s_plain.TryGetValue(letters.ToLowerInvariant(), out var plain)) return FindEach(plain);
        var apart = UnicodeNormalization.Decompose(letters);
        return apart == letters && letters.Length == 1 ? [] : FindEach(apart);
    }

    List<int> FindEach(string letters)
    {
        var found = new List<int>();
        foreach (var rune in letters.EnumerateRunes())
        {
            var letter = rune.ToString();
            if (FindAnyCase(letter) is { } id) found.Add(id);
            else if (s_plain.TryGetValue(letter.ToLowerInvariant(), out var plain) && plain != letters) found.AddRange(FindEach(plain));
        }
        return found;
    }

    int? FindAnyCase(string letter) =>
        _letters!.Find(letter) ?? _letters.Find(letter.ToLowerInvariant()) ?? _letters.Find(letter.ToUpperInvariant());

    // Pieces of several letters: the word is spelled if they say it back.
    List<SpelledToken> SpellInPieces(string word)
    {
        var plain = new StringBuilder();
        foreach (char c in UnicodeNormalization.Compose(word)) plain.Append(s_plain.GetValueOrDefault(c.ToString(), c.ToString()));
        var text = plain.ToString();
        var letters = string.Concat(text.Where(c => char.IsLetterOrDigit(c) || c is '\''));
        foreach (var form in (string[])[text, letters, letters.ToLowerInvariant(), letters.ToUpperInvariant()])
        {
            if (form.Length == 0) continue;
            int[] ids = tokenizer.Encode(" " + form);
            if (ids.Length > 0 && tokenizer.Decode(ids).Trim() == form) return [.. ids.Select(id => new SpelledToken(id, 0, word.Length))];
        }
        return [];
    }
}
