using System.Buffers.Binary;
using System.Globalization;

namespace Earshot.Onnx.Graph;

/// <summary>Reads a <c>TensorProto</c>, whichever of its fields holds the elements.</summary>
sealed class OnnxTensorReader(string? folder)
{
    public (string Name, TensorData Data) Read(ProtoReader proto)
    {
        var parts = new Parts();
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: proto.Int64s(parts.Shape); break;
                case 2: parts.Type = (OnnxElementType)proto.Int32(); break;
                case 3: throw proto.Bad("a tensor in segments, which is not supported");
                case 4: proto.Fixed(parts.Fixed, sizeof(float)); break;
                case 5 or 7 or 11: proto.Int64s(parts.Integers); break;
                case 6: parts.Strings.Add(proto.Bytes()); break;
                case 8: parts.Name = proto.Text(); break;
                case 9: parts.Raw = proto.Bytes(); break;
                case 10: proto.Fixed(parts.Fixed, sizeof(double)); break;
                case 13: parts.External.Add(OnnxReader.TextPair(proto.Message("external data"))); break;
                case 14: parts.IsExternal = proto.Int32() == 1; break;
                default: proto.Skip(); break;
            }
        }
        return (parts.Name, Data(parts));
    }

    TensorData Data(Parts parts)
    {
        var shape = parts.Shape.ToArray();
        if (parts.Type == OnnxElementType.String) return TensorData.OfStrings(parts.Strings, shape, parts.Name);
        if (parts.Type.Bits() == 0) throw new OnnxModelException($"The tensor '{parts.Name}' is of the unknown type {(int)parts.Type}.");
        if (parts.IsExternal) return External(parts, shape);
        if (parts.Raw is { } raw) return new TensorData(parts.Type, shape, raw, parts.Name);
        if (parts.Integers.Count > 0) return new TensorData(parts.Type, shape, Narrow(parts), parts.Name);
        return new TensorData(parts.Type, shape, parts.Fixed.ToArray(), parts.Name);
    }

    TensorData External(Parts parts, long[] shape)
    {
        var entries = parts.External.GroupBy(entry => entry.Key).ToDictionary(group => group.Key, group => group.Last().Value);
        if (!entries.TryGetValue("location", out var location))
            throw new OnnxModelException($"The tensor '{parts.Name}' is in external data and says not where.");
        if (folder is null)
        {
            throw new OnnxModelException(
                $"The tensor '{parts.Name}' is in the file '{location}' beside its model; " +
                "read such a model from its file, not from memory.");
        }
        long offset = Number(entries, "offset", parts.Name) ?? 0;
        var data = TensorData.FromFile(parts.Type, shape, Inside(folder, location, parts.Name), offset, parts.Name);
        if (Number(entries, "length", parts.Name) is { } length && length != data.ByteLength)
        {
            throw new OnnxModelException(
                $"The tensor '{parts.Name}' of {data} takes {data.ByteLength} bytes; its external data says {length}.");
        }
        return data;
    }

    /// <summary>The full path of a file in the model's folder; a path that leads out of it, or to a root of its own, is refused.</summary>
    static string Inside(string folder, string location, string name)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar;
        if (!location.Contains('\0', StringComparison.Ordinal) && !Path.IsPathRooted(location)
            && !location.Contains('\\', StringComparison.Ordinal))
        {
            var path = Path.GetFullPath(Path.Combine(root, location));
            if (path.Length > root.Length && path.StartsWith(root, StringComparison.Ordinal)) return path;
        }
        throw new OnnxModelException($"The tensor '{name}' is said to be in '{location}', which is outside the model's folder.");
    }

    static long? Number(Dictionary<string, string> entries, string key, string name)
    {
        if (!entries.TryGetValue(key, out var text)) return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)) return number;
        throw new OnnxModelException($"The external data of the tensor '{name}' has the {key} '{text}', which is no number of bytes.");
    }

    /// <summary>Integer fields hold all types up to 64 bits, one element (of four bits: two) in each number.</summary>
    static byte[] Narrow(Parts parts)
    {
        int size = Math.Max(1, parts.Type.Bits() / 8);
        var bytes = new byte[checked(parts.Integers.Count * size)];
        Span<byte> wide = stackalloc byte[sizeof(long)];
        for (int i = 0; i < parts.Integers.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(wide, parts.Integers[i]);
            wide[..size].CopyTo(bytes.AsSpan(i * size));
        }
        return bytes;
    }

    sealed class Parts
    {
        public string Name { get; set; } = "";

        public OnnxElementType Type { get; set; }

        public List<long> Shape { get; } = [];

        public List<byte> Fixed { get; } = [];

        public List<long> Integers { get; } = [];

        public List<ReadOnlyMemory<byte>> Strings { get; } = [];

        public ReadOnlyMemory<byte>? Raw { get; set; }

        public bool IsExternal { get; set; }

        public List<(string Key, string Value)> External { get; } = [];
    }
}
