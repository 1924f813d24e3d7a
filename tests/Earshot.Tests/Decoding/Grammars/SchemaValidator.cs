using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// JSON Schema's meaning of a value, by itself and without hurry: nothing of the automata is used. Numbers are compared as fractions of
/// whole numbers.
/// </summary>
sealed class SchemaValidator(JsonElement root)
{
    public static bool IsValid(JsonElement schema, JsonElement value) => new SchemaValidator(schema).Holds(schema, value);

    bool Holds(JsonElement schema, JsonElement value)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False) return schema.ValueKind == JsonValueKind.True;
        return schema.EnumerateObject().All(keyword => Holds(keyword, schema, value));
    }

    bool Holds(JsonProperty keyword, JsonElement schema, JsonElement value)
    {
        var said = keyword.Value;
        bool isNumber = value.ValueKind == JsonValueKind.Number, isText = value.ValueKind == JsonValueKind.String;
        return keyword.Name switch
        {
            "$ref" => Holds(Resolve(said.GetString()!), value),
            "type" => said.ValueKind == JsonValueKind.Array
                ? said.EnumerateArray().Any(type => IsOfType(type.GetString()!, value)) : IsOfType(said.GetString()!, value),
            "enum" => said.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value)),
            "const" => JsonElement.DeepEquals(said, value),
            "anyOf" => said.EnumerateArray().Any(one => Holds(one, value)),
            "oneOf" => said.EnumerateArray().Count(one => Holds(one, value)) == 1,
            "allOf" => said.EnumerateArray().All(one => Holds(one, value)),
            "minimum" => !isNumber || Compare(value, said) >= 0,
            "maximum" => !isNumber || Compare(value, said) <= 0,
            "exclusiveMinimum" => !isNumber || Compare(value, said) > 0,
            "exclusiveMaximum" => !isNumber || Compare(value, said) < 0,
            "multipleOf" => !isNumber || IsMultiple(value, said),
            "minLength" => !isText || value.GetString()!.EnumerateRunes().Count() >= said.GetInt32(),
            "maxLength" => !isText || value.GetString()!.EnumerateRunes().Count() <= said.GetInt32(),
            "pattern" => !isText || Regex.IsMatch(value.GetString()!, said.GetString()!, RegexOptions.ECMAScript),
            "format" => !isText || HasFormat(value.GetString()!, said.GetString()!),
            "minItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= said.GetInt32(),
            "maxItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= said.GetInt32(),
            "items" => value.ValueKind != JsonValueKind.Array || value.EnumerateArray().All(item => Holds(said, item)),
            "required" => value.ValueKind != JsonValueKind.Object
                || said.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _)),
            "properties" => value.ValueKind != JsonValueKind.Object || value.EnumerateObject().All(property =>
                !said.TryGetProperty(property.Name, out var one) || Holds(one, property.Value)),
            "additionalProperties" => value.ValueKind != JsonValueKind.Object || value.EnumerateObject().All(property =>
                (schema.TryGetProperty("properties", out var all) && all.TryGetProperty(property.Name, out _))
                    || Holds(said, property.Value)),
            "$defs" or "title" or "description" or "default" or "$schema" => true,
            _ => throw new NotSupportedException(keyword.Name),
        };
    }

    JsonElement Resolve(string reference)
    {
        var at = root;
        foreach (string name in reference.Split('/').Skip(1)) at = at.GetProperty(name);
        return at;
    }

    static bool IsOfType(string type, JsonElement value) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "null" => value.ValueKind == JsonValueKind.Null,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && !value.GetRawText().AsSpan().ContainsAny(".eE"),
        _ => throw new NotSupportedException(type),
    };

    static bool HasFormat(string text, string format) => format switch
    {
        "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "time" => DateTimeOffset.TryParse($"2020-01-02T{text}", CultureInfo.InvariantCulture, out _),
        "date-time" => text.Length > 18 && HasFormat(text[..10], "date") && HasFormat(text[11..], "time"),
        "uuid" => Guid.TryParseExact(text, "D", out _),
        "ipv4" => System.Net.IPAddress.TryParse(text, out var address) && address.ToString() == text,
        "ipv6" => System.Net.IPAddress.TryParse(text, out var long6)
            && long6.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
        "email" => System.Net.Mail.MailAddress.TryCreate(text, out var mail) && mail.Address == text,
        "hostname" => text.Length <= 253
            && text.Split('.').All(label => Regex.IsMatch(label, "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")),
        "duration" => Regex.IsMatch(text, @"^P(?!$)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)$"),
        _ => true,
    };

    static int Compare(JsonElement value, JsonElement bound)
    {
        var (left, leftScale) = Exact(value);
        var (right, rightScale) = Exact(bound);
        return (left * BigInteger.Pow(10, rightScale)).CompareTo(right * BigInteger.Pow(10, leftScale));
    }

    static bool IsMultiple(JsonElement value, JsonElement of)
    {
        var (left, leftScale) = Exact(value);
        var (right, rightScale) = Exact(of);
        return left * BigInteger.Pow(10, rightScale) % (right * BigInteger.Pow(10, leftScale)) == 0;
    }

    /// <summary>A number without exponent as a whole one over a power of ten.</summary>
    static (BigInteger Number, int Scale) Exact(JsonElement value)
    {
        string text = value.GetRawText();
        int point = text.IndexOf('.', StringComparison.Ordinal);
        return (BigInteger.Parse(text.Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture), point < 0 ? 0
            : text.Length - point - 1);
    }
}
