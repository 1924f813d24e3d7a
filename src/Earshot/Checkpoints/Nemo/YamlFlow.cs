using System.Globalization;
using System.Text;

namespace Earshot.Checkpoints.Nemo;

/// <summary>Values in brackets and quotes, which may go on in further lines.</summary>
sealed class YamlFlow(string text, Func<string> nextLine, Func<string, CheckpointException> wrong)
{
    const int MaxDepth = 48;

    string _text = text;
    int _at;

    public YamlValue Value(int depth)
    {
        if (depth > MaxDepth) throw wrong($"brackets are more than {MaxDepth} deep");
        switch (Peek())
        {
            case '[': return List(depth);
            case '{': return Mapping(depth);
            case '\'' or '"': return new YamlText(Quoted(), IsQuoted: true);
            case '&' or '*' or '!' or '?': throw wrong($"brackets hold '{_text[_at]}', which settings here do not use");
        }
        int start = _at;
        while (_at < _text.Length && _text[_at] is not (',' or ']' or '}') && !IsColon() && !IsComment()) _at++;
        return new YamlText(_text[start.._at].Trim(), IsQuoted: false);
    }

    /// <summary>Sees that nothing but a comment follows.</summary>
    public void RequireEnd()
    {
        var rest = _text[_at..].TrimStart();
        if (rest.Length > 0 && rest[0] != '#') throw wrong($"'{rest}' follows the end of a value");
    }

    /// <summary>The text in quotes at the beginning of a line, and where the line goes on; false where the quotes are not closed.</summary>
    public static bool TryQuoted(string line, out string content, out int end)
    {
        (content, end) = ("", 0);
        int close = 1;
        for (; close < line.Length && line[close] != line[0]; close++)
        {
            if (line[0] == '"' && line[close] == '\\') close++;
        }
        if (close >= line.Length) return false;
        var flow = new YamlFlow(line, () => throw Unclosed("in quotes"), Unclosed);
        try
        {
            content = flow.Quoted();
        }
        catch (CheckpointException)
        {
            return false;
        }
        end = flow._at;
        return true;

        static CheckpointException Unclosed(string what) => new(what);
    }

    YamlList List(int depth)
    {
        var items = new List<YamlValue>();
        for (_at++; Peek() != ']';)
        {
            items.Add(Value(depth + 1));
            Separate(']');
        }
        _at++;
        return new YamlList(items);
    }

    YamlMapping Mapping(int depth)
    {
        var items = new List<(string, YamlValue)>();
        for (_at++; Peek() != '}';)
        {
            if (Value(depth + 1) is not YamlText key) throw wrong("a name in brackets is no text");
            YamlValue value = new YamlText("", IsQuoted: false);
            if (Peek() == ':')
            {
                _at++;
                if (Peek() is not (',' or '}')) value = Value(depth + 1);
            }
            items.Add((key.Text, value));
            Separate('}');
        }
        _at++;
        return new YamlMapping(items);
    }

    void Separate(char end)
    {
        char next = Peek();
        if (next == ',') _at++;
        else if (next != end) throw wrong($"'{next}' stands where ',' or '{end}' was expected");
    }

    string Quoted()
    {
        char quote = _text[_at++];
        var content = new StringBuilder();
        while (true)
        {
            if (_at >= _text.Length)
            {
                Fold(content);
                continue;
            }
            char c = _text[_at++];
            if (c == quote)
            {
                if (quote == '"' || _at >= _text.Length || _text[_at] != '\'') return content.ToString();
                _at++;
            }
            else if (c == '\\' && quote == '"')
            {
                if (_at < _text.Length) content.Append(Escaped());
                else (_text, _at) = (nextLine(), 0);
                continue;
            }
            content.Append(c);
        }
    }

    // A line's end is a space, an empty line an end of line.
    void Fold(StringBuilder content)
    {
        int empty = 0;
        do
        {
            (_text, _at) = (nextLine(), 0);
            if (_text.Length == 0) empty++;
        }
        while (_text.Length == 0);
        while (content.Length > 0 && content[^1] == ' ') content.Length--;
        if (empty == 0) content.Append(' ');
        else content.Append('\n', empty);
    }

    string Escaped()
    {
        char c = _text[_at++];
        int digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (_at + digits > _text.Length
                || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int code)
                || !Rune.IsValid(code))
            {
                throw wrong($"'\\{c}' is not followed by a character's number");
            }
            _at += digits;
            return new Rune(code).ToString();
        }
        return c switch
        {
            '0' => "\0",
            'a' => "\a",
            'b' => "\b",
            't' => "\t",
            'n' => "\n",
            'v' => "\v",
            'f' => "\f",
            'r' => "\r",
            'e' => "\e",
            'N' => "\u0085",
            '_' => "\u00A0",
            'L' => "\u2028",
            'P' => "\u2029",
            ' ' or '"' or '/' or '\\' => c.ToString(),
            _ => throw wrong($"'\\{c}' is no escape"),
        };
    }

    /// <summary>The next character that is no space, in this line or a later one.</summary>
    char Peek()
    {
        while (true)
        {
            while (_at < _text.Length && _text[_at] == ' ') _at++;
            if (_at < _text.Length && !IsComment()) return _text[_at];
            (_text, _at) = (nextLine(), 0);
        }
    }

    bool IsComment() => _text[_at] == '#' && (_at == 0 || _text[_at - 1] == ' ');

    bool IsColon() => _text[_at] == ':' && (_at + 1 == _text.Length || _text[_at + 1] is ' ' or ',' or ']' or '}');
}
