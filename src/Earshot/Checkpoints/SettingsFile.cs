using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Earshot.Checkpoints;

/// <summary>
/// A JSON file of settings whose values are checked as they are read; every error names the file, the key, what was expected and what was
/// there.
/// </summary>
sealed class SettingsFile : IDisposable
{
    const long MaxLength = 100_000_000;

    readonly JsonDocument _document;
    readonly string _prefix;

    SettingsFile(string path, JsonDocument document) : this(path, document, document.RootElement, "") { }

    SettingsFile(string path, JsonDocument document, JsonElement root, string prefix)
    {
        Path = path;
        _document = document;
        _prefix = prefix;
        Root = root;
    }

    public string Path { get; }

    public JsonElement Root { get; }

    /// <summary>Reads a file that must be there; <paramref name="purpose"/> finishes the sentence "the file …".</summary>
    public static SettingsFile Open(string path, string purpose) =>
        OpenIfPresent(path) ?? throw new CheckpointException(
            $"There is no '{path}', the file that {purpose}. Point to a complete model folder in Hugging Face format, " +
            "or download the model again.");

    /// <summary>Reads a file, or gives null where there is none.</summary>
    public static SettingsFile? OpenIfPresent(string path)
    {
        byte[] bytes;
        try
        {
            if (!File.Exists(path)) return null;
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (stream.Length > MaxLength)
                throw new CheckpointException($"'{path}' is {stream.Length} bytes long; expected a JSON file of at most {MaxLength}.");
            bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}': {e.Message}", e);
        }
        return Parse(path, bytes);
    }

    public static SettingsFile Parse(string path, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Span.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        JsonDocument document;
        try
        {
            CheckText(bytes.Span);
            document = JsonDocument.Parse(bytes, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip });
            RequireUniqueNames(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"'{path}' is not valid JSON: {e.Message} Repair or download it again.", e);
        }
        if (document.RootElement.ValueKind == JsonValueKind.Object) return new SettingsFile(path, document);
        var kind = document.RootElement.ValueKind;
        document.Dispose();
        throw new CheckpointException($"'{path}' holds a JSON {kind}; expected an object of settings.");
    }

    // The parser's own check of this wants random numbers, and for them a cryptographic library on Linux.
    static void RequireUniqueNames(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
                if (item.ValueKind is JsonValueKind.Array or JsonValueKind.Object) RequireUniqueNames(item);
        }
        if (element.ValueKind != JsonValueKind.Object) return;
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var property in element.EnumerateObject())
        {
            if (!names.Add(property.Name)) throw new JsonException($"the property '{property.Name}' appears twice.");
            RequireUniqueNames(property.Value);
        }
    }

    public bool Has(string key) => Root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public int Integer(string key, int minimum, int maximum) =>
        OptionalInteger(key, minimum, maximum) ?? throw Wrong(key, Range(minimum, maximum), "nothing");

    public int? OptionalInteger(string key, int minimum, int maximum) =>
        Has(key) ? AsInteger(Root.GetProperty(key), key, minimum, maximum) : null;

    public int AsInteger(JsonElement value, string key, int minimum, int maximum)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out int number) || number < minimum || number > maximum)
            throw Wrong(key, Range(minimum, maximum), value.GetRawText());
        return number;
    }

    public bool Flag(string key, bool absent)
    {
        if (!Has(key)) return absent;
        var value = Root.GetProperty(key);
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw Wrong(key, "true or false", value.GetRawText());
    }

    public string? OptionalText(string key)
    {
        if (!Has(key)) return null;
        var value = Root.GetProperty(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(key, "a string", value.GetRawText());
    }

    /// <summary>An array of integers, or null where the key is absent or null.</summary>
    public int[]? OptionalIntegers(string key, int minimum, int maximum)
    {
        if (!Has(key)) return null;
        return [.. Array(Root.GetProperty(key), key).Select(item => AsInteger(item, key, minimum, maximum))];
    }

    /// <summary>A number that is finite.</summary>
    public double Number(string key, double minimum, double maximum)
    {
        var expected = $"a number from {minimum} to {maximum}";
        if (!Has(key)) throw Wrong(key, expected, "nothing");
        var value = Root.GetProperty(key);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || !(number >= minimum && number <= maximum))
            throw Wrong(key, expected, value.GetRawText());
        return number;
    }

    /// <summary>Refuses any value but one, so that nothing in the file is silently not obeyed.</summary>
    public void Only(string key, string value)
    {
        var text = Has(key) ? Root.GetProperty(key).GetRawText() : "nothing";
        bool same = double.TryParse(value, CultureInfo.InvariantCulture, out double expected) && Has(key)
            && Root.GetProperty(key) is { ValueKind: JsonValueKind.Number } number
            ? number.TryGetDouble(out double got) && got == expected
            : text == value;
        if (!same) throw Wrong(key, $"{value}, the only value that is implemented", text);
    }

    /// <summary>The same of a key that may be absent.</summary>
    public void OnlyIfPresent(string key, string value)
    {
        if (Has(key)) Only(key, value);
    }

    /// <summary>The settings below a key, which speak of themselves with the key before their own.</summary>
    public SettingsFile Section(string key) =>
        AsSection(Has(key) ? Root.GetProperty(key) : throw Wrong(key, "an object of settings", "nothing"), key);

    /// <summary>The settings of an object value; they end with the file that they are in.</summary>
    public SettingsFile AsSection(JsonElement value, string key) =>
        value.ValueKind == JsonValueKind.Object
            ? new SettingsFile(Path, _document, value, $"{_prefix}{key}.")
            : throw Wrong(key, "an object of settings", value.GetRawText());

    /// <summary>The items of an array value.</summary>
    public IEnumerable<JsonElement> Array(JsonElement value, string key) =>
        value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Wrong(key, "an array", value.GetRawText());

    /// <summary>An object of integers by name, or null where the key is absent or null.</summary>
    public Dictionary<string, int>? OptionalIntegersByName(string key, int minimum, int maximum)
    {
        if (!Has(key)) return null;
        var value = Root.GetProperty(key);
        if (value.ValueKind != JsonValueKind.Object) throw Wrong(key, "an object of integers by name", value.GetRawText());
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var property in value.EnumerateObject())
            numbers.Add(property.Name, AsInteger(property.Value, key, minimum, maximum));
        return numbers;
    }

    public CheckpointException Wrong(string key, string expected, string got) =>
        new(
            $"'{Path}': '{_prefix}{key}' should be {expected}; got {(got.Length > 100 ? got[..100] + "…" : got)}. " +
            "Correct the file or download it again.");

    public void Dispose() => _document.Dispose();

    /// <summary>Text that is not valid Unicode would otherwise be noticed only where it is used, in any of many places.</summary>
    static void CheckText(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json)) throw new JsonException("It is not UTF-8.");
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip });
        while (reader.Read())
        {
            if (reader.ValueIsEscaped) reader.GetString();
        }
    }

    static string Range(int minimum, int maximum) => $"an integer from {minimum} to {maximum}";
}
