using System.Globalization;
using System.Text.Json;

namespace Earshot.Checkpoints.Nemo;

/// <summary>Settings in YAML as JSON: mappings, lists, text, numbers, true and false, and references to other settings.</summary>
static class Yaml
{
    const int MostReferences = 16;

    /// <summary>The JSON of a document whose outermost value is a mapping; <paramref name="first"/> is put before all else.</summary>
    /// <exception cref="CheckpointException">It is not of the subset that settings are written in.</exception>
    public static byte[] ToJson(byte[] content, string source, (string Key, string Value) first)
    {
        var root = new YamlReader(content, source).Read();
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { SkipValidation = false }))
        {
            json.WriteStartObject();
            json.WriteString(first.Key, first.Value);
            foreach (var (key, value) in root.Items)
            {
                if (key == first.Key) continue;
                json.WritePropertyName(key);
                Write(json, value, root, MostReferences);
            }
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    static void Write(Utf8JsonWriter json, YamlValue value, YamlMapping root, int references)
    {
        switch (value)
        {
            case YamlMapping mapping:
                json.WriteStartObject();
                foreach (var (key, item) in mapping.Items)
                {
                    json.WritePropertyName(key);
                    Write(json, item, root, references);
                }
                json.WriteEndObject();
                break;
            case YamlList list:
                json.WriteStartArray();
                foreach (var item in list.Items) Write(json, item, root, references);
                json.WriteEndArray();
                break;
            case YamlText text when Reference(text, root) is { } other:
                // What refers to itself, or multiplies, is left as it is written.
                if (references > 0 && other is YamlText) Write(json, other, root, references - 1);
                else json.WriteStringValue(text.Text);
                break;
            case YamlText { IsQuoted: true } text: json.WriteStringValue(text.Text); break;
            case YamlText text: WritePlain(json, text.Text); break;
        }
    }

    /// <summary>The setting that <c>${a.b.c}</c> stands for; the configuration may be that below <c>model</c>.</summary>
    static YamlValue? Reference(YamlText text, YamlMapping root)
    {
        if (!text.Text.StartsWith("${", StringComparison.Ordinal) || !text.Text.EndsWith('}')) return null;
        var path = text.Text[2..^1].Split('.');
        return Find(path) ?? (path[0] == "model" ? Find(path.AsSpan(1)) : null);

        YamlValue? Find(ReadOnlySpan<string> keys)
        {
            YamlValue? value = root;
            foreach (var key in keys)
            {
                value = (value as YamlMapping)?[key];
                if (value is null) return null;
            }
            return value;
        }
    }

    static void WritePlain(Utf8JsonWriter json, string text)
    {
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL": json.WriteNullValue(); return;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "on" or "On": json.WriteBooleanValue(true); return;
            case "false" or "False" or "FALSE" or "no" or "No" or "off" or "Off": json.WriteBooleanValue(false); return;
        }
        bool leadsWithZero = text.Length > 1 && text[0] == '0' && char.IsAsciiDigit(text[1]);
        if (!leadsWithZero && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            json.WriteNumberValue(number);
        else if (!leadsWithZero && (text[^1] is '.' or (>= '0' and <= '9')) && text.TrimStart('-', '+', '.') is [>= '0' and <= '9', ..]
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else json.WriteStringValue(text);
    }
}

/// <summary>A value of a YAML document.</summary>
abstract record YamlValue;

/// <summary>Text, of which a plain one may be a number, true, false or nothing.</summary>
sealed record YamlText(string Text, bool IsQuoted) : YamlValue;

sealed record YamlList(IReadOnlyList<YamlValue> Items) : YamlValue;

sealed record YamlMapping(IReadOnlyList<(string Key, YamlValue Value)> Items) : YamlValue
{
    public YamlValue? this[string key] => Items.FirstOrDefault(item => item.Key == key).Value;
}
