using System.Diagnostics;
using System.Globalization;
using Earshot.Decoding.Alignment;

namespace Earshot.Bench;

/// <summary>
/// Forced alignment of a made-up recording and its text, without the encoder: letters of 20 ms as wav2vec2 hears them, some fourteen
/// a second,
/// or pieces of 80 ms as Conformers do, some four; what is heard is uncertain.
/// </summary>
internal static class AlignmentBench
{
    public static void Run(double minutes, string kind, int rounds)
    {
        var (vocabulary, positionsPerSecond, tokensPerSecond) = kind switch
        {
            "letters" => (32, 50.0, 14.0),
            "pieces" => (1025, 12.5, 4.0),
            _ => throw new ArgumentException($"'{kind}' is neither letters nor pieces.", nameof(kind)),
        };
        int positions = (int)(minutes * 60 * positionsPerSecond), count = (int)(minutes * 60 * tokensPerSecond);
        var random = new Random(1);
        int[] tokens = [.. Enumerable.Range(0, count).Select(_ => random.Next(1, vocabulary))];
        bool[] boundaries = [.. Enumerable.Range(0, count + 1).Select(i => i % 6 == 0)];
        var logprobs = Emissions(tokens, (positions, vocabulary), random);
        var targets = new CtcTargets(tokens, boundaries, -3);
        var (times, work) = (new List<double>(), new List<double>());
        for (int round = 0; round < rounds; round++)
        {
            var (clock, before) = (Stopwatch.StartNew(), Process.GetCurrentProcess().TotalProcessorTime);
            int[] path = new CtcTrellis(logprobs, vocabulary, 0, targets).FindPath();
            times.Add(clock.Elapsed.TotalSeconds);
            work.Add((Process.GetCurrentProcess().TotalProcessorTime - before).TotalSeconds);
            if (path.Length != positions) throw new InvalidOperationException("The path is not of the recording.");
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{minutes} min, {positions} positions of {vocabulary}, {count} tokens: {times.Median():F2} s, " +
            $"{work.Median():F2} s of processor time"));
    }

    // Each token somewhere in its share of the time, the blank elsewhere, and noise.
    static float[] Emissions(int[] tokens, (int Positions, int Vocabulary) size, Random random)
    {
        var values = new float[size.Positions * size.Vocabulary];
        for (int i = 0; i < values.Length; i++) values[i] = -4 - 8 * random.NextSingle();
        double share = (double)size.Positions / tokens.Length;
        for (int p = 0; p < size.Positions; p++) values[p * size.Vocabulary] = -0.5f;
        for (int i = 0; i < tokens.Length; i++)
        {
            int p = (int)(i * share + random.NextDouble() * share);
            values[p * size.Vocabulary + tokens[i]] = -0.2f;
            values[p * size.Vocabulary] = -3;
        }
        return values;
    }
}
