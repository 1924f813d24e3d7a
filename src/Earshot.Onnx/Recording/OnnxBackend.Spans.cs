using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// What queries see, for sizes that may be open.
public sealed partial class OnnxBackend
{
    GraphValue AttendSpan(string path, (OnnxTensor Query, OnnxTensor Key, OnnxTensor Value) inputs, Heads heads, AttentionSpan span)
    {
        var (q, k, v) = inputs;
        if (heads.Causal) span = span with { Right = 0 };
        if (heads.Window > 0) span = span with { Left = heads.Window - 1 };
        var seen = SeenKeys(path, q, k, span);
        var bias = span.Bias is null ? null : Unwrap(span.Bias).Value;
        var mask = new ScoreMask(
            seen is null ? null : Node(path, "Where", [seen, Float(0), Float(float.MinValue)]), span.Lengths is null ? null : seen, bias);
        return Attend(path, q, SplitKeys(path, k, heads), SplitKeys(path, v, heads), heads, mask);
    }

    // (queries, keys), or with lengths (batch, 1, queries, keys); null where everything is seen.
    GraphValue? SeenKeys(string path, OnnxTensor query, OnnxTensor key, AttentionSpan span)
    {
        var keys = Counted(path, Scalar(SizeOf(path, key.Value, 1)));
        GraphValue? seen = null;
        void AndNotAbove(GraphValue lower, GraphValue upper)
        {
            var fits = Node(path, "LessOrEqual", [lower, upper]);
            seen = seen is null ? fits : Node(path, "And", [seen, fits]);
        }
        if (span.Left is not null || span.Right is not null || span.Chunk > 0)
        {
            var positions = Node(path, "Add", [Counted(path, Scalar(SizeOf(path, query.Value, 1))), PastOf(path, query, key)]);
            var queries = Node(path, "Unsqueeze", [positions, Ints(1)]);
            if (span.Right is { } right) AndNotAbove(keys, right == 0 ? queries : Node(path, "Add", [queries, Ints(right)]));
            if (span.Left is { } left) AndNotAbove(Node(path, "Sub", [queries, Ints(left)]), keys);
            if (span.Chunk > 0)
            {
                var chunk = Node(path, "Div", [queries, Ints(span.Chunk)]);
                var keyChunk = Node(path, "Div", [keys, Ints(span.Chunk)]);
                AndNotAbove(keyChunk, chunk);
                if (span.LeftChunks is { } chunks) AndNotAbove(Node(path, "Sub", [chunk, Ints(chunks)]), keyChunk);
            }
        }
        if (span.Lengths is { } lengths)
        {
            var last = Node(path, "Sub", [Node(path, "Cast", [Unwrap(lengths).Value], ("to", OnnxElementType.Int64)), Ints(1)]);
            AndNotAbove(keys, Node(path, "Unsqueeze", [last, Ints(1, 2, 3)]));
        }
        return seen;
    }

    // Keys before the first query's position, as a list of one.
    GraphValue PastOf(string path, OnnxTensor query, OnnxTensor key) =>
        ReferenceEquals(query, key) ? Ints(0) : Node(path, "Sub", [SizeOf(path, key.Value, 1), SizeOf(path, query.Value, 1)]);
}
