using System.Text.Json;
using Earshot.Chat;
using static Earshot.Decoding.Grammars.SchemaKeywords;

namespace Earshot.Decoding.Grammars;

sealed partial class SchemaCompiler
{
    Dfa StringOf(JsonElement schema, string path)
    {
        var parts = new List<Dfa>();
        var least = Count(schema, "minLength", path);
        var most = Count(schema, "maxLength", path);
        if (most < (least ?? 0)) throw new GrammarException(path, "maxLength", $"it is {most}, below minLength, {least}.");
        if (least > 0 || most is not null)
            parts.Add(Guard(path, most is null ? "minLength" : "maxLength", () =>
                JsonTexts.StringOfLength(least ?? 0, most, _builder.Budget)));
        if (schema.TryGetProperty("pattern", out var pattern))
            parts.Add(Guard(path, "pattern", () => JsonTexts.StringWith(Text(pattern, path, "pattern"), _builder.Budget)));
        // Formats that are not known only describe, as the standard has it.
        if (schema.TryGetProperty("format", out var format) && JsonTexts.FormatPattern(Text(format, path, "format")) is { } known)
            parts.Add(Guard(path, "format", () => JsonTexts.StringWith($"^({known})$", _builder.Budget)));
        if (parts.Count == 0) return JsonTexts.String;
        return Guard(path, schema.TryGetProperty("pattern", out _) ? "pattern" : "format", () =>
            parts.Aggregate((left, right) => DfaBuilder.Intersect(left, right, _builder.Budget)));
    }

    Dfa NumberOf(JsonElement schema, string path, bool isInteger)
    {
        string? multipleOf = null;
        var bounds = new List<(string, bool, bool)>();
        string keyword = "type";
        foreach (var (name, isLower, isInclusive) in ((string, bool, bool)[])
            [("minimum", true, true), ("exclusiveMinimum", true, false), ("maximum", false, true), ("exclusiveMaximum", false, false)])
        {
            if (!schema.TryGetProperty(name, out var bound)) continue;
            if (bound.ValueKind != JsonValueKind.Number) throw new GrammarException(path, name, $"expected a number, got {Shown(bound)}.");
            bounds.Add((bound.GetRawText(), isLower, isInclusive));
            keyword = name;
        }
        if (schema.TryGetProperty("multipleOf", out var multiple))
        {
            keyword = "multipleOf";
            multipleOf = multiple.GetRawText();
        }
        if (bounds.Count == 0 && multipleOf is null) return isInteger ? JsonTexts.Integer : JsonTexts.Number;
        return Guard(path, keyword, () =>
        {
            var numbers = new NumberRange(isInteger, bounds.Take(2), multipleOf).Compile(_builder.Budget);
            return bounds.Count <= 2 ? numbers : DfaBuilder.Intersect(
                numbers, new NumberRange(isInteger, bounds.Skip(2), null).Compile(_builder.Budget), _builder.Budget);
        });
    }

    GrammarNode ObjectOf(JsonElement schema, Place at, GrammarNode next)
    {
        var properties = PropertiesOf(schema, at.Path, out var additional);
        int depth = at.Depth + 1;
        var inside = at with { Depth = depth };
        GrammarNode close = _builder.Literal("}", next, depth), first = close, later = close;
        if (additional is { } other)
        {
            var key = Guard(at.Path, "additionalProperties", () =>
                JsonTexts.StringExcept(properties.Select(property => property.Name), _builder.Budget));
            var rule = RuleOf(other, other.ValueKind == JsonValueKind.True ? "any" : $"{at.Path}/additionalProperties");
            GrammarNode Other(GrammarNode after) => _builder.Call(rule, after, depth);
            first = _any.Members(key, Other, close, depth, isFirst: true);
            later = _any.Members(key, Other, close, depth, isFirst: false);
        }
        int firstRequired = properties.FindIndex(property => property.IsRequired);
        for (int i = properties.Count - 1; i >= 0; i--)
        {
            var (name, value, isRequired) = properties[i];
            if (value.ValueKind == JsonValueKind.False && !isRequired) continue;
            var written = Value(value, inside with { Path = Below($"{at.Path}/properties", name) }, later);
            string text = ChatJson.Quote(name) + _builder.Colon;
            // Whether a comma comes before it depends on whether anything does, which is sure behind the first that is required.
            bool mayBeFirst = firstRequired < 0 || i <= firstRequired;
            var alone = mayBeFirst ? _builder.Literal(text, written, depth) : first;
            if (i > 0) later = Optional(_builder.Literal(_builder.Comma + text, written, depth), later, isRequired);
            first = mayBeFirst ? Optional(alone, first, isRequired) : first;
        }
        return _builder.Literal("{", first, depth);
    }

    GrammarNode Optional(GrammarNode written, GrammarNode leftOut, bool isRequired) =>
        isRequired ? written : _builder.Split(written, leftOut);

    /// <summary>The keys that can be written, in order, and the schema of others, if there may be others.</summary>
    static List<(string Name, JsonElement Value, bool IsRequired)> PropertiesOf(
        JsonElement schema, string path, out JsonElement? additional)
    {
        var required = new List<string>();
        if (schema.TryGetProperty("required", out var names))
        {
            if (names.ValueKind != JsonValueKind.Array)
                throw new GrammarException(path, "required", $"expected a list, got {Shown(names)}.");
            required.AddRange(names.EnumerateArray().Select(name => Text(name, path, "required")));
        }
        var isRequired = required.ToHashSet(StringComparer.Ordinal);
        var found = new List<(string Name, JsonElement Value, bool IsRequired)>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        if (schema.TryGetProperty("properties", out var properties))
        {
            if (properties.ValueKind != JsonValueKind.Object)
                throw new GrammarException(path, "properties", $"expected an object, got {Shown(properties)}.");
            foreach (var property in properties.EnumerateObject())
            {
                if (!known.Add(property.Name)) throw new GrammarException(path, "properties", $"'{property.Name}' is there twice.");
                found.Add((property.Name, property.Value, isRequired.Contains(property.Name)));
            }
        }
        bool isSaid = schema.TryGetProperty("additionalProperties", out var others);
        additional = isSaid ? others.ValueKind == JsonValueKind.False ? null : others : found.Count == 0 ? s_true : null;
        foreach (string name in required)
        {
            if (!known.Add(name)) continue;
            if (isSaid && others.ValueKind == JsonValueKind.False)
                throw new GrammarException(path, "required", $"'{name}' is no property, and others are not allowed.");
            found.Add((name, isSaid ? others : s_true, true));
        }
        return found;
    }
}
