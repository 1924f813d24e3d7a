using System.Numerics.Tensors;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>What a search through encoded sound asks for: texts are the search's, positions those of the stretch.</summary>
internal interface ITransducerScores
{
    /// <summary>The logits of some texts, each at a position, (texts, outputs).</summary>
    ReadOnlySpan<float> Logits(IReadOnlyList<(TransducerText Text, int Position)> rows);
}

/// <summary>Tokens that were said, as a link to those before the last. Equal texts of a search are one object.</summary>
internal sealed class TransducerText(TransducerText? before, int token)
{
    Dictionary<int, TransducerText>? _next;

    public TransducerText? Before => before;

    public int Token => token;

    /// <summary>What the predictor remembers of it; null until it is asked for.</summary>
    public object? State { get; set; }

    public TransducerText With(int next)
    {
        _next ??= [];
        if (!_next.TryGetValue(next, out var text)) _next.Add(next, text = new TransducerText(this, next));
        return text;
    }
}

/// <summary>
/// The likeliest text of some positions, over all the ways in which it can lie in time (Graves 2012, arXiv 1211.3711), among a few
/// hypotheses a position; ways of the same text that meet are added. A token of no duration stays at its position, others and the
/// blank move on by every duration there is. With enough hypotheses it is exact.
/// </summary>
internal sealed class TransducerBeam(TransducerShape shape, int beamSize)
{
    // Positions between which states of texts that nobody goes on with are forgotten.
    const int ForgottenAfter = 32;

    readonly List<Bucket> _buckets = [];
    readonly List<TransducerText> _asked = [];
    float[] _scores = [];

    /// <summary>
    /// The tokens of the best hypothesis, the text with them, the positions behind the stretch that its last token takes, and its score.
    /// </summary>
    /// <param name="start">What was said before.</param>
    /// <param name="range">The first position, and the one behind the last; others' work passes between positions.</param>
    public (List<TransducerToken> Tokens, TransducerText Text, int Ahead, double Score) Search(
        TransducerText start, (int First, int End) range, ITransducerScores scores, Action pass)
    {
        _asked.Clear();
        _buckets.Clear();
        _buckets.AddRange(Enumerable.Range(0, range.End + 1).Select(_ => new Bucket()));
        _buckets[Math.Min(range.First, range.End)].Add(start, new Way(null, default, range.First), 0);
        for (int position = range.First; position < range.End; position++)
        {
            if (position % ForgottenAfter == 0) Forget(position);
            var active = _buckets[position].Best(beamSize);
            _buckets[position] = new Bucket();
            for (int symbols = 1; active.Count > 0; symbols++)
            {
                pass();
                active = Extend(active, position, symbols, scores);
            }
        }
        var best = _buckets[range.End].Best(1)[0];
        var tokens = new List<TransducerToken>();
        for (var way = best.Way; way.Before is not null; way = way.Before)
            if (way.Token.Id != shape.Blank) tokens.Add(way.Token);
        tokens.Reverse();
        return (tokens, best.Text, best.Way.End - range.End, best.Score);
    }

    /// <summary>Every hypothesis goes on; returns those that stay at the position and may still be among the best.</summary>
    List<Hypothesis> Extend(List<Hypothesis> active, int position, int symbols, ITransducerScores scores)
    {
        _asked.AddRange(active.Select(hypothesis => hypothesis.Text));
        var logits = scores.Logits([.. active.Select(hypothesis => (hypothesis.Text, position))]);
        var staying = new Bucket();
        Span<double> durations = stackalloc double[Math.Max(1, shape.Durations.Count)];
        for (int row = 0; row < active.Count; row++)
        {
            var hypothesis = active[row];
            var outputs = logits.Slice(row * shape.Outputs, shape.Outputs);
            var tokens = Normalize(outputs[..shape.VocabSize]);
            Durations(outputs[shape.VocabSize..], durations);
            for (int d = 0; d < durations.Length; d++)
            {
                int moved = Math.Max(1, shape.Durations.Count == 0 ? 1 : shape.Durations[d]);
                var blank = new TransducerToken(shape.Blank, position, moved, 0);
                Move(hypothesis, hypothesis.Text, (position + moved, blank), tokens[shape.Blank] + durations[d]);
            }
            foreach (int token in Likeliest(tokens))
            {
                var text = hypothesis.Text.With(token);
                for (int d = 0; d < durations.Length; d++)
                {
                    int duration = shape.Durations.Count == 0 ? 0 : shape.Durations[d];
                    double score = tokens[token] + durations[d];
                    var said = new TransducerToken(token, position, shape.Durations.Count == 0 ? 1 : duration, tokens[token]);
                    if (duration > 0) Move(hypothesis, text, (position + duration, said), score);
                    else if (symbols >= shape.MostSymbols) Move(hypothesis, text, (position + 1, said), score);
                    else staying.Add(text, new Way(hypothesis.Way, said, position), hypothesis.Score + score);
                }
            }
        }
        // What is less likely than as many that have moved on cannot come before them any more.
        double least = Least(position);
        return [.. staying.Best(beamSize).Where(hypothesis => hypothesis.Score > least)];
    }

