using System.Text.Json;

namespace Earshot.Decoding.Grammars;

/// <summary>What is known of each keyword of JSON Schema, and how values of keywords are read.</summary>
static class SchemaKeywords
{
    /// <summary>Keywords that say something about a value without restricting it.</summary>
    public static readonly HashSet<string> Descriptions =
    [
        "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$id",
            "$defs",
        "definitions", "contentEncoding", "contentMediaType", "discriminator",
    ];

    /// <summary>Keywords of one type, which mean nothing for the others.</summary>
    public static readonly HashSet<string> OfObjects = ["properties", "required", "additionalProperties"],
        OfArrays = ["items", "minItems", "maxItems"],
        OfStrings = ["minLength", "maxLength", "pattern", "format"],
        OfNumbers = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

    public static readonly HashSet<string> Compiled =
        ["$ref", "type", "enum", "const", "anyOf", "oneOf", "allOf", .. OfObjects, .. OfArrays, .. OfStrings, .. OfNumbers];

    /// <summary>Keywords that restrict values and are not compiled.</summary>
    static readonly HashSet<string> s_refused =
    [
        "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "patternProperties", "propertyNames",
        "minProperties", "maxProperties", "unevaluatedProperties", "unevaluatedItems", "contains", "minContains", "maxContains",
            "uniqueItems",
        "prefixItems", "additionalItems", "$dynamicRef", "$recursiveRef",
    ];

    public static readonly string[] Types = ["string", "number", "integer", "boolean", "object", "array", "null"];

    /// <summary>Whether a keyword restricts values in a way that is not compiled; values that change nothing do not count.</summary>
    public static bool IsRefused(JsonProperty keyword) => s_refused.Contains(keyword.Name)
        && !(keyword.Name is "uniqueItems" && keyword.Value.ValueKind == JsonValueKind.False)
        && !(keyword.Name is "minProperties" && keyword.Value.ValueKind == JsonValueKind.Number && keyword.Value.GetRawText() == "0");

    /// <summary>The types that a schema names, or that its keywords are about; null for any.</summary>
    public static List<string>? TypesOf(JsonElement schema, string path)
    {
        if (schema.TryGetProperty("type", out var type))
        {
            var names = type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().ToList() : [type];
            var found = new List<string>();
            foreach (var name in names)
            {
                string? text = name.ValueKind == JsonValueKind.String ? name.GetString() : null;
                if (text is null || !Types.Contains(text))
                    throw new GrammarException(path, "type", $"expected one of {string.Join(", ", Types)}, got {Shown(name)}.");
                if (!found.Contains(text)) found.Add(text);
            }
            return found.Count > 0 ? found : throw new GrammarException(path, "type", "the list of types is empty.");
        }
        foreach (var (keywords, name) in ((HashSet<string>, string)[])
            [(OfObjects, "object"), (OfArrays, "array"), (OfStrings, "string"), (OfNumbers, "number")])
        {
            if (schema.EnumerateObject().Any(keyword => keywords.Contains(keyword.Name))) return [name];
        }
        return null;
    }

    /// <summary>A keyword's count; null where it is not there.</summary>
    public static int? Count(JsonElement schema, string keyword, string path)
    {
        if (!schema.TryGetProperty(keyword, out var value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == Math.Floor(number)
            && number is >= 0 and <= int.MaxValue
            ? (int)number : throw new GrammarException(path, keyword, $"expected a whole number of at least 0, got {Shown(value)}.");
    }

    public static string Text(JsonElement value, string path, string keyword) => value.ValueKind == JsonValueKind.String
        ? value.GetString()! : throw new GrammarException(path, keyword, $"expected a text, got {Shown(value)}.");

    public static JsonElement List(JsonElement schema, string keyword, string path)
    {
        var value = schema.GetProperty(keyword);
        return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
            ? value : throw new GrammarException(path, keyword, $"expected a list of at least one, got {Shown(value)}.");
    }

    public static bool IsOfType(JsonElement value, string type) => value.ValueKind switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number"
            || (type == "integer" && value.TryGetDouble(out double number) && number == Math.Floor(number)),
        JsonValueKind.True or JsonValueKind.False => type == "boolean",
        _ => type == "null",
    };

    public static string Shown(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length <= 60 ? text : text[..57] + "…";
    }

    /// <summary>A path with one more name, as a JSON pointer.</summary>
    public static string Below(string path, string name) =>
        $"{path}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";
}
