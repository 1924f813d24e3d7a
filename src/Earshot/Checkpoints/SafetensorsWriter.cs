using System.Buffers.Binary;
using System.Text.Json;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>A tensor to be written: its description, and a callback that writes exactly its bytes (little-endian, row-major).</summary>
public sealed record TensorToWrite(string Name, DType Type, Shape Shape, Action<Stream> WriteBytes)
{
    /// <summary>
    /// The file offset is a multiple of this, so that the mapped bytes can be used as they are; the length must be one too.
    /// </summary>
    public int FileAlignment { get; init; } = 1;

    public long ByteLength => checked(Shape.Count * Type.Size());
}

/// <summary>Writes safetensors files tensor by tensor, so that no more than one of them is in memory.</summary>
public static class SafetensorsWriter
{
    // Of the header, at least.
    const int Alignment = 8;

    /// <summary>Writes a file beside its final place and renames it when it is complete.</summary>
    /// <exception cref="CheckpointException">Two tensors have one name, a callback writes another number of bytes than its shape says, or
    /// the file cannot be written.</exception>
    public static void Write(
        string path,
        IEnumerable<TensorToWrite> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        // Without holes, tensors are aligned to their element only when wide elements come first, after those that want more.
        var ordered = tensors.OrderByDescending(t => t.FileAlignment).ThenByDescending(t => t.Type.Size())
            .ThenBy(t => t.Name, StringComparer.Ordinal).ToList();
        var temporary = $"{path}.{Guid.NewGuid():N}.partial";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                WriteHeader(stream, path, ordered, metadata);
                foreach (var tensor in ordered)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    WriteTensor(stream, path, tensor);
                }
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot write '{path}': {e.Message}", e);
        }
        finally
        {
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }

    static void WriteHeader(Stream stream, string path, List<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var header = new MemoryStream();
        header.Write(stackalloc byte[Alignment]);
        using (var json = new Utf8JsonWriter(header))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 }) WriteMetadata(json, metadata);
            long offset = 0;
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (var tensor in tensors)
            {
                if (tensor.ByteLength % tensor.FileAlignment != 0)
                {
                    throw new CheckpointException(
                        $"Cannot write '{path}': tensor '{tensor.Name}' of {tensor.ByteLength} bytes is to be aligned to " +
                        $"{tensor.FileAlignment}; the format has no holes.");
                }
                if (!names.Add(tensor.Name))
                    throw new CheckpointException($"Cannot write '{path}': tensor '{tensor.Name}' is given twice.");
                WriteEntry(json, tensor, offset);
                offset = checked(offset + tensor.ByteLength);
            }
            json.WriteEndObject();
        }
        int alignment = Math.Max(Alignment, tensors.Max(tensor => (int?)tensor.FileAlignment) ?? 1);
        while (header.Length % alignment != 0) header.WriteByte((byte)' ');
        var bytes = header.GetBuffer().AsSpan(0, (int)header.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length - Alignment);
        stream.Write(bytes);
    }

    static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject("__metadata__");
        foreach (var (key, value) in metadata.OrderBy(p => p.Key, StringComparer.Ordinal)) json.WriteString(key, value);
        json.WriteEndObject();
    }

    static void WriteEntry(Utf8JsonWriter json, TensorToWrite tensor, long offset)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", SafetensorsTypes.Name(tensor.Type));
        json.WriteStartArray("shape");
        foreach (int size in tensor.Shape.ToArray()) json.WriteNumberValue(size);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(offset + tensor.ByteLength);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void WriteTensor(Stream stream, string path, TensorToWrite tensor)
    {
        long start = stream.Position;
        tensor.WriteBytes(stream);
        long written = stream.Position - start;
        if (written != tensor.ByteLength)
            throw new CheckpointException(
                $"Cannot write '{path}': tensor '{tensor.Name}' of type {SafetensorsTypes.Name(tensor.Type)} and shape {tensor.Shape} " +
                $"takes {tensor.ByteLength} bytes; its callback wrote {written}.");
    }
}
