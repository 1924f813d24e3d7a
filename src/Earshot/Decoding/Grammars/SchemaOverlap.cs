using System.Text.Json;
using static Earshot.Decoding.Grammars.SchemaKeywords;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// Whether the schemas of a <c>oneOf</c> exclude each other, so that one of them is any of them: by their types, or by a required property
/// with other constants in each.
/// </summary>
static class SchemaOverlap
{
    const int MaxSchemas = 200;

    public static void Check(IReadOnlyList<JsonElement> schemas, string path, JsonElement root)
    {
        if (schemas.Count > MaxSchemas) throw new GrammarException(path, "oneOf", $"it has more than {MaxSchemas} schemas; write 'anyOf'.");
        var resolved = schemas.Select(schema => Follow(schema, path, root)).ToList();
        for (int i = 0; i < resolved.Count; i++)
            for (int j = 0; j < i; j++)
                if (!AreDisjoint(resolved[i], resolved[j], path, root))
                    throw new GrammarException(path, "oneOf", $"the schemas {j} and {i} may both hold; write 'anyOf' if one is enough.");
    }

    static bool AreDisjoint(JsonElement left, JsonElement right, string path, JsonElement root)
    {
        if (left.ValueKind != JsonValueKind.Object || right.ValueKind != JsonValueKind.Object) return left.ValueKind == JsonValueKind.False
            || right.ValueKind == JsonValueKind.False;
        if (Constants(left) is { } values && Constants(right) is { } others) return !values.Overlaps(others);
        if (Named(left, path) is not { } types || Named(right, path) is not { } otherTypes) return false;
        if (!types.Exists(type =>
            otherTypes.Exists(other => type == other || (type, other) is ("number", "integer") or ("integer", "number"))))
            return true;
        if (types is not ["object"] || otherTypes is not ["object"]) return false;
        return Required(left).Intersect(Required(right)).Any(name =>
            Property(left, name, path, root) is { } one && Property(right, name, path, root) is { } two
            && Constants(one) is { } constants && Constants(two) is { } otherConstants && !constants.Overlaps(otherConstants));
    }

    static List<string>? Named(JsonElement schema, string path) => schema.TryGetProperty("type", out _) ? TypesOf(schema, path) : null;

    static HashSet<string>? Constants(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object) return null;
        if (schema.TryGetProperty("const", out var constant)) return IsSimple(constant) ? [JsonTexts.Compact(constant)] : null;
        return schema.TryGetProperty("enum", out var values) && values.ValueKind == JsonValueKind.Array
            && values.EnumerateArray().All(IsSimple)
            ? [.. values.EnumerateArray().Select(JsonTexts.Compact)] : null;
    }

    /// <summary>Whether equal values are written in the same way.</summary>
    static bool IsSimple(JsonElement value) =>
        value.ValueKind is JsonValueKind.String or JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null
        || (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _) && value.GetRawText() != "-0");

    static IEnumerable<string> Required(JsonElement schema) =>
        schema.TryGetProperty("required", out var names) && names.ValueKind == JsonValueKind.Array
            ? names.EnumerateArray().Where(name => name.ValueKind == JsonValueKind.String).Select(name => name.GetString()!) : [];

    static JsonElement? Property(JsonElement schema, string name, string path, JsonElement root) =>
        schema.TryGetProperty("properties", out var all) && all.ValueKind == JsonValueKind.Object && all.TryGetProperty(name, out var value)
            ? Follow(value, path, root) : null;

    static JsonElement Follow(JsonElement schema, string path, JsonElement root)
    {
        for (int i = 0; i < 32 && schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("$ref", out var reference); i++)
            schema = SchemaReference.Resolve(root, Text(reference, path, "$ref"), path);
        return schema;
    }
}
