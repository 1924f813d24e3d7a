using System.Globalization;
using System.Text;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// The regular part of ECMA-262's expressions: characters, classes, groups, alternatives, counts, and anchors at the ends. What is not
/// regular (references back, looking around, word borders) is refused by name.
/// </summary>
sealed class RegexParser
{
    const int MaxDepth = 100, MaxCount = 10_000, MaxLength = 20_000;

    static readonly (int, int)[] s_digits = [('0', '9')], s_word = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        s_space =
        [
            ('\t', '\r'), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
                (0x205F, 0x205F),
            (0x3000, 0x3000), (0xFEFF, 0xFEFF),
        ],
        s_lineEnds = [('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)];

    readonly int[] _text;
    int _at, _depth;

    RegexParser(string pattern)
    {
        if (pattern.Length > MaxLength)
            throw new GrammarException($"the expression has {pattern.Length} characters; {MaxLength} are the most.");
        _text = [.. pattern.EnumerateRunes().Select(rune => rune.Value)];
    }

    /// <summary>The expression as whole texts (anchors at its ends are allowed and mean nothing) or as found anywhere in a text.</summary>
    /// <exception cref="GrammarException">It is not well formed, or not regular.</exception>
    public static RegexNode Parse(string pattern, bool isWhole)
    {
        var parser = new RegexParser(pattern);
        var branches = new List<RegexNode>();
        do
        {
            bool isAtStart = parser.Take('^');
            var parts = parser.ParseSequence();
            bool isAtEnd = parser.Take('$');
            if (!isWhole && !isAtStart) parts.Insert(0, new Repeated(CharacterSet.Any, 0, null));
            if (!isWhole && !isAtEnd) parts.Add(new Repeated(CharacterSet.Any, 0, null));
            branches.Add(new Sequence(parts));
        }
        while (parser.Take('|'));
        if (parser._at < parser._text.Length) throw parser.Refused($"'{parser.Here}' is not expected here");
        return new Alternatives(branches);
    }

    string Here => _at < _text.Length ? new Rune(_text[_at]).ToString() : "the end";

    RegexNode ParseAlternatives()
    {
        if (++_depth > MaxDepth) throw Refused($"groups are nested more than {MaxDepth} deep");
        var branches = new List<RegexNode>();
        do branches.Add(new Sequence(ParseSequence()));
        while (Take('|'));
        _depth--;
        return branches.Count == 1 ? branches[0] : new Alternatives(branches);
    }

    List<RegexNode> ParseSequence()
    {
        var parts = new List<RegexNode>();
        while (_at < _text.Length && _text[_at] is not ('|' or ')'))
        {
            if (_text[_at] == '^') throw Refused("'^' is known at the beginning of the expression or of its outermost alternatives alone");
            if (_text[_at] == '$')
            {
                if (_depth == 0 && (_at + 1 == _text.Length || _text[_at + 1] == '|')) break;
                throw Refused("'$' is known at the end of the expression or of its outermost alternatives alone");
            }
            parts.Add(ParseCount(ParseAtom()));
        }
        return parts;
    }

    RegexNode ParseCount(RegexNode part)
    {
        (int Least, int? Most)? count = null;
        if (Take('*')) count = (0, null);
        else if (Take('+')) count = (1, null);
        else if (Take('?')) count = (0, 1);
        else if (Take('{')) count = ParseBraces();
        if (count is not { } found) return part;
        // Lazy or not, the texts are the same.
        if (!Take('?') && _at < _text.Length && _text[_at] == '+') throw Refused("possessive counts are not supported");
        if (_at < _text.Length && _text[_at] is '*' or '{' or '?') throw Refused("nothing is there to repeat");
        return new Repeated(part, found.Least, found.Most);
    }

    (int, int?) ParseBraces()
    {
        int least = ParseNumber();
        int? most = least;
        if (Take(',')) most = _at < _text.Length && _text[_at] == '}' ? null : ParseNumber();
        if (!Take('}')) throw Refused($"expected '}}' of a count, got '{Here}'");
        if (most < least) throw Refused($"the count {{{least},{most}}} ends before it begins");
        return (least, most);
    }

    int ParseNumber()
    {
        int start = _at, number = 0;
        while (_at < _text.Length && _text[_at] is >= '0' and <= '9')
        {
            number = number * 10 + _text[_at++] - '0';
            if (number > MaxCount) throw Refused($"a count is above {MaxCount}");
        }
        return _at > start ? number : throw Refused($"expected a number, got '{Here}'; write '\\{{' for the character");
    }

    RegexNode ParseAtom()
    {
        int c = _text[_at++];
        switch (c)
        {
            case '.': return new CharacterSet(s_lineEnds).Inverse();
            case '(': return ParseGroup();
            case '[': return ParseClass();
            case '\\': return ParseEscape();
            case '*' or '+' or '?' or '{':
                _at--;
                throw Refused("nothing is there to repeat");
            default: return new CharacterSet([(c, c)]);
        }
    }

    RegexNode ParseGroup()
    {
        if (Take('?') && !Take(':'))
        {
            if (!Take('<') || Here is "=" or "!") throw Refused(
                "groups that look around, flags and atomic groups are not regular expressions here");
            while (_at < _text.Length && _text[_at] != '>') _at++;
            if (!Take('>')) throw Refused("a group's name has no end");
        }
        var inside = ParseAlternatives();
        return Take(')') ? inside : throw Refused("a group has no ')'");
    }

    CharacterSet ParseEscape()
    {
        int c = Peek();
        if (c is >= '1' and <= '9' or 'k') throw Refused("references back to groups are not regular");
        if (c is 'b' or 'B') throw Refused("word borders are not supported");
        return ParseClassEscape();
    }

    int Peek() => _at < _text.Length ? _text[_at] : throw Refused("it ends after '\\'");

    CharacterSet ParseClassEscape()
    {
        int c = Peek();
        _at++;
        return c switch
        {
            'd' => new(s_digits),
            'D' => new CharacterSet(s_digits).Inverse(),
            'w' => new(s_word),
            'W' => new CharacterSet(s_word).Inverse(),
            's' => new(s_space),
            'S' => new CharacterSet(s_space).Inverse(),
            'p' or 'P' => throw Refused("Unicode properties are not supported: name the ranges"),
            'n' => One('\n'),
            'r' => One('\r'),
            't' => One('\t'),
            'f' => One('\f'),
            'v' => One('\v'),
            '0' => One(0),
            'x' => One(ParseHex(2)),
            'u' => One(ParseUnicode()),
            >= 'a' and <= 'z' or >= 'A' and <= 'Z' => throw Refused($"the escape '\\{(char)c}' is not known"),
            _ => One(c),
        };
    }

    int ParseUnicode()
    {
        if (Take('{'))
        {
            int value = 0;
            while (_at < _text.Length && _text[_at] != '}') value = Math.Min(value * 16 + ParseHex(1), CharacterSet.Last + 1);
            if (!Take('}') || value > CharacterSet.Last) throw Refused("'\\u{…}' is no character");
            return value;
        }
        int unit = ParseHex(4);
        if (unit is < 0xD800 or > 0xDBFF || _at + 1 >= _text.Length || _text[_at] != '\\' || _text[_at + 1] != 'u') return unit;
        _at += 2;
        int low = ParseHex(4);
        return low is >= 0xDC00 and <= 0xDFFF ? 0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00 : throw Refused("half a surrogate pair");
    }

    int ParseHex(int digits)
    {
        int value = 0;
        for (int i = 0; i < digits; i++)
        {
            if (!int.TryParse(Here, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int digit))
                throw Refused($"expected a hexadecimal digit, got '{Here}'");
            value = value * 16 + digit;
            _at++;
        }
        return value;
    }

    CharacterSet ParseClass()
    {
        bool isInverse = Take('^');
        var ranges = new List<(int, int)>();
        while (!Take(']'))
        {
            var low = ParseClassAtom();
            if (_at + 1 < _text.Length && _text[_at] == '-' && _text[_at + 1] != ']' && Single(low) is { } first)
            {
                _at++;
                int last = Single(ParseClassAtom()) ?? throw Refused("a range in a class ends in a class");
                if (last < first) throw Refused("a range in a class ends before it begins");
                ranges.Add((first, last));
            }
            else ranges.AddRange(low.Ranges);
        }
        var set = new CharacterSet(ranges);
        return isInverse ? set.Inverse() : set;
    }

    CharacterSet ParseClassAtom()
    {
        if (_at >= _text.Length) throw Refused("a class has no ']'");
        if (Take('\\')) return Take('b') ? One('\b') : ParseClassEscape();
        return One(_text[_at++]);
    }

    static int? Single(CharacterSet set) => set.Ranges.Count == 1 && set.Ranges[0].Low == set.Ranges[0].High ? set.Ranges[0].Low : null;

    static CharacterSet One(int c) => new([(c, c)]);

    bool Take(char c)
    {
        if (_at >= _text.Length || _text[_at] != c) return false;
        _at++;
        return true;
    }

    GrammarException Refused(string what) => new($"the expression at character {_at}: {what}.");
}
