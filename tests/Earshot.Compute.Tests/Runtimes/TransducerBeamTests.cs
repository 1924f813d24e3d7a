using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;

namespace Earshot.Compute.Tests.Runtimes;

/// <summary>The best text of all, by all the ways that it can lie in time.</summary>
public sealed class TransducerBeamTests
{
    const int Blank = 2;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void With_enough_hypotheses_it_is_exact(bool hasDurations)
    {
        var shape = Shape(hasDurations ? [0, 1, 2] : []);
        for (int seed = 0; seed < 40; seed++)
        {
            var scores = new Scores(shape, seed);
            const int positions = 3;
            var totals = new Dictionary<string, double>();
            Enumerate(scores, shape, ("", 0, 0, 1.0), positions, totals);
            Assert.Equal(1, totals.Values.Sum(), 1e-5);
            var (text, probability) = totals.MaxBy(pair => pair.Value);
            var (tokens, _, _, score) = new TransducerBeam(shape, 5000)
                .Search(new TransducerText(null, Blank), (0, positions), scores, () => { });
            Assert.Equal(text, string.Concat(tokens.Select(token => token.Id)));
            Assert.Equal(Math.Log(probability), score, 1e-4);
        }
    }

    [Fact]
    public void Few_hypotheses_find_no_less_than_the_likeliest_steps_and_more_find_more()
    {
        var shape = Shape([0, 1, 2]);
        double[] found = new double[4];
        for (int seed = 100; seed < 130; seed++)
        {
            var scores = new Scores(shape, seed);
            foreach (var (beams, i) in ((int[])[1, 2, 4, 5000]).Select((beams, i) => (beams, i)))
                found[i] += new TransducerBeam(shape, beams).Search(new TransducerText(null, Blank), (0, 4), scores, () => { }).Score;
        }
        Assert.True(found[0] <= found[1] + 1e-6 && found[1] <= found[2] + 1e-6 && found[2] <= found[3] + 1e-6);
    }

    [Fact]
    public void Times_are_those_of_the_likeliest_way()
    {
        var shape = Shape([0, 1, 2]);
        for (int seed = 0; seed < 20; seed++)
        {
            var scores = new Scores(shape, seed) { Sharpness = 12 };
            var (tokens, _, ahead, _) = new TransducerBeam(shape, 50).Search(new TransducerText(null, Blank), (0, 6), scores, () => { });
            Assert.All(tokens.Zip(tokens.Skip(1)), pair => Assert.True(
                pair.Second.Position > pair.First.Position
                || (pair is { First.Duration: 0 } && pair.Second.Position == pair.First.Position)));
            Assert.All(tokens, token => Assert.True(token.Position < 6 && token.Duration <= 2 && token.Logprob <= 0));
            Assert.InRange(ahead, 0, 1);
        }
    }

    static TransducerShape Shape(int[] durations) => new()
    {
        VocabSize = 3,
        Blank = Blank,
        Durations = durations,
        MostSymbols = 3,
        EncodedWidth = 1,
        Width = 1,
        StateSizes = [],
    };

    // Every sequence of steps, by its own probability.
    static void Enumerate(
        Scores scores, TransducerShape shape, (string Text, int Position, int Symbols, double Probability) at, int positions,
        Dictionary<string, double> totals)
    {
        if (at.Position >= positions)
        {
            totals[at.Text] = totals.GetValueOrDefault(at.Text) + at.Probability;
            return;
        }
        var logits = scores.Of(at.Text, at.Position);
        double[] tokens = Softmax(logits[..3]), durations = shape.Durations.Count == 0 ? [1] : Softmax(logits[3..]);
        for (int token = 0; token < tokens.Length; token++)
        {
            for (int d = 0; d < durations.Length; d++)
            {
                int duration = shape.Durations.Count == 0 ? 0 : shape.Durations[d];
                double probability = at.Probability * tokens[token] * durations[d];
                bool isLast = at.Symbols + 1 >= shape.MostSymbols;
                int moved = token == Blank || (duration == 0 && isLast) ? Math.Max(1, duration) : duration;
                Enumerate(
                    scores, shape,
                    (token == Blank ? at.Text : at.Text + token, at.Position + moved, moved == 0 ? at.Symbols + 1 : 0, probability),
                    positions, totals);
            }
        }
    }

    static double[] Softmax(float[] logits)
    {
        double sum = logits.Sum(logit => Math.Exp(logit));
        return [.. logits.Select(logit => Math.Exp(logit) / sum)];
    }

    /// <summary>Logits that follow from text and position by chance.</summary>
    sealed class Scores(TransducerShape shape, int seed) : ITransducerScores
    {
        public float Sharpness { get; init; } = 3;

        public float[] Of(string text, int position)
        {
            int hash = seed;
            foreach (char c in text) hash = unchecked((hash * 31) + c);
            var random = new Random(unchecked((hash * 97) + position));
            return [.. Enumerable.Range(0, shape.Outputs).Select(_ => Sharpness * (random.NextSingle() - 0.5f))];
        }

        public ReadOnlySpan<float> Logits(IReadOnlyList<(TransducerText Text, int Position)> rows) =>
            rows.SelectMany(row => Of(TextOf(row.Text), row.Position)).ToArray();

        static string TextOf(TransducerText text) => text.Before is null ? "" : TextOf(text.Before) + text.Token;
    }
}
