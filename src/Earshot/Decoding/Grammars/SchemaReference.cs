using System.Text.Json;

namespace Earshot.Decoding.Grammars;

/// <summary>References within a schema: <c>#</c> and JSON pointers (RFC 6901).</summary>
static class SchemaReference
{
    public static JsonElement Resolve(JsonElement root, string reference, string path)
    {
        if (reference != "#" && !reference.StartsWith("#/", StringComparison.Ordinal))
            throw new GrammarException(path, "$ref", $"'{reference}' leads out of the schema; '#' and '#/…' are known.");
        var at = root;
        foreach (string part in reference.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~",
                StringComparison.Ordinal);
            bool isFound = at.ValueKind == JsonValueKind.Object ? at.TryGetProperty(name, out at)
                : at.ValueKind == JsonValueKind.Array && int.TryParse(name, out int index) && index >= 0 && index < at.GetArrayLength()
                    && (at = at[index]).ValueKind != JsonValueKind.Undefined;
            if (!isFound) throw new GrammarException(path, "$ref", $"'{reference}' leads to nothing: '{name}' is not there.");
        }
        return at;
    }
}
