using System.Text;
using Earshot.Checkpoints.Gguf;

namespace Earshot.PeerBench;

/// <summary>Writes a GGUF file of version 3: metadata, then tensors in the order in which they were added.</summary>
internal sealed class GgufWriter
{
    const int Alignment = 32;

    readonly List<(string Key, object Value)> _metadata = [];
    readonly List<(string Name, int[] Shape, uint Type, long Bytes, Action<Stream> Write)> _tensors = [];

    /// <summary>A value: text, a whole number of 32 bits, float32, a bool, or an array of text or of whole numbers.</summary>
    public void Add(string key, object value) => _metadata.Add((key, value));

    /// <summary>A tensor of a row-major shape, whose bytes are written when the file is.</summary>
    public void Add(string name, int[] shape, GgmlType type, Action<Stream> write) =>
        _tensors.Add((name, shape, type.Id, type.BytesOf(shape.Aggregate(1L, (product, size) => product * size)), write));

    public void Write(string path)
    {
        using var file = File.Create(path, 1 << 20);
        using var writer = new BinaryWriter(file, Encoding.UTF8);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)_tensors.Count);
        writer.Write((long)_metadata.Count);
        foreach (var (key, value) in _metadata)
        {
            WriteText(writer, key);
            writer.Write((int)TypeOf(value));
            WriteValue(writer, value);
        }
        long offset = 0;
        foreach (var (name, shape, type, bytes, _) in _tensors)
        {
            WriteText(writer, name);
            writer.Write(shape.Length);
            foreach (int size in shape.Reverse()) writer.Write((long)size);
            writer.Write(type);
            writer.Write(offset);
            offset += Aligned(bytes);
        }
        foreach (var (_, _, _, bytes, write) in _tensors)
        {
            Pad(writer);
            long start = Position(writer);
            write(file);
            if (Position(writer) - start != bytes)
                throw new InvalidOperationException($"{file.Position - start} bytes of {bytes} were written.");
        }
        Pad(writer);
    }

    static void Pad(BinaryWriter writer)
    {
        for (long left = Aligned(Position(writer)) - Position(writer); left > 0; left--) writer.Write((byte)0);
    }

    static long Position(BinaryWriter writer)
    {
        writer.Flush();
        return writer.BaseStream.Position;
    }

    static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    static GgufValueType TypeOf(object value) => value switch
    {
        byte => GgufValueType.UInt8,
        uint => GgufValueType.UInt32,
        int => GgufValueType.Int32,
        float => GgufValueType.Float32,
        bool => GgufValueType.Boolean,
        string => GgufValueType.Text,
        long => GgufValueType.Int64,
        ulong => GgufValueType.UInt64,
        Array => GgufValueType.Array,
        _ => throw new ArgumentException($"A value of {value.GetType()} is not written.", nameof(value)),
    };

    static void WriteValue(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case byte number: writer.Write(number); break;
            case uint number: writer.Write(number); break;
            case int number: writer.Write(number); break;
            case float number: writer.Write(number); break;
            case bool flag: writer.Write(flag); break;
            case string text: WriteText(writer, text); break;
            case long number: writer.Write(number); break;
            case ulong number: writer.Write(number); break;
            default:
                var array = (Array)value;
                writer.Write((int)(array.Length == 0 ? GgufValueType.Text : TypeOf(array.GetValue(0)!)));
                writer.Write((long)array.Length);
                foreach (var element in array) WriteValue(writer, element);
                break;
        }
    }

    static void WriteText(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }
}