    /// <summary>A text's state is needed by itself and by those that go on from it, where it is among those to come.</summary>
    void Forget(int position)
    {
        var texts = _buckets.Skip(position).SelectMany(bucket => bucket.Texts);
        var needed = new HashSet<TransducerText>(texts.SelectMany(text => (TransducerText?[])[text, text.Before]).OfType<TransducerText>());
        foreach (var text in _asked.Where(text => !needed.Contains(text))) text.State = null;
        _asked.RemoveAll(text => text.State is null);
    }

    void Move(in Hypothesis from, TransducerText text, (int End, TransducerToken Token) to, double score)
    {
        if (score == double.NegativeInfinity) return;
        _buckets[Math.Min(to.End, _buckets.Count - 1)].Add(text, new Way(from.Way, to.Token, to.End), from.Score + score);
    }

    double Least(int position)
    {
        int reach = shape.Durations.Count == 0 ? 1 : Math.Max(1, shape.Durations.Max());
        var scores = new List<double>();
        int end = Math.Min(position + reach, _buckets.Count - 1);
        for (int next = position + 1; next <= end; next++) scores.AddRange(_buckets[next].Scores);
        if (scores.Count < beamSize) return double.NegativeInfinity;
        scores.Sort();
        return scores[^beamSize];
    }

    /// <summary>Log-probabilities, there until the next row's.</summary>
    ReadOnlySpan<float> Normalize(ReadOnlySpan<float> logits)
    {
        if (_scores.Length < 2 * logits.Length) _scores = new float[2 * logits.Length];
        Span<float> scores = _scores.AsSpan(0, logits.Length), shares = _scores.AsSpan(logits.Length, logits.Length);
        float most = TransducerGreedy.Largest(logits);
        TensorPrimitives.Subtract(logits, most, scores);
        TensorPrimitives.Exp(scores, shares);
        TensorPrimitives.Subtract(scores, MathF.Log(TensorPrimitives.Sum<float>(shares)), scores);
        return scores;
    }

    static void Durations(ReadOnlySpan<float> logits, Span<double> logprobs)
    {
        logprobs[0] = 0;
        if (logits.Length == 0) return;
        double most = TransducerGreedy.Largest(logits), sum = 0;
        foreach (float logit in logits) sum += Math.Exp(logit - most);
        for (int d = 0; d < logits.Length; d++) logprobs[d] = logits[d] - most - Math.Log(sum);
    }

    /// <summary>The likeliest tokens but the blank, as many as there are hypotheses; of equal ones the first.</summary>
    int[] Likeliest(ReadOnlySpan<float> scores)
    {
        var best = new PriorityQueue<int, (float, int)>();
        for (int token = 0; token < scores.Length; token++)
        {
            if (token == shape.Blank || scores[token] == float.NegativeInfinity) continue;
            if (best.Count < beamSize) best.Enqueue(token, (scores[token], -token));
            else if (best.TryPeek(out _, out var least) && scores[token] > least.Item1) best.EnqueueDequeue(token, (scores[token], -token));
        }
        return [.. best.UnorderedItems.OrderByDescending(item => item.Priority).Select(item => item.Element)];
    }

    /// <summary>A way of a text through the positions, as a link to what came before.</summary>
    /// <param name="End">Where it has come to.</param>
    sealed record Way(Way? Before, TransducerToken Token, int End);

    readonly record struct Hypothesis(TransducerText Text, Way Way, double Score);

    /// <summary>Hypotheses that have come to a position, of which equal texts are one.</summary>
    sealed class Bucket
    {
        readonly Dictionary<TransducerText, int> _places = [];
        readonly List<(TransducerText Text, Way Way, double Likeliest, double Score)> _all = [];

        public IEnumerable<TransducerText> Texts => _places.Keys;

        public IEnumerable<double> Scores => _all.Select(one => one.Score);

        public void Add(TransducerText text, Way way, double score)
        {
            if (!_places.TryGetValue(text, out int place))
            {
                _places.Add(text, _all.Count);
                _all.Add((text, way, score, score));
                return;
            }
            var known = _all[place];
            double most = Math.Max(known.Score, score), total = most + Math.Log(Math.Exp(known.Score - most) + Math.Exp(score - most));
            _all[place] = score > known.Likeliest ? (text, way, score, total) : known with { Score = total };
        }

        /// <summary>The best; of equal ones those that came first.</summary>
        public List<Hypothesis> Best(int count) =>
            [.. _all.OrderByDescending(one => one.Score).Take(count).Select(one => new Hypothesis(one.Text, one.Way, one.Score))];
    }
}
