using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Earshot.Checkpoints.Nemo;

/// <summary>
/// Reads the part of YAML that settings are written in: mappings and lists in blocks or in brackets, plain, quoted and folded text,
/// comments. Anchors, tags, complex keys and several documents are refused. Follows YAML 1.1, as PyYAML writes it.
/// </summary>
sealed class YamlReader
{
    const int MaxDepth = 48;

    readonly string _source;
    readonly List<Line> _lines = [];
    int _at;
    int _depth;

    public YamlReader(byte[] content, string source)
    {
        _source = source;
        if (!Utf8.IsValid(content)) throw new CheckpointException($"'{source}' is not UTF-8. Download the model again.");
        var text = Encoding.UTF8.GetString(content).TrimStart('\uFEFF');
        int number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.TrimEnd('\r');
            int indent = line.Length - line.TrimStart(' ').Length;
            _lines.Add(new Line(indent, line[indent..].TrimEnd(), number));
        }
    }

    Line Current => _lines[_at];

    bool IsAtEnd => _at >= _lines.Count;

    /// <summary>The document, whose outermost value is a mapping.</summary>
    /// <exception cref="CheckpointException">It is damaged, or of more than the part that is known.</exception>
    public YamlMapping Read()
    {
        SkipBlank();
        if (!IsAtEnd && Current.Text == "---") _at++;
        SkipBlank();
        if (IsAtEnd || Current.Text is "{}") return new YamlMapping([]);
        var root = Block();
        SkipBlank();
        if (!IsAtEnd && Current.Text != "...") throw Wrong("is not indented as the settings above it");
        return root as YamlMapping ?? throw Wrong("a list was found, expected settings by name");
    }

    /// <summary>A list or a mapping that begins at the current line.</summary>
    YamlValue Block()
    {
        if (++_depth > MaxDepth) throw Wrong($"is more than {MaxDepth} deep");
        YamlValue value = IsItem(Current.Text) ? List(Current.Indent) : Mapping(Current.Indent);
        _depth--;
        return value;
    }

    YamlMapping Mapping(int indent)
    {
        var items = new List<(string, YamlValue)>();
        for (; StandsAt(indent) && !IsItem(Current.Text);)
        {
            if (!TryKey(Current.Text, out var key, out var rest)) throw Wrong("has no name with a colon behind it");
            items.Add((key, rest.Length > 0 ? Inline(rest, indent) : BelowKey(indent)));
        }
        return new YamlMapping(items);
    }

    // A list may stand as far left as its key.
    YamlValue BelowKey(int indent)
    {
        _at++;
        SkipBlank();
        bool isBelow = !IsAtEnd && (Current.Indent > indent || Current.Indent == indent && IsItem(Current.Text));
        return isBelow ? BlockOrText(indent) : new YamlText("", IsQuoted: false);
    }

    YamlList List(int indent)
    {
        var items = new List<YamlValue>();
        while (StandsAt(indent) && IsItem(Current.Text))
        {
            var rest = Current.Text[1..].TrimStart(' ');
            if (rest.Length == 0 || rest[0] == '#')
            {
                _at++;
                SkipBlank();
                items.Add(!IsAtEnd && Current.Indent > indent ? BlockOrText(indent) : new YamlText("", IsQuoted: false));
            }
            else if (IsItem(rest) || TryKey(rest, out _, out _))
            {
                // What follows the dash is a block that stands where it begins.
                _lines[_at] = new Line(indent + Current.Text.Length - rest.Length, rest, Current.Number);
                items.Add(Block());
            }
            else items.Add(Inline(rest, indent));
        }
        return new YamlList(items);
    }

    YamlValue BlockOrText(int indent) =>
        IsItem(Current.Text) || TryKey(Current.Text, out _, out _) ? Block() : Inline(Current.Text, indent);

    /// <summary>A value that begins in the current line; the lines that it goes on in are indented more than its key.</summary>
    YamlValue Inline(string text, int indent)
    {
        switch (text[0])
        {
            case '&' or '*' or '!' or '%' or '@' or '`' or '?' when text.Length == 1 || text[0] != '?' || text[1] == ' ':
                throw Wrong($"begins with '{text[0]}', which settings here do not use");
            case '|' or '>':
                return Folded(text, indent);
            case '[' or '{' or '\'' or '"':
                var flow = new YamlFlow(text, () => NextLine(indent), Wrong);
                var value = flow.Value(0);
                flow.RequireEnd();
                _at++;
                return value;
        }
        var plain = new StringBuilder(WithoutComment(text));
        for (_at++; !IsAtEnd && Current.Indent > indent && Current.Text.Length > 0 && Current.Text[0] != '#'; _at++)
        {
            if (TryKey(Current.Text, out _, out _)) throw Wrong("a setting is indented more than those around it");
            plain.Append(' ').Append(WithoutComment(Current.Text));
        }
        return new YamlText(plain.ToString(), IsQuoted: false);
    }

    // Lines as they are (|), or joined with spaces (>); the mark's sign says what becomes of the last line's end.
    YamlText Folded(string mark, int indent)
    {
        var lines = new List<string>();
        int first = -1;
        for (_at++; !IsAtEnd && (Current.Text.Length == 0 || Current.Indent > indent); _at++)
        {
            if (first < 0 && Current.Text.Length > 0) first = Current.Indent;
            lines.Add(Current.Text.Length == 0 ? "" : new string(' ', Math.Max(0, Current.Indent - first)) + Current.Text);
        }
        var text = string.Join(mark[0] == '|' ? '\n' : ' ', lines).TrimEnd();
        return new YamlText(mark.Contains('-', StringComparison.Ordinal) ? text : text + '\n', IsQuoted: true);
    }

    // The next line of a text in quotes or brackets.
    string NextLine(int indent)
    {
        _at++;
        if (IsAtEnd) throw Wrong("text or brackets are not closed");
        return Current.Text.Length == 0 || Current.Indent > indent || Current.Text[0] is ']' or '}'
            ? Current.Text
            : throw Wrong("text or brackets are not closed before it");
    }

    bool StandsAt(int indent)
    {
        SkipBlank();
        if (IsAtEnd || Current.Indent < indent || Current.Text == "...") return false;
        if (Current.Text[0] == '\t') throw Wrong("is indented with tabs");
        return Current.Indent == indent ? true : throw Wrong("is not indented as the settings above it");
    }

    void SkipBlank()
    {
        while (!IsAtEnd && (Current.Text.Length == 0 || Current.Text[0] == '#')) _at++;
    }

    static bool IsItem(string text) => text == "-" || text.StartsWith("- ", StringComparison.Ordinal);

    /// <summary>A name, and what follows the colon in its line.</summary>
    bool TryKey(string text, out string key, out string rest)
    {
        (key, rest) = ("", "");
        int end;
        if (text[0] is '\'' or '"')
        {
            if (!YamlFlow.TryQuoted(text, out key, out end) || end == text.Length || text[end] != ':') return false;
        }
        else if (text[0] is '[' or '{' or '|' or '>' or '#') return false;
        else
        {
            end = text.IndexOf(": ", StringComparison.Ordinal);
            int comment = text.IndexOf(" #", StringComparison.Ordinal);
            if (end < 0 || comment >= 0 && comment < end) end = WithoutComment(text) is [.., ':'] bare ? bare.Length - 1 : -1;
            if (end < 0) return false;
            key = text[..end].TrimEnd();
            if (key.Length == 0 || key[0] is '&' or '*' or '!' or '?') throw Wrong("has a name of a kind that settings here do not use");
        }
        if (end + 1 < text.Length && text[end + 1] != ' ') return false;
        rest = text[(end + 1)..].TrimStart();
        if (rest.StartsWith('#')) rest = "";
        return true;
    }

    static string WithoutComment(string text)
    {
        int comment = text.IndexOf(" #", StringComparison.Ordinal);
        return comment < 0 ? text : text[..comment].TrimEnd();
    }

    CheckpointException Wrong(string what)
    {
        int number = _lines.Count == 0 ? 1 : _lines[Math.Min(_at, _lines.Count - 1)].Number;
        return new(string.Create(
            CultureInfo.InvariantCulture, $"'{_source}', line {number}: {what}. Correct the file or download the model again."));
    }

    readonly record struct Line(int Indent, string Text, int Number);
}
