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
