using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;

namespace Earshot.Compute.Tests.Runtimes;

/// <summary>Walks through logits that are known.</summary>
public sealed class TransducerGreedyTests
{
    const int Blank = 4;

    [Fact]
    public void A_blank_moves_on_and_a_token_stays()
    {
        var script = new Script { { 0, [Blank] }, { 1, [2, 3, Blank] }, { 2, [Blank] }, { 3, [1, Blank] } };
        Assert.Equal([(2, 1, 1), (3, 1, 1), (1, 3, 1)], script.Walk(Shape(), 4));
    }

    [Fact]
    public void A_position_has_no_more_tokens_than_are_allowed()
    {
        var script = new Script { { 0, [1, 1, 1, 1, 1] }, { 1, [2, Blank] } };
        Assert.Equal([(1, 0, 1), (1, 0, 1), (1, 0, 1), (2, 1, 1)], script.Walk(Shape() with { MostSymbols = 3 }, 2));
    }

    [Fact]
    public void Durations_pass_positions_and_a_blank_without_one_passes_its_own()
    {
        var script = new Script { { 0, [1], [3] }, { 3, [2, 3], [0, 1] }, { 4, [Blank], [0] }, { 5, [Blank], [2] }, { 7, [0], [4] } };
        Assert.Equal([(1, 0, 3), (2, 3, 0), (3, 3, 1), (0, 7, 4)], script.Walk(Timed(), 8));
    }

    [Fact]
    public void Tokens_that_take_no_time_are_as_many_as_are_allowed()
    {
        var script = new Script { { 0, [1, 1, 1], [0, 0, 0] }, { 1, [2], [1] } };
        Assert.Equal([(1, 0, 0), (1, 0, 0), (2, 1, 1)], script.Walk(Timed() with { MostSymbols = 2 }, 2));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_is_decoded_piece_by_piece_is_what_is_decoded_at_once(int seed)
    {
        var random = new Random(seed);
        var script = Script.Random(random, positions: 500);
        foreach (var shape in new[] { Shape(), Timed() })
        {
            int[] cuts = [0, .. Enumerable.Range(0, 60).Select(_ => random.Next(501)).Order(), 500];
            var (greedy, tokens) = (new TransducerGreedy(shape), new List<TransducerToken>());
            script.Rewind();
            foreach (var (from, to) in cuts.Zip(cuts.Skip(1))) greedy.Decode(to - from, script.From(from), tokens);
            var pieces = tokens.ToList();
            Assert.Equal(500, greedy.Positions);
            Assert.True(pieces.Count > 50);
            script.Rewind();
            tokens.Clear();
            new TransducerGreedy(shape).Decode(500, script.From(0), tokens);
            Assert.Equal(tokens, pieces);
        }
    }

    [Fact]
    public void A_log_probability_is_that_among_the_vocabulary_alone()
    {
        var tokens = new List<TransducerToken>();
        new TransducerGreedy(Timed()).Decode(1, new Script { { 0, [1], [2] } }, tokens);
        Assert.Equal(Script.Certainty - Math.Log(Math.Exp(Script.Certainty) + 4), tokens[0].Logprob, 1e-6);
    }

    [Fact]
    public void A_logit_that_is_no_number_is_told()
    {
        var script = new Script { { 0, [float.NaN] } };
        Assert.Contains("not a number", Assert.Throws<ModelException>(() => script.Walk(Shape(), 1)).Message, StringComparison.Ordinal);
    }

    static TransducerShape Shape() => new() { VocabSize = 5, Blank = Blank, EncodedWidth = 1, Width = 1, StateSizes = [] };

    static TransducerShape Timed() => Shape() with { Durations = [0, 1, 2, 3, 4] };

    /// <summary>What is likeliest at each position, time after time.</summary>
    sealed class Script : System.Collections.IEnumerable, ITransducerSteps
    {
        public const float Certainty = 3;

        readonly Dictionary<int, (float[] Tokens, int[] Durations)> _steps = [];
        readonly float[] _logits = new float[10];
        readonly List<int> _said = [];
        int _offset;
        int _last;
        int _time;

        public static Script Random(Random random, int positions)
        {
            var script = new Script();
            for (int i = 0; i < positions; i++)
            {
                float[] tokens = [.. Enumerable.Range(0, 12).Select(_ => (float)random.Next(Blank + 1))];
                script.Add(i, tokens, [.. tokens.Select(_ => random.Next(5))]);
            }
            return script;
        }

        public void Add(int position, float[] tokens, int[]? durations = null) =>
            _steps[position] = (tokens, durations ?? new int[tokens.Length]);

        public List<(int, int, int)> Walk(TransducerShape shape, int positions)
        {
            var tokens = new List<TransducerToken>();
            new TransducerGreedy(shape).Decode(positions, this, tokens);
            Assert.Equal(_said, tokens.Select(token => token.Id));
            return [.. tokens.Select(token => (token.Id, token.Position, token.Duration))];
        }

        public Script From(int position)
        {
            _offset = position;
            return this;
        }

        public void Rewind() => (_last, _time) = (-1, 0);

        public ReadOnlySpan<float> Logits(int position)
        {
            position += _offset;
            if (position != _last) (_last, _time) = (position, 0);
            var (tokens, durations) = _steps[position];
            Array.Clear(_logits);
            if (float.IsNaN(tokens[_time])) _logits[3] = float.NaN;
            else _logits[(int)tokens[_time]] = Certainty;
            _logits[5 + durations[_time]] = Certainty;
            _time++;
            return _logits;
        }

        public void Say(int token) => _said.Add(token);

        public System.Collections.IEnumerator GetEnumerator() => _steps.GetEnumerator();
    }
}
