using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Earshot.Onnx;
using Earshot.Onnx.Graph;

namespace Earshot.Cli.Files;

/// <summary>Reads NumPy's .npy files (format 1 to 3) of float32 and int64, little-endian and in row-major order.</summary>
internal static partial class NpyFile
{
    const long MostBytes = 1L << 30;
    const int MostHeader = 1 << 16;

    /// <exception cref="UsageException">The file is missing, no .npy file, cut off, or of a kind that is not read.</exception>
    public static TensorData Read(string path)
    {
        if (!File.Exists(path)) throw new UsageException($"'{path}': no such file.");
        if (new FileInfo(path).Length > MostBytes) throw Bad(path, $"takes more than {MostBytes} bytes");
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < 12 || !bytes.AsSpan(0, 6).SequenceEqual(Magic)) throw Bad(path, "is no .npy file");
        bool isLong = bytes[6] >= 2;
        long length = isLong
            ? BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8))
            : BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
        int start = isLong ? 12 : 10;
        if (bytes[6] is < 1 or > 3 || length > MostHeader || start + length > bytes.Length) throw Bad(path, "has a damaged header");
        var (type, shape) = Header(path, Encoding.UTF8.GetString(bytes, start, (int)length));
        var data = bytes.AsMemory(start + (int)length);
        long expected = BytesOf(path, type, shape);
        return data.Length == expected
            ? new TensorData(type, shape, data, path)
            : throw Bad(path, $"has {data.Length} bytes of elements where its shape takes {expected}");
    }

    static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    static (OnnxElementType Type, long[] Shape) Header(string path, string header)
    {
        var type = Descr().Match(header).Groups[1].Value switch
        {
            "<f4" => OnnxElementType.Float32,
            "<i8" => OnnxElementType.Int64,
            var other => throw Bad(path, $"holds elements of '{other}'; expected '<f4' (float32) or '<i8' (int64)"),
        };
        if (!RowMajor().IsMatch(header)) throw Bad(path, "is not in row-major order (fortran_order)");
        var shape = ShapeText().Match(header);
        if (!shape.Success) throw Bad(path, "tells no shape");
        return (type, [.. shape.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(size => long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
                ? value
                : throw Bad(path, "has a shape that cannot be read"))]);
    }

    static long BytesOf(string path, OnnxElementType type, long[] shape)
    {
        long bytes = type.Bits() / 8;
        foreach (long size in shape)
        {
            if (size > 0 && bytes > MostBytes / size) throw Bad(path, "has a shape of more elements than the file can hold");
            bytes *= size;
        }
        return bytes;
    }

    static UsageException Bad(string path, string what) => new($"'{path}' {what}.");

    [GeneratedRegex("""['"]descr['"]\s*:\s*['"]([^'"]{1,16})['"]""")]
    private static partial Regex Descr();

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*False""")]
    private static partial Regex RowMajor();

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([^)]{0,256})\)""")]
    private static partial Regex ShapeText();
}
