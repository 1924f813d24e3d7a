using Earshot.Decoding;

namespace Earshot.Tests.Decoding;

public class LogitsTests
{
    [Fact]
    public void Sums_as_float64_does()
    {
        var logits = Random(51865, 1);
        double expected = Math.Log(logits.Sum(v => Math.Exp(v)));
        Assert.Equal(expected, Logits.LogSumExp(logits), 1e-5);
        logits.AsSpan(100, 40000).Fill(float.NegativeInfinity);
        Assert.Equal(Math.Log(logits.Sum(v => Math.Exp(v))), Logits.LogSumExp(logits), 1e-5);
        Assert.Equal(float.NegativeInfinity, Logits.LogSumExp([float.NegativeInfinity, float.NegativeInfinity]));
        Assert.Equal(1000.6931, Logits.LogSumExp([1000, 1000]), 1e-3);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(40)]
    public void Selects_the_likeliest_in_order(int count)
    {
        var logits = Random(5000, (ulong)count);
        logits[17] = logits[4000] = 9; // equal ones by index
        var expected = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i).Take(count).ToArray();
        var indices = new int[count];
        var values = new float[count];
        Assert.Equal(count, Logits.TopK(logits, indices, values));
        Assert.Equal(expected, indices);
        Assert.Equal(expected.Select(i => logits[i]), values);
    }

    [Fact]
    public void Selects_no_more_than_is_possible()
    {
        var logits = new float[2000];
        logits.AsSpan().Fill(float.NegativeInfinity);
        logits[1999] = -3;
        var indices = new int[4];
        Assert.Equal(1, Logits.TopK(logits, indices, new float[4]));
        Assert.Equal(1999, indices[0]);
    }

    [Fact]
    public void Draws_in_proportion()
    {
        float[] logits = new float[1200];
        logits.AsSpan().Fill(float.NegativeInfinity);
        (logits[3], logits[700], logits[1100]) = (MathF.Log(1), MathF.Log(2), MathF.Log(5));
        var random = new SeededRandom(7);
        var counts = new int[1200];
        for (int i = 0; i < 8000; i++) counts[Logits.Sample(logits, 1, random.NextDouble())]++;
        Assert.Equal(8000, counts[3] + counts[700] + counts[1100]);
        Assert.InRange(counts[3], 870, 1130);
        Assert.InRange(counts[700], 1850, 2150);
        // At half the temperature probabilities are squared: 1, 4, 25.
        Array.Clear(counts);
        for (int i = 0; i < 3000; i++) counts[Logits.Sample(logits, 0.5f, random.NextDouble())]++;
        Assert.InRange(counts[1100], 2400, 2600);
    }

    [Fact]
    public void Draws_at_the_ends_stay_inside()
    {
        float[] logits = [float.NegativeInfinity, 0, 0, float.NegativeInfinity];
        Assert.Equal(1, Logits.Sample(logits, 1, 0));
        Assert.Equal(2, Logits.Sample(logits, 1, 1 - 1e-16));
    }

    [Fact]
    public void Says_when_the_logits_are_no_numbers()
    {
        float[] logits = [1, float.NaN, 2];
        Assert.Throws<ModelException>(() => Logits.ArgMax(logits));
        Assert.Throws<ModelException>(() => Logits.LogSumExp(logits));
        Assert.Throws<ModelException>(() => Logits.Sample(logits, 1, 0.5));
        Assert.Throws<ModelException>(() => Logits.TopK(logits, new int[2], new float[2]));
    }

    static float[] Random(int count, ulong seed)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() - 0.5) * 16))];
    }
}
