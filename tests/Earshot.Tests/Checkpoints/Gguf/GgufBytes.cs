using System.Text;

namespace Earshot.Checkpoints.Gguf;

/// <summary>Writes GGUF files for tests.</summary>
sealed class GgufBytes
{
    readonly List<(string Key, Action<BinaryWriter> Value)> _metadata = [];
    readonly List<(string Name, long[] Sizes, uint Type, byte[] Data)> _tensors = [];

    public GgufBytes Text(string key, string value) => Add(key, 8, writer => Write(writer, value));

    public GgufBytes Number(string key, uint value) => Add(key, 4, writer => writer.Write(value));

    public GgufBytes Short(string key, ushort value) => Add(key, 2, writer => writer.Write(value));

    public GgufBytes Add(string key, uint type, Action<BinaryWriter> value)
    {
        _metadata.Add((key, writer =>
        {
            writer.Write(type);
            value(writer);
        }
        ));
        return this;
    }

    /// <summary>An array, whose elements the caller writes.</summary>
    public GgufBytes Array(string key, uint type, long count, Action<BinaryWriter> elements) => Add(key, 9, writer =>
    {
        writer.Write(type);
        writer.Write(count);
        elements(writer);
    });

    public GgufBytes Tensor(string name, long[] sizes, uint type, byte[] data)
    {
        _tensors.Add((name, sizes, type, data));
        return this;
    }

    /// <summary>A tensor of float32.</summary>
    public GgufBytes Floats(string name, params float[] values) =>
        Tensor(name, [values.Length], 0, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    public static void Write(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }

    public byte[] ToArray()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)_tensors.Count);
        writer.Write((long)_metadata.Count);
        foreach (var (key, value) in _metadata)
        {
            Write(writer, key);
            value(writer);
        }
        long offset = 0;
        foreach (var (name, sizes, type, data) in _tensors)
        {
            Write(writer, name);
            writer.Write(sizes.Length);
            foreach (long size in sizes) writer.Write(size);
            writer.Write(type);
            writer.Write(offset);
            offset += (data.Length + 31) / 32 * 32;
        }
        foreach (var (_, _, _, data) in _tensors)
        {
            writer.Write(new byte[(32 - stream.Position % 32) % 32]);
            writer.Write(data);
        }
        return stream.ToArray();
    }
}
