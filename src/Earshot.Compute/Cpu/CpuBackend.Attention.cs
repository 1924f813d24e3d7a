namespace Earshot.Compute.Cpu;

// Attention within sequences.
public sealed unsafe partial class CpuBackend
{
    /// <summary>Block by block of keys: those that no query of a block sees are not read.</summary>
    public override Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads, AttentionSpan span)
    {
        int size = AttentionSize(query, key, value, heads), time = query.Shape[1], keys = key.Shape[1];
        var y = New(query.Shape);
        Kernels.Attention.Run(_device.Workers, new AttentionCall
        {
            Q = Cast(query).Floats,
            K = Cast(key).Floats,
            V = Cast(value).Floats,
            Output = y.Floats,
            Batch = query.Shape[0],
            Time = time,
            Earlier = keys - time,
            HeadSize = size,
            Heads = heads,
            Span = new KeySpan(span, heads, keys),
            Lengths = LengthsOf(span, query.Shape[0]),
            Bias = BiasOf(span, new Shape(query.Shape[0], heads.Query, time, keys)),
            Kernel = _device.AttentionKernel,
            KeyKernel = _device.KeyKernel,
        });
        return y;
    }

    /// <summary>
    /// Block by block of queries, each with the keys that it sees: memory grows with the span, and with the length only where all is seen.
    /// </summary>
    public override Tensor RelativeAttention(
        RelativeInputs inputs, Tensor positions, RelativeBiases biases, Heads heads, AttentionSpan span, int globals = 0)
    {
        var (query, key, _) = inputs;
        int time = query.Shape[1], keys = key.Shape[1];
        if (!IsCut(time, span)) return base.RelativeAttention(inputs, positions, biases, heads, span, globals);
        var (most, least) = Distances(time, keys, span);
        if (positions.Shape != new Shape(most - least + 1, query.Shape[2])) throw Unfit(inputs, positions);
        var seen = new KeySpan(span, heads, keys);
        var always = Globals(inputs, span, globals);
        var y = New(query.Shape);
        for (int first = 0, end; first < time; first = end)
        {
            end = EndOfBlock(first, keys - time, time, span);
            var mark = Mark();
            // Positions count as the keys do.
            int from = keys - time + first, to = keys - time + end, firstKey = seen.From(from), endKey = Math.Max(seen.To(to - 1), to);
            var block = new RelativeInputs(
                Slice(query, 1, first..end), Slice(key, 1, firstKey..endKey), Slice(inputs.Value, 1, firstKey..endKey));
            int row = most - (to - 1 - firstKey), rows = end - first + endKey - firstKey - 1, behind = endKey - to;
            var attended = AttendByDistance(
                block, Slice(positions, 0, row..(row + rows)), biases, heads,
                span with { Left = span.Left + behind, Right = span.Right - behind }, always);
            Place(attended, first, y);
            Free(mark);
            BetweenLayers?.Invoke();
        }
        return WithGlobals(y, inputs, heads, globals);
    }

    /// <summary>Where queries are cut into blocks, distances beyond the span are left out.</summary>
    public override Tensor DistanceTable(Tensor query, Tensor key, ReadOnlySpan<float> frequencies, AttentionSpan span)
    {
        int time = query.Shape[1], keys = key.Shape[1];
        var (most, least) = IsCut(time, span) ? Distances(time, keys, span) : (keys - 1, 1 - time);
        var table = New(new Shape(most - least + 1, 2 * frequencies.Length));
        for (int row = 0; row <= most - least; row++)
        {
            float* values = table.Floats + (nint)row * table.Size;
            for (int i = 0; i < frequencies.Length; i++)
                (values[2 * i], values[2 * i + 1]) = MathF.SinCos((most - row) * frequencies[i]);
        }
        return table;
    }

    /// <summary>
    /// Queries of a block of attention by distance: scores of 256 with all keys are as large as a layer's other results.
    /// </summary>
    internal int QueriesOfBlock { get; set; } = 256;

    bool IsCut(int time, in AttentionSpan span) => time > QueriesOfBlock && span.Bias is null && span.Lengths is null;

    // Blocks end where chunks do.
    int EndOfBlock(int first, int earlier, int time, in AttentionSpan span)
    {
        int end = first + QueriesOfBlock;
        if (span.Chunk > 0) end = Math.Max(end - (earlier + end) % span.Chunk, first + span.Chunk - (earlier + first) % span.Chunk);
        return Math.Min(end, time);
    }

    /// <summary>The largest distance of a block's queries and keys, and the least.</summary>
    (int Most, int Least) Distances(int time, int keys, in AttentionSpan span)
    {
        long left = span.Left ?? long.MaxValue, right = span.Right ?? long.MaxValue;
        if (span.Chunk > 0)
        {
            left = Math.Min(left, span.LeftChunks is { } chunks ? (chunks + 1L) * span.Chunk : long.MaxValue);
            right = Math.Min(right, span.Chunk);
        }
        long block = Math.Max(QueriesOfBlock, span.Chunk);
        return ((int)Math.Min(keys - 1, left > keys ? keys : left + block), (int)-Math.Min(time - 1, right > time ? time : right + block));
    }

    /// <summary>The frames of a block in their places of the whole.</summary>
    static void Place(Tensor block, int first, CpuTensor whole)
    {
        var (batch, rows, size, time) = (block.Shape[0], block.Shape[1], block.Shape[2], whole.Shape[1]);
        for (int b = 0; b < batch; b++)
            Cast(block).Values.Slice(b * rows * size, rows * size).CopyTo(whole.Values[((b * time + first) * size)..]);
    }

    static int* LengthsOf(in AttentionSpan span, int batch)
    {
        if (span.Lengths is not { } lengths) return null;
        return lengths.Type == DType.I32 && lengths.Shape == new Shape(batch)
            ? Cast(lengths).Indices
            : throw new ModelException(
                $"Lengths of shape {lengths.Shape} and type {lengths.Type} do not fit {batch} sequences; " +
                $"expected ({batch}) of {DType.I32}.");
    }

    static ScoreBias BiasOf(in AttentionSpan span, Shape scores)
    {
        if (span.Bias is not { } bias) return default;
        var shape = bias.Shape;
        bool fits = shape.Rank == 4 && scores.Takes(shape) && shape[2] == scores[2] && shape[3] == scores[3];
        if (!fits)
        {
            throw new ModelException(
                $"A bias of shape {shape} does not fit scores of {scores}; " +
                "expected one for all, or for each sequence, and the same of heads.");
        }
        long matrix = shape.CountOf(2, 4);
        return new ScoreBias
        {
            Values = Cast(bias).Floats,
            HeadStride = shape[1] == 1 ? 0 : (nint)matrix,
            BatchStride = shape[0] == 1 ? 0 : (nint)(matrix * shape[1]),
        };
    }
}
