namespace Earshot.Onnx.Tests.Export;

/// <summary>Compares numbers with a tolerance relative to the largest expected magnitude.</summary>
static class Closeness
{
    public static void Check(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance, string what = "")
    {
        Assert.Equal(expected.Length, actual.Length);
        float scale = 0, worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            scale = MathF.Max(scale, MathF.Abs(expected[i]));
            float error = MathF.Abs(expected[i] - actual[i]);
            worst = float.IsNaN(error) ? float.PositiveInfinity : MathF.Max(worst, error);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{what} scale {scale}, worst error {worst}, relative {worst / scale}");
        Assert.True(worst <= tolerance * scale, $"{what}: largest error {worst} on values up to {scale}");
    }
}
