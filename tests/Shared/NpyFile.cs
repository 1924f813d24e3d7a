using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Earshot.Testing;

/// <summary>Reads NumPy's arrays of float32, float16, int32, int16 or uint8, as reference outputs are kept.</summary>
internal static partial class NpyFile
{
    public static (float[] Values, int[] Shape) Read(string path)
    {
        using var stream = File.OpenRead(path);
        return Read(stream);
    }

    public static (float[] Values, int[] Shape) ReadFromZip(string path, string name)
    {
        using var zip = ZipFile.OpenRead(path);
        using var stream = zip.GetEntry(name + ".npy")!.Open();
        return Read(stream);
    }

    static (float[] Values, int[] Shape) Read(Stream stream)
    {
        var prefix = new byte[8];
        stream.ReadExactly(prefix);
        Assert.Equal("\u0093NUMPY", Encoding.Latin1.GetString(prefix, 0, 6));
        var size = new byte[prefix[6] == 1 ? 2 : 4];
        stream.ReadExactly(size);
        var header = new byte[size.Length == 2
            ? BinaryPrimitives.ReadUInt16LittleEndian(size)
            : BinaryPrimitives.ReadInt32LittleEndian(size)];
        stream.ReadExactly(header);
        var text = Encoding.ASCII.GetString(header);
        var shape = ShapePattern().Match(text).Groups[1].Value
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        var values = Values(stream, text, shape.Aggregate(1, (a, b) => a * b));
        return (text.Contains("'fortran_order': False", StringComparison.Ordinal) ? values : ByRow(values, shape), shape);
    }

    // Kept column by column, as transposed arrays are.
    static float[] ByRow(float[] columns, int[] shape)
    {
        Assert.Equal(2, shape.Length);
        var rows = new float[columns.Length];
        for (int i = 0; i < rows.Length; i++) rows[i] = columns[i / shape[1] + (i % shape[1] * shape[0])];
        return rows;
    }

    static float[] Values(Stream stream, string header, int count)
    {
        bool Is(string type) => header.Contains($"'{type}'", StringComparison.Ordinal);
        bool half = Is("<f2");
        int size = Is("|u1") ? 1 : half || Is("<i2") ? 2 : 4;
        if (size == 4 && !Is("<i4")) Assert.Contains("'<f4'", header, StringComparison.Ordinal);
        var bytes = new byte[count * size];
        stream.ReadExactly(bytes);
        if (Is("|u1")) return [.. bytes.Select(value => (float)value)];
        if (Is("<i2")) return [.. MemoryMarshal.Cast<byte, short>(bytes).ToArray().Select(value => (float)value)];
        if (Is("<i4")) return [.. MemoryMarshal.Cast<byte, int>(bytes).ToArray().Select(value => (float)value)];
        return half
            ? [.. MemoryMarshal.Cast<byte, Half>(bytes).ToArray().Select(value => (float)value)]
            : MemoryMarshal.Cast<byte, float>(bytes).ToArray();
    }

    [GeneratedRegex(@"'shape':\s*\(([^)]*)\)")]
    private static partial Regex ShapePattern();
}
