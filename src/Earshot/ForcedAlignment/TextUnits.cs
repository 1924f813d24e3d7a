using System.Globalization;
using System.Text;

namespace Earshot.ForcedAlignment;

/// <summary>A piece of a text that gets a time: a word, or a letter of a script without spaces.</summary>
/// <param name="Text">With the space before it.</param>
/// <param name="Line">The line that it stands in.</param>
/// <param name="Run">Which run of letters without a space it is of.</param>
readonly record struct TextUnit(string Text, int Line, int Run)
{
    /// <summary>Without what is around it.</summary>
    public string Word => Text.Trim();
}

/// <summary>Cuts a text into what gets a time. Put together again, the pieces are the text, with a space for a line's end.</summary>
static class TextUnits
{
    public static List<TextUnit> Of(string text)
    {
        var units = new List<TextUnit>();
        int line = 0, run = 0;
        foreach (var content in text.Split('\n'))
        {
            int before = units.Count;
            for (int at = 0; at < content.Length;)
            {
                int start = at;
                while (at < content.Length && char.IsWhiteSpace(content[at])) at++;
                int word = at;
                while (at < content.Length && !char.IsWhiteSpace(content[at])) at++;
                if (at == word) break;
                Add(units, content[word..at], SpaceBefore(units, content[start..word], content[word..]), (line, run++));
            }
            if (units.Count > before) line++;
        }
        return units;
    }

    /// <summary>Whether a letter is of a script that writes no spaces between words.</summary>
    public static bool IsUnspaced(Rune letter) => letter.Value is
        (>= 0x0E00 and <= 0x0EFF) // Thai, Lao
        or (>= 0x1000 and <= 0x109F) or (>= 0x1780 and <= 0x17FF) // Burmese, Khmer
        or (>= 0x3005 and <= 0x30FF) or (>= 0x31F0 and <= 0x31FF) // Kana
        or (>= 0x3400 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFF66 and <= 0xFF9F)
        or (>= 0x20000 and <= 0x3FFFF); // Han

    // A line's end is a space where the script has some.
    static string SpaceBefore(List<TextUnit> units, string written, string content)
    {
        if (written.Length > 0 || units.Count == 0) return written;
        bool unspaced = IsUnspaced(Last(units[^1].Text)) || IsUnspaced(Rune.GetRuneAt(content, 0));
        return unspaced ? "" : " ";
    }

    static Rune Last(string text)
    {
        _ = Rune.DecodeLastFromUtf16(text, out var last, out _);
        return last;
    }

    static void Add(List<TextUnit> units, string word, string space, (int Line, int Run) place)
    {
        var unit = new StringBuilder(space);
        bool isOwn = false;
        for (int at = 0, length; at < word.Length; at += length)
        {
            length = StringInfo.GetNextTextElementLength(word, at);
            var element = word.Substring(at, length);
            bool unspaced = Rune.TryGetRuneAt(word, at, out var letter) && IsUnspaced(letter);
            bool begins = unit.Length > space.Length && (unspaced ? at > 0 : isOwn && Rune.IsLetterOrDigit(letter));
            if (begins)
            {
                units.Add(new TextUnit(unit.ToString(), place.Line, place.Run));
                unit.Clear();
                space = "";
            }
            unit.Append(element);
            if (unspaced) isOwn = true;
            else if (Rune.IsLetterOrDigit(letter)) isOwn = false;
        }
        units.Add(new TextUnit(unit.ToString(), place.Line, place.Run));
    }
}
