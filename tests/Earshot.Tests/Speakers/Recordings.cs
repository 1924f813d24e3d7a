using System.Globalization;
using System.Runtime.InteropServices;

namespace Earshot.Tests.Speakers;

/// <summary>Recordings as samples, and comparisons with reference outputs.</summary>
internal static class Recordings
{
    /// <summary>The samples of a 16-bit WAV file with the plainest header.</summary>
    public static float[] Read(string clip) =>
        [.. MemoryMarshal.Cast<byte, short>(File.ReadAllBytes(TestRecordings.Path(clip)).AsSpan(44)).ToArray()
            .Select(sample => sample / 32768f)];

    public static float[] Jfk(int offset, int samples) => Read("jfk.wav")[offset..(offset + samples)];

    /// <summary>A file of the goldens beside the repository.</summary>
    public static float[] Golden(string path) => NpyFile.Read(TestData.Require($"goldens/{path}")).Values;

    public static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++) (ab, aa, bb) = (ab + (double)a[i] * b[i], aa + (double)a[i] * a[i], bb + (double)b[i] * b[i]);
        return ab / Math.Sqrt(aa * bb);
    }

    /// <summary>Fails where a value is further off than <paramref name="tolerance"/>, and tells how far the worst is.</summary>
    public static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)expected[i] - actual[i]);
            worst = error <= worst ? worst : double.IsNaN(error) ? double.PositiveInfinity : error;
        }
        TestContext.Current.TestOutputHelper?.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{what}: largest error {worst:g3}, allowed {tolerance:g3}"));
        Assert.True(
            worst <= tolerance, string.Create(CultureInfo.InvariantCulture, $"{what}: largest error {worst:g4}, allowed {tolerance:g4}"));
    }

    /// <summary>(rows, columns) as (columns, rows).</summary>
    public static float[] Transposed(ReadOnlySpan<float> values, int columns)
    {
        int rows = values.Length / columns;
        var turned = new float[values.Length];
        for (int i = 0; i < values.Length; i++) turned[i % columns * rows + i / columns] = values[i];
        return turned;
    }
}
