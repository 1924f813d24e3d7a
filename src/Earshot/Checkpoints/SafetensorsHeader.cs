using System.Text;
using System.Text.Json;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>One tensor as a safetensors header describes it: where its elements lie, counted from the start of the data.</summary>
sealed record SafetensorsEntry(string Name, DType Type, Shape Shape, long Begin, long End);

/// <summary>The JSON header of a safetensors file, checked against the length of the data that follows it.</summary>
sealed class SafetensorsHeader
{
    /// <summary>The limit that the format's reference implementation sets.</summary>
    public const long MaxLength = 100_000_000;

    const string MetadataKey = "__metadata__";

    readonly string _path;
    readonly long _dataLength;

    SafetensorsHeader(string path, long dataLength)
    {
        _path = path;
        _dataLength = dataLength;
    }

    public Dictionary<string, SafetensorsEntry> Entries { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Parses and checks a header.</summary>
    /// <exception cref="CheckpointException">The header is not what the format asks for.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, string path, long dataLength)
    {
        var header = new SafetensorsHeader(path, dataLength);
        try
        {
            header.ReadJson(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            throw header.Damaged($"its header is not valid JSON ({e.Message})", e);
        }
        header.CheckLayout();
        return header;
    }

    void ReadJson(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw Damaged("its header is not a JSON object", null);
        bool hasMetadata = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (name == MetadataKey)
            {
                if (hasMetadata) throw Damaged($"'{MetadataKey}' appears twice in its header", null);
                hasMetadata = true;
                ReadMetadata(ref reader);
            }
            else if (!Entries.TryAdd(name, ReadEntry(ref reader, name)))
            {
                throw Damaged($"tensor '{name}' appears twice in its header", null);
            }
        }
        // Anything but spaces after the object makes the reader throw here.
        reader.Read();
    }

    void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Damaged($"'{MetadataKey}' is not an object of strings", null);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Damaged($"'{MetadataKey}' has the key '{key}' whose value is not a string", null);
            if (!Metadata.TryAdd(key, reader.GetString()!)) throw Damaged($"'{MetadataKey}' has the key '{key}' twice", null);
        }
    }

    SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Damaged($"tensor '{name}' is not described by an object", null);
        DType? type = null;
        long[]? dimensions = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when type is null:
                    type = ReadType(ref reader, name);
                    break;
                case "shape" when dimensions is null:
                    dimensions = ReadIntegers(ref reader, name, key, Shape.MaxRank);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadIntegers(ref reader, name, key, 2);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Damaged($"tensor '{name}' has '{key}' twice", null);
                default:
                    reader.Skip();
                    break;
            }
        }
        if (type is null || dimensions is null || offsets is not { Length: 2 })
            throw Damaged($"tensor '{name}' lacks one of 'dtype', 'shape' and 'data_offsets' (two numbers)", null);
        return Check(name, type.Value, dimensions, offsets);
    }

    DType ReadType(ref Utf8JsonReader reader, string name)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return SafetensorsTypes.Parse(text)
            ?? throw Damaged($"tensor '{name}' has the dtype '{text ?? "(not a string)"}'; expected one of {SafetensorsTypes.All}", null,
                "Convert the checkpoint to one of these types.");
    }

    long[] ReadIntegers(ref Utf8JsonReader reader, string name, string key, int limit)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw Damaged($"'{key}' of tensor '{name}' is not an array", null);
        var numbers = new List<long>(limit);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
                throw Damaged($"'{key}' of tensor '{name}' holds something other than whole numbers from 0 to {long.MaxValue}", null);
            if (numbers.Count == limit) throw Damaged($"'{key}' of tensor '{name}' has more than {limit} numbers", null);
            numbers.Add(number);
        }
        return [.. numbers];
    }

    SafetensorsEntry Check(string name, DType type, long[] dimensions, long[] offsets)
    {
        (long begin, long end) = (offsets[0], offsets[1]);
        if (begin > end || end > _dataLength)
            throw Damaged($"tensor '{name}' lies at bytes {begin} to {end} of data that is {_dataLength} bytes long", null);
        Span<int> sizes = stackalloc int[dimensions.Length];
        long bytes = type.Size();
        for (int i = 0; i < dimensions.Length; i++)
        {
            if (dimensions[i] > int.MaxValue || bytes > 0 && dimensions[i] > long.MaxValue / bytes)
                throw Damaged($"tensor '{name}' has the shape [{string.Join(", ", dimensions)}], which is beyond any memory", null);
            sizes[i] = (int)dimensions[i];
            bytes *= dimensions[i];
        }
        if (bytes != end - begin)
            throw Damaged(
                $"tensor '{name}' of type {SafetensorsTypes.Name(type)} and shape [{string.Join(", ", dimensions)}] takes {bytes} bytes, " +
                $"but its offsets give it {end - begin}", null);
        return new SafetensorsEntry(name, type, new Shape(sizes), begin, end);
    }

    /// <summary>The format allows no holes and no overlaps: a byte belongs to exactly one tensor.</summary>
    void CheckLayout()
    {
        long position = 0;
        foreach (var entry in Entries.Values.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.Begin != position)
            {
                var what = entry.Begin < position ? "overlaps the tensor before it" : "leaves a hole before it";
                throw Damaged($"tensor '{entry.Name}' begins at byte {entry.Begin} of the data and {what}, which ends at {position}", null);
            }
            position = entry.End;
        }
        if (position != _dataLength)
            throw Damaged($"its tensors end at byte {position} of the data, which is {_dataLength} bytes long", null);
    }

    CheckpointException Damaged(
        string what, Exception? inner, string advice = "The file is damaged or incomplete: download or convert it again.") =>
        new($"Cannot read '{_path}' as safetensors: {what}. {advice}", inner);
}
