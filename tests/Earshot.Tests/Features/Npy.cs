using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;

namespace Earshot.Features;

/// <summary>Reads NumPy's arrays of 32-bit floats, for comparison with reference outputs.</summary>
internal static partial class Npy
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
        var header = new byte[size.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(size) : BinaryPrimitives.ReadInt32LittleEndian(size)];
        stream.ReadExactly(header);
        var text = Encoding.ASCII.GetString(header);
        Assert.Contains("'<f4'", text, StringComparison.Ordinal);
        Assert.Contains("'fortran_order': False", text, StringComparison.Ordinal);
        var shape = ShapePattern().Match(text).Groups[1].Value
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        var bytes = new byte[4 * shape.Aggregate(1, (a, b) => a * b)];
        stream.ReadExactly(bytes);
        return ([.. bytes.Chunk(4).Select(b => BinaryPrimitives.ReadSingleLittleEndian(b))], shape);
    }

    [GeneratedRegex(@"'shape': \(([^)]*)\)")]
    private static partial Regex ShapePattern();
}
