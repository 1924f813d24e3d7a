using System.Text.Json;
using static Earshot.Decoding.Grammars.SchemaKeywords;

namespace Earshot.Decoding.Grammars;

/// <summary>OpenAI's strict subset: what a schema must be where <c>strict</c> is asked for.</summary>
sealed class StrictSubset
{
    const int MaxProperties = 5_000, MaxLevels = 10, MaxEnumValues = 1_000, MaxCharacters = 120_000;

    static readonly HashSet<string> s_excluded = ["oneOf", "allOf", "minLength", "maxLength"];

    int _properties, _enumValues, _characters;

    StrictSubset() { }

    /// <exception cref="GrammarException">The schema is outside.</exception>
    public static void Check(JsonElement schema)
    {
        const string root = "#";
        if (schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("type", out var type)
            || type.ValueKind != JsonValueKind.String
            || type.GetString() != "object")
            throw new GrammarException(root, schema.ValueKind == JsonValueKind.Object ? "type" : null,
                "a strict schema is an object with 'type': 'object'.");
        if (schema.TryGetProperty("anyOf", out _))
            throw new GrammarException(root, "anyOf", "it is not allowed at the root of a strict schema.");
        new StrictSubset().Check(schema, root, 0);
    }

    void Check(JsonElement schema, string path, int level)
    {
        if (schema.ValueKind != JsonValueKind.Object)
            throw new GrammarException(path, null, $"a strict schema is an object, got {Shown(schema)}.");
        foreach (var keyword in schema.EnumerateObject())
        {
            if (s_excluded.Contains(keyword.Name) || !(Compiled.Contains(keyword.Name) || Descriptions.Contains(keyword.Name)))
                throw new GrammarException(path, keyword.Name, "it is not allowed in a strict schema.");
            if (keyword.Name is "enum" && keyword.Value.ValueKind == JsonValueKind.Array) CheckEnum(keyword.Value, path);
            if (keyword.Name is "const") Count(keyword.Value.GetRawText().Length, path, "const");
            if (keyword.Name is "$defs" or "definitions" or "properties") CheckAll(keyword, path, level);
            if (keyword.Name is "items") Check(keyword.Value, $"{path}/items", level + 1);
            if (keyword.Name is not "anyOf" || keyword.Value.ValueKind != JsonValueKind.Array) continue;
            int index = 0;
            foreach (var branch in keyword.Value.EnumerateArray()) Check(branch, $"{path}/anyOf/{index++}", level);
        }
        CheckFormat(schema, path);
        if (TypesOf(schema, path)?.Contains("object") == true) CheckObject(schema, path, level);
    }

    static void CheckFormat(JsonElement schema, string path)
    {
        if (schema.TryGetProperty("format", out var format) && JsonTexts.FormatPattern(Text(format, path, "format")) is null)
            throw new GrammarException(path, "format", $"{Shown(format)} is not known; known are {string.Join(", ", JsonTexts.Formats)}.");
    }

    void CheckAll(JsonProperty schemas, string path, int level)
    {
        if (schemas.Value.ValueKind != JsonValueKind.Object)
            throw new GrammarException(path, schemas.Name, $"expected an object, got {Shown(schemas.Value)}.");
        bool isProperties = schemas.Name == "properties";
        foreach (var schema in schemas.Value.EnumerateObject())
        {
            if (isProperties && ++_properties > MaxProperties)
                throw new GrammarException(path, schemas.Name, $"a strict schema has at most {MaxProperties} properties in all.");
            Count(schema.Name.Length, path, schemas.Name);
            Check(schema.Value, Below($"{path}/{schemas.Name}", schema.Name), isProperties ? level + 1 : 0);
        }
    }

    static void CheckObject(JsonElement schema, string path, int level)
    {
        if (level > MaxLevels) throw new GrammarException(path, null, $"a strict schema has at most {MaxLevels} levels.");
        if (!schema.TryGetProperty("additionalProperties", out var additional) || additional.ValueKind != JsonValueKind.False)
            throw new GrammarException(path, "additionalProperties", "it must be false in a strict schema.");
        var required = schema.TryGetProperty("required", out var names) && names.ValueKind == JsonValueKind.Array
            ? names.EnumerateArray().Select(name => name.ToString()).ToHashSet() : [];
        var properties = schema.TryGetProperty("properties", out var all) ? all.EnumerateObject().Select(property => property.Name) : [];
        var missing = properties.Where(name => !required.Remove(name)).Take(1).ToList();
        if (missing.Count > 0)
            throw new GrammarException(path, "required",
                $"a strict schema requires all properties; '{missing[0]}' is missing. Allow null where it is optional.");
        if (required.Count > 0) throw new GrammarException(path, "required", $"'{required.First()}' is no property of the schema.");
    }

    void CheckEnum(JsonElement values, string path)
    {
        _enumValues += values.GetArrayLength();
        if (_enumValues > MaxEnumValues)
            throw new GrammarException(path, "enum", $"a strict schema has at most {MaxEnumValues} values in all.");
        foreach (var value in values.EnumerateArray()) Count(value.GetRawText().Length, path, "enum");
    }

    void Count(int characters, string path, string keyword)
    {
        _characters += characters;
        if (_characters > MaxCharacters)
            throw new GrammarException(path, keyword, $"a strict schema has at most {MaxCharacters} characters of names and values.");
    }
}
