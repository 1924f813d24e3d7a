using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Earshot.Testing;

/// <summary>Reads NumPy's .npy files of float32 or float16, as reference outputs are kept.</summary>
internal static partial class NpyFile
{
    public static (float[] Values, int[] Shape) Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        int headerLength = BitConverter.ToUInt16(bytes, 8);
        var header = Encoding.ASCII.GetString(bytes, 10, headerLength);
        var shape = ShapePattern().Match(header).Groups[1].Value
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(size => int.Parse(size, CultureInfo.InvariantCulture)).ToArray();
        var data = bytes.AsSpan(10 + headerLength);
        if (header.Contains("'<f4'", StringComparison.Ordinal)) return (MemoryMarshal.Cast<byte, float>(data).ToArray(), shape);
        if (header.Contains("'<f2'", StringComparison.Ordinal)) return ([.. MemoryMarshal.Cast<byte, Half>(data).ToArray().Select(half => (float)half)], shape);
        throw new InvalidDataException($"{path}: {header}");
    }

    [GeneratedRegex(@"'shape':\s*\(([^)]*)\)")]
    private static partial Regex ShapePattern();
}
