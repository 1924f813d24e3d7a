using System.Text;
using System.Text.Json;
using Earshot.Chat;

namespace Earshot.Decoding.Grammars;

/// <summary>The automata of JSON's strings, numbers and constants, in the one form that is generated: no white space, nothing escaped
/// that need not be in keys and constants.</summary>
static class JsonTexts
{
    /// <summary>Any string: any escapes, surrogates in pairs.</summary>
    public static Dfa String { get; } = MakeString();

    public static Dfa Number { get; } = Regex(@"-?(0|[1-9]\d*)(\.\d+)?([eE][+\-]?\d+)?", new());

    public static Dfa Integer { get; } = Regex(@"-?(0|[1-9]\d*)", new());

    public static Dfa Boolean { get; } = Words(["true", "false"], new());

    public static Dfa Null { get; } = Words(["null"], new());

    /// <summary>What is known of JSON Schema's formats, as expressions for whole strings.</summary>
    static readonly Dictionary<string, string> s_formats = MakeFormats();

    public static IEnumerable<string> Formats => s_formats.Keys;

    public static string? FormatPattern(string format) => s_formats.GetValueOrDefault(format);

    public static Dfa Words(IEnumerable<string> words, GrammarBudget budget) =>
        DfaBuilder.Words(words.Select(Encoding.UTF8.GetBytes), budget);

    /// <summary>Texts that are the whole expression.</summary>
    public static Dfa Regex(string pattern, GrammarBudget budget)
    {
        var nfa = new ByteNfa(budget, isJson: false);
        int start = nfa.Add();
        return nfa.Determinise(start, RegexParser.Parse(pattern, isWhole: true).Emit(nfa, start));
    }

    /// <summary>JSON strings in which the expression is found.</summary>
    public static Dfa StringWith(string pattern, GrammarBudget budget) => StringOf(RegexParser.Parse(pattern, isWhole: false), budget);

    /// <summary>JSON strings of so many characters; null for no limit.</summary>
    public static Dfa StringOfLength(int least, int? most, GrammarBudget budget) =>
        StringOf(new Repeated(CharacterSet.Any, least, most), budget);

    /// <summary>Any string that is none of these.</summary>
    public static Dfa StringExcept(IEnumerable<string> names, GrammarBudget budget)
    {
        // Without escapes that need not be, each name has one form only.
        var any = StringOfLength(0, null, budget);
        var words = names.Select(name => Encoding.UTF8.GetBytes(ChatJson.Quote(name))).ToList();
        if (words.Count == 0) return any;
        var excluded = DfaBuilder.Words(words, budget);
        return DfaBuilder.Explore(
            (Any: 0, Word: 0), [.. Enumerable.Range(0, 256).Select(b => ((byte)b, (byte)b))],
            ((int Any, int Word) state, byte b, out (int Any, int Word) next) =>
            {
                next = (any.Next(state.Any, b), state.Word < 0 ? Dfa.Dead : excluded.Next(state.Word, b));
                return next.Any >= 0;
            },
            state => any.IsAccepting(state.Any) && (state.Word < 0 || !excluded.IsAccepting(state.Word)), budget);
    }

    /// <summary>A constant without white space.</summary>
    public static string Compact(JsonElement value)
    {
        var text = new StringBuilder();
        Write(value, text);
        return text.ToString();
    }

    /// <summary>How deep objects and arrays are in each other.</summary>
    public static int Depth(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => 1 + value.EnumerateObject().Select(property => Depth(property.Value)).DefaultIfEmpty().Max(),
        JsonValueKind.Array => 1 + value.EnumerateArray().Select(Depth).DefaultIfEmpty().Max(),
        _ => 0,
    };

    static void Write(JsonElement value, StringBuilder text)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append('{');
                foreach (var property in value.EnumerateObject())
                {
                    text.Append(text[^1] == '{' ? "" : ",").Append(ChatJson.Quote(property.Name)).Append(':');
                    Write(property.Value, text);
                }
                text.Append('}');
                break;
            case JsonValueKind.Array:
                text.Append('[');
                foreach (var item in value.EnumerateArray())
                {
                    if (text[^1] != '[') text.Append(',');
                    Write(item, text);
                }
                text.Append(']');
                break;
            case JsonValueKind.String: text.Append(ChatJson.Quote(value.GetString()!)); break;
            default: text.Append(value.GetRawText()); break;
        }
    }

    static Dfa StringOf(RegexNode content, GrammarBudget budget)
    {
        var nfa = new ByteNfa(budget, isJson: true);
        int start = nfa.Add(), body = nfa.Add(), end = nfa.Add();
        nfa.Connect(start, "\""u8, body);
        nfa.Connect(content.Emit(nfa, body), "\""u8, end);
        return nfa.Determinise(start, end);
    }

    static Dfa MakeString()
    {
        var nfa = new ByteNfa(new GrammarBudget(), isJson: false);
        int start = nfa.Add(), body = nfa.Add(), end = nfa.Add();
        nfa.Connect(start, "\""u8, body);
        nfa.Connect(body, "\""u8, end);
        foreach (var (low, high) in ((int, int)[])[(' ', '!'), ('#', '['), (']', CharacterSet.Last)]) nfa.ConnectCharacters(body, low,
            high, body);
        var escapes = RegexParser.Parse(
            @"\\([""\\/bfnrt]|u([0-9a-cA-CefEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}|" +
            @"[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))",
            isWhole: true);
        nfa.Jump(escapes.Emit(nfa, body), body);
        return nfa.Determinise(start, end);
    }

    static Dictionary<string, string> MakeFormats()
    {
        const string year = @"(\d{3}[1-9]|\d\d[1-9]\d|\d[1-9]\d\d|[1-9]\d{3})";
        const string leap = @"(\d\d(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)";
        const string date =
            $@"({year}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))|{leap}-02-29)";
        const string time = @"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+\-]((0\d|1[0-3]):[0-5]\d|14:00))";
        const string label = @"[A-Za-z0-9]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])?";
        const string octet = @"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";
        const string atom = @"[A-Za-z0-9!#$%&'*+\-/=?_`{|}~]+";
        const string clock = @"T(\d+H(\d+M(\d+S)?)?|\d+M(\d+S)?|\d+S)";
        return new()
        {
            ["date"] = date,
            ["time"] = time,
            ["date-time"] = $"{date}T{time}",
            ["duration"] = $@"P(\d+W|(\d+Y(\d+M(\d+D)?)?|\d+M(\d+D)?|\d+D)({clock})?|{clock})",
            ["email"] = $@"{atom}(\.{atom})*@{label}(\.{label})+",
            ["hostname"] = $@"{label}(\.{label}){{0,3}}",
            ["ipv4"] = $@"{octet}(\.{octet}){{3}}",
            ["ipv6"] = Ipv6(),
            ["uuid"] = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        };
    }

    /// <summary>Eight groups, or fewer with one '::' for at least one.</summary>
    static string Ipv6()
    {
        const string group = "[0-9a-fA-F]{1,4}";
        var forms = new List<string> { $"({group}:){{7}}{group}" };
        for (int before = 0; before <= 7; before++)
        {
            string left = before == 0 ? "" : $"{group}(:{group}){{{before - 1}}}";
            int after = 7 - before;
            forms.Add($"{left}::{(after == 0 ? "" : $"({group}(:{group}){{0,{after - 1}}})?")}");
        }
        return string.Join('|', forms.Select(form => $"({form})"));
    }
}
