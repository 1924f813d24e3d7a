using System.Text.Json;
using System.Text.Json.Nodes;

namespace Earshot.Decoding.Grammars;

/// <summary>Schemas of all keywords, drawn at random; some hold what nothing satisfies.</summary>
sealed class RandomSchemas(Random random)
{
    static readonly string[] s_names = ["a", "ab", "straße", "a\"b", "日本", "x/y~z", "\n"];
    static readonly string[] s_patterns =
        ["^[a-z]{2,5}$", "\\d+", "^(foo|bar|baz)+$", "[^\\x00-\\x1f]x$", "^\"?\\\\?$", "^[ä-ü€😀]*$", "^.{0,3}$", "(a|b)*abb",
            "^\\S+ \\w?$"];
    static readonly string[] s_formats = ["date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri-like"];

    public JsonElement Next()
    {
        var schema = Object(2);
        schema["$defs"] = new JsonObject { ["node"] = Object(1, "#/$defs/node"), ["leaf"] = Value(0, null) };
        return JsonDocument.Parse(schema.ToJsonString()).RootElement;
    }

    JsonObject Value(int depth, string? reference) => random.Next(depth > 0 ? 15 : 9) switch
    {
        0 => new JsonObject { ["type"] = "boolean" },
        1 => new JsonObject { ["type"] = new JsonArray("string", "null"), ["description"] = "either" },
        2 => String(),
        3 => Number(),
        4 => new JsonObject { ["enum"] = new JsonArray(1, "he said \"x\"", "C:\\n", "\n", "ß😀", "a", "ab", null, 1.5, true) },
        5 => new JsonObject { ["const"] = random.Next(2) == 0 ? "done" : new JsonObject { ["k"] = new JsonArray(1, "x") } },
        6 => new JsonObject { ["type"] = "integer", ["multipleOf"] = random.Next(1, 40) },
        7 => new JsonObject { ["type"] = "number", ["multipleOf"] = random.Next(1, 40) / 100m, ["minimum"] = random.Next(-9, 9) },
        8 => String(),
        9 or 10 => Array(depth, reference),
        11 => new JsonObject
        {
            ["anyOf"] = new JsonArray(Value(depth - 1, null), Object(depth - 1), new JsonObject { ["type"] = "null" }),
        },
        12 when reference is not null => new JsonObject
        {
            ["anyOf"] = new JsonArray(new JsonObject { ["$ref"] = reference }, new JsonObject { ["type"] = "null" }),
        },
        12 => new JsonObject { ["$ref"] = "#/$defs/node" },
        13 => new JsonObject { ["$ref"] = "#/$defs/leaf" },
        _ => Object(depth - 1, reference),
    };

    JsonObject Object(int depth, string? reference = null)
    {
        var properties = new JsonObject();
        foreach (string name in s_names.OrderBy(_ => random.Next()).Take(random.Next(4))) properties[name] = Value(depth, reference);
        var schema = new JsonObject { ["type"] = "object", ["properties"] = properties };
        var required = properties.Where(_ => random.Next(3) > 0).Select(property => (JsonNode)property.Key).ToArray();
        if (random.Next(4) > 0) schema["required"] = new JsonArray(required);
        if (random.Next(3) == 0) schema["additionalProperties"] = random.Next(2) == 0 ? false : Value(0, null);
        return schema;
    }

    JsonObject Array(int depth, string? reference)
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = Value(depth - 1, reference) };
        if (random.Next(2) == 0) schema["minItems"] = random.Next(4);
        if (random.Next(2) == 0) schema["maxItems"] = random.Next(6);
        return schema;
    }

    JsonObject String()
    {
        var schema = new JsonObject { ["type"] = "string" };
        int kind = random.Next(6);
        if (kind == 0) schema["pattern"] = s_patterns[random.Next(s_patterns.Length)];
        if (kind == 1) schema["format"] = s_formats[random.Next(s_formats.Length)];
        if (kind is 2 or 0 && random.Next(2) == 0) schema["minLength"] = random.Next(5);
        if (kind is 2 or 0 && random.Next(2) == 0) schema["maxLength"] = random.Next(12);
        return schema;
    }

    JsonObject Number()
    {
        var schema = new JsonObject { ["type"] = random.Next(2) == 0 ? "integer" : "number" };
        if (random.Next(3) > 0) schema[random.Next(2) == 0 ? "minimum" : "exclusiveMinimum"] = Bound();
        if (random.Next(3) > 0) schema[random.Next(2) == 0 ? "maximum" : "exclusiveMaximum"] = Bound();
        return schema;
    }

    decimal Bound() => random.Next(3) switch
    {
        0 => random.Next(-120, 1200),
        1 => random.Next(-12_000, 12_000) / 100m,
        _ => random.Next(-10, 10),
    };
}
