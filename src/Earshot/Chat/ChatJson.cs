using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Earshot.Chat;

/// <summary>
/// JSON as the templates write it (Python's <c>json.dumps</c> without ASCII escapes): ", " and ": " between, or indented by four; keys in
/// their order, numbers as they came. Only quotes, backslashes and control characters are escaped.
/// </summary>
static class ChatJson
{
    /// <summary>An object in the compact form; null where the text is no JSON object.</summary>
    public static string? TryFormat(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? Format(document.RootElement) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The second is thrown for half a surrogate pair.
            return null;
        }
    }

    /// <exception cref="InvalidOperationException">A string holds half a surrogate pair.</exception>
    public static string Format(JsonElement value)
    {
        var text = new StringBuilder();
        Write(text, value, indent: null);
        return text.ToString();
    }

    /// <summary>The indented form of what <see cref="Format"/> wrote.</summary>
    public static string Indent(string json)
    {
        using var document = JsonDocument.Parse(json);
        var text = new StringBuilder();
        Write(text, document.RootElement, indent: 0);
        return text.ToString();
    }

    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2);
        WriteString(quoted, text);
        return quoted.ToString();
    }

    static void Write(StringBuilder text, JsonElement value, int? indent)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteAll(text, '{', '}', value.EnumerateObject(), indent, (property, inner) =>
                {
                    WriteString(text, property.Name);
                    text.Append(": ");
                    Write(text, property.Value, inner);
                });
                break;
            case JsonValueKind.Array:
                WriteAll(text, '[', ']', value.EnumerateArray(), indent, (item, inner) => Write(text, item, inner));
                break;
            case JsonValueKind.String: WriteString(text, value.GetString()!); break;
            default: text.Append(value.GetRawText()); break;
        }
    }

    static void WriteAll<T>(
        StringBuilder text, char open, char close, IEnumerable<T> items, int? indent, Action<T, int?> write)
    {
        text.Append(open);
        bool isFirst = true;
        foreach (var item in items)
        {
            if (!isFirst) text.Append(indent is null ? ", " : ",");
            if (indent is { } outer) NewLine(text, outer + 4);
            write(item, indent + 4);
            isFirst = false;
        }
        if (!isFirst && indent is { } level) NewLine(text, level);
        text.Append(close);
    }

    static void NewLine(StringBuilder text, int indent) => text.Append('\n').Append(' ', indent);

    static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                < ' ' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }
        text.Append('"');
    }
}
