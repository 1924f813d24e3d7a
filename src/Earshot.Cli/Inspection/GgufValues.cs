using System.Text.Json.Nodes;

namespace Earshot.Cli.Inspection;

/// <summary>Metadata values of GGUF files as JSON; vocabularies are cut.</summary>
internal static class GgufValues
{
    /// <summary>Items of an array that are told.</summary>
    public const int MostItems = 16;

    public static JsonNode? ToJson(object value) => value switch
    {
        string text => JsonValue.Create(text),
        bool flag => JsonValue.Create(flag),
        float number => Number(number),
        double number => Number(number),
        ulong number => JsonValue.Create(number),
        Array { Length: <= MostItems } array => Items(array),
        Array array => new JsonObject { ["count"] = array.Length, ["first"] = Items(array) },
        IConvertible number => JsonValue.Create(number.ToInt64(null)),
        _ => null,
    };

    static JsonArray Items(Array array)
    {
        var items = new JsonArray();
        foreach (var item in array)
        {
            if (items.Count == MostItems) break;
            items.Add(ToJson(item!));
        }
        return items;
    }

    // JSON has no words for infinities.
    static JsonValue Number(double value) => double.IsFinite(value)
        ? JsonValue.Create(value)
        : JsonValue.Create(value.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
