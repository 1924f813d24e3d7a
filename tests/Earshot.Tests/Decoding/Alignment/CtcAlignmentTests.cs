using System.Text.Json;
using Earshot.Decoding.Alignment;

namespace Earshot.Tests.Decoding.Alignment;

public sealed class CtcAlignmentTests
{
    const int Blank = 0, Letters = 28;

    static readonly string s_goldens = TestData.Require("goldens/forced-alignment");

    static readonly JsonDocument s_cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_goldens, "alignment.json")));

    public static TheoryData<string> Cases => [.. s_cases.RootElement.GetProperty("cases").EnumerateObject().Select(pair => pair.Name)];

    [Theory, MemberData(nameof(Cases))]
    public void Paths_and_scores_are_the_references(string name)
    {
        var golden = s_cases.RootElement.GetProperty("cases").GetProperty(name);
        var (emission, targets) = Read(name, golden);
        var trellis = new CtcTrellis(emission, Letters, Blank, targets);
        Assert.Equal(Integers(golden, "states"), trellis.FindPath());
        Assert.Equal(
            golden.GetProperty("tokens").EnumerateArray().Select(token => (token[0].GetInt32(), token[1].GetInt32(), token[2].GetInt32())),
            Spans(emission, targets).Select(token => (token.Id == CtcTargets.Star ? Letters : token.Id, token.Start, token.End)));
        foreach (var (expected, actual) in golden.GetProperty("tokens").EnumerateArray().Zip(Spans(emission, targets)))
            Assert.Equal(expected[3].GetDouble(), actual.Probability, 1e-5);
        var scores = NpyFile.Read(Path.Combine(s_goldens, $"{name}.trellis.npy"));
        var states = scores.Shape[^1];
        foreach (var (row, t) in trellis.Scores().Select((row, t) => (row, t)))
        {
            for (int s = 0; s < states; s++)
            {
                float expected = scores.Values[(t * states) + s];
                if (float.IsNegativeInfinity(expected)) Assert.Equal(expected, row[s]);
                else Assert.Equal(expected, row[s], 1e-5f * Math.Max(1, Math.Abs(expected)));
            }
        }
    }

    [Fact]
    public void A_text_that_is_too_long_is_refused()
    {
        foreach (var golden in s_cases.RootElement.GetProperty("too_short").EnumerateArray())
        {
            var emission = new float[golden.GetProperty("frames").GetInt32() * Letters];
            var refused = Assert.Throws<ModelException>(() => CtcAlignment.Align(emission, Letters, Blank, Integers(golden, "targets")));
            Assert.Contains("too short", refused.Message, StringComparison.Ordinal);
        }
        Assert.Throws<ModelException>(() => CtcAlignment.Align(new float[Letters], Letters, Blank, []));
        Assert.Throws<ArgumentException>(() => CtcAlignment.Align(new float[Letters], Letters, Blank, [Blank]));
        Assert.Throws<ArgumentException>(() => CtcAlignment.Align(new float[Letters], Letters, Blank, [Letters]));
        Assert.Throws<ArgumentException>(() => CtcAlignment.Align(new float[Letters + 1], Letters, Blank, [1]));
    }

    [Fact]
    public void The_path_is_the_best_of_all()
    {
        var random = new Random(7);
        for (int round = 0; round < 60; round++)
        {
            int letters = random.Next(2, 4), count = random.Next(1, 5);
            int[] tokens = [.. Enumerable.Range(0, count).Select(_ => random.Next(8) == 0 ? CtcTargets.Star : random.Next(1, letters))];
            bool[] boundaries = [.. Enumerable.Range(0, count + 1).Select(_ => random.Next(3) == 0)];
            var targets = new CtcTargets(tokens, boundaries, -1.5f);
            int positions = targets.LeastPositions + random.Next(5);
            var emission = Emission(random, positions, letters);
            var path = new CtcTrellis(emission, letters, Blank, targets) { Block = random.Next(1, 4) }.FindPath();
            Assert.Equal(Best(emission, letters, targets, positions), Score(emission, letters, targets, path), 1e-4);
        }
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 64)]
    [InlineData(3, 500)]
    public void Rows_that_are_gone_through_again_change_nothing(int seed, int block)
    {
        var random = new Random(seed);
        int[] tokens = [.. Enumerable.Range(0, 300).Select(_ => random.Next(1, 6))];
        var targets = new CtcTargets(tokens, [.. Enumerable.Range(0, 301).Select(i => i % 5 == 0)], -3);
        // Whole numbers have exact sums, and ties.
        float[] emission = [.. Emission(random, 1200, 6).Select(value => MathF.Round(value))];
        var whole = new CtcTrellis(emission, 6, Blank, targets) { Block = 5000 }.FindPath();
        Assert.Equal(whole, new CtcTrellis(emission, 6, Blank, targets) { Block = block }.FindPath());
        Assert.Equal(whole, new CtcTrellis(emission, 6, Blank, targets).FindPath());
    }

    [Fact(Explicit = true)]
    [Trait("Run", "Long")]
    public void An_hour_is_aligned_exactly()
    {
        const int Hour = 180_000, Vocabulary = 32;
        var random = new Random(4);
        int[] tokens = [.. Enumerable.Range(0, 50_000).Select(_ => random.Next(1, Vocabulary))];
        // Each token is heard somewhere in its 3.6 positions.
        var emission = new float[Hour * Vocabulary];
        Array.Fill(emission, -8);
        for (int t = 0; t < Hour; t++) emission[t * Vocabulary] = -0.2f;
        int[] places = [.. tokens.Select((_, i) => (int)(i * 3.6) + random.Next(2))];
        for (int i = 0; i < tokens.Length; i++)
        {
            emission[places[i] * Vocabulary] = -5;
            emission[(places[i] * Vocabulary) + tokens[i]] = -0.1f;
        }
        long before = GC.GetTotalAllocatedBytes(precise: true);
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        var started = process.TotalProcessorTime;
        var aligned = CtcAlignment.Align(emission, Vocabulary, Blank, tokens);
        process.Refresh();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{(process.TotalProcessorTime - started).TotalSeconds:0.0} s of processor time, " +
            $"{(GC.GetTotalAllocatedBytes(precise: true) - before) / 1e6:0} MB allocated");
        Assert.Equal(places, aligned.Select(token => token.Start));
    }

    static float[] Emission(Random random, int positions, int letters) =>
        [.. Enumerable.Range(0, positions * letters).Select(_ => (float)Math.Log(1 - random.NextDouble()))];

    // Exhaustively: from each state to the same, the next, and past a blank.
    static double Best(float[] emission, int letters, CtcTargets targets, int positions)
    {
        int last = 2 * targets.Tokens.Length;
        double From(int t, int state)
        {
            double here = At(emission, letters, targets, t, state);
            if (t + 1 == positions) return state >= last - 1 ? here : double.NegativeInfinity;
            double best = double.NegativeInfinity;
            for (int next = state; next <= Math.Min(last, state + 2); next++)
            {
                bool jumps = next == state + 2;
                if (jumps && (next % 2 == 0 || targets.Tokens[next / 2] == targets.Tokens[state / 2])) continue;
                best = Math.Max(best, From(t + 1, next));
            }
            return here + best;
        }
        return Math.Max(From(0, 0), From(0, 1));
    }

    static double Score(float[] emission, int letters, CtcTargets targets, int[] path)
    {
        Assert.InRange(path[0], 0, 1);
        Assert.InRange(path[^1], (2 * targets.Tokens.Length) - 1, 2 * targets.Tokens.Length);
        return path.Select((state, t) => At(emission, letters, targets, t, state)).Sum();
    }

    static double At(float[] emission, int letters, CtcTargets targets, int t, int state)
    {
        if (state % 2 != 0) return targets.Tokens[state / 2] is var id && id < 0 ? 0 : emission[(t * letters) + id];
        float blank = emission[(t * letters) + Blank];
        return targets.IsBoundary(state / 2) ? Math.Max(blank, targets.OtherLogprob) : blank;
    }

    // The star is a class of its own there.
    static (float[] Emission, CtcTargets Targets) Read(string name, JsonElement golden)
    {
        var stored = NpyFile.Read(Path.Combine(s_goldens, $"{name}.emission.npy"));
        int classes = stored.Shape[^1];
        float[] emission = [.. stored.Values.Where((_, i) => i % classes < Letters)];
        int[] targets = [.. Integers(golden, "targets").Select(id => id == Letters ? CtcTargets.Star : id)];
        return (emission, new CtcTargets(targets));
    }

    static List<AlignedToken> Spans(float[] emission, CtcTargets targets) =>
        CtcAlignment.Spans(emission, Letters, targets, new CtcTrellis(emission, Letters, Blank, targets).FindPath());

    static int[] Integers(JsonElement golden, string name) =>
        [.. golden.GetProperty(name).EnumerateArray().Select(number => number.GetInt32())];
}
