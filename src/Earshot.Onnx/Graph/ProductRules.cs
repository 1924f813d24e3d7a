namespace Earshot.Onnx.Graph;

/// <summary>Rules of products, convolutions, attention and recurrences.</summary>
static class ProductRules
{
    /// <summary>(batch, in, positions…) by (out, in / group, kernel…): (batch, out, positions…).</summary>
    public static void Conv(InferenceContext context)
    {
        if (context.Shape(0) is not { Count: > 2 } x || context.Shape(1) is not { } w)
        {
            context.Set(0, context.AnyType, null);
            return;
        }
        if (w.Count != x.Count) throw context.Bad($"reads ({string.Join(", ", x)}) with a kernel of ({string.Join(", ", w)})");
        var kernel = context.Node.Ints("kernel_shape")?.Select(size => new OnnxDimension(size)).ToArray() ?? [.. w.Skip(2)];
        context.Set(0, context.AnyType, [x[0], w[0], .. Positions(context, x, kernel)]);
    }

    /// <summary>As a convolution with one place for all positions.</summary>
    public static void GlobalPool(InferenceContext context) => context.Set(
        0, context.Type(0),
        context.Shape(0) is { Count: > 2 } x ? [x[0], x[1], .. Enumerable.Repeat(new OnnxDimension(1), x.Count - 2)] : null);

    /// <summary>(batch, in, positions…) by (in, out / group, kernel…); how many positions is left open.</summary>
    public static void ConvTranspose(InferenceContext context)
    {
        var shape = context.Shape(0) is { Count: > 2 } x && context.Shape(1) is { Count: > 2 } ? new OnnxDimension[x.Count] : null;
        if (shape is not null)
        {
            shape[0] = context.Shape(0)![0];
            if (context.Shape(1)![1].Size is { } size) shape[1] = size * context.Node.Int("group", 1);
        }
        context.Set(0, context.AnyType, shape);
    }

    /// <summary>As many dimensions as before, of sizes that are left open.</summary>
    public static void Resize(InferenceContext context) =>
        context.Set(0, context.Type(0), context.Shape(0) is { } x ? new OnnxDimension[x.Count] : null);

    public static void Pool(InferenceContext context)
    {
        if (context.Shape(0) is not { Count: > 2 } x || context.Node.Ints("kernel_shape") is not { } kernel)
        {
            context.Set(0, context.Type(0), null);
            return;
        }
        context.Set(0, context.Type(0), [x[0], x[1], .. Positions(context, x, [.. kernel.Select(size => new OnnxDimension(size))])]);
    }

    /// <summary>
    /// Numpy's matmul: the last two dimensions are multiplied, those before broadcast; a vector gets a dimension for the while.
    /// </summary>
    public static void MatMul(InferenceContext context, OnnxElementType type)
    {
        if (context.Shape(0) is not { Count: > 0 } a || context.Shape(1) is not { Count: > 0 } b)
        {
            context.Set(0, type, null);
            return;
        }
        bool transposeA = context.Node.Int("transA", 0) != 0, transposeB = context.Node.Int("transB", 0) != 0;
        var inner = a.Count == 1 || !transposeA ? a[^1] : a[^2];
        var outer = b.Count == 1 ? b[0] : transposeB ? b[^1] : b[^2];
        if (inner.Size is { } left && outer.Size is { } right && left != right)
            throw context.Bad($"multiplies ({string.Join(", ", a)}) by ({string.Join(", ", b)})");
        var batch = context.Broadcast(a.Count > 2 ? [.. a.Take(a.Count - 2)] : [], b.Count > 2 ? [.. b.Take(b.Count - 2)] : [])!;
        List<OnnxDimension> result = [.. batch];
        if (a.Count > 1) result.Add(transposeA ? a[^1] : a[^2]);
        if (b.Count > 1) result.Add(transposeB ? b[^2] : b[^1]);
        context.Set(0, type, result);
    }

    public static void Gemm(InferenceContext context)
    {
        if (context.Shape(0) is not { Count: 2 } a || context.Shape(1) is not { Count: 2 } b)
        {
            context.Set(0, context.AnyType, null);
            return;
        }
        bool transposeA = context.Node.Int("transA", 0) != 0, transposeB = context.Node.Int("transB", 0) != 0;
        var (inner, outer) = (transposeA ? a[0] : a[1], transposeB ? b[1] : b[0]);
        if (inner.Size is { } left && outer.Size is { } right && left != right)
            throw context.Bad($"multiplies ({string.Join(", ", a)}) by ({string.Join(", ", b)})");
        context.Set(0, context.Type(0), [transposeA ? a[1] : a[0], transposeB ? b[0] : b[1]]);
    }

    /// <summary>(…, K) by K × N weights in blocks: (…, N).</summary>
    public static void MatMulNBits(InferenceContext context)
    {
        context.Set(0, context.Type(0), context.Shape(0) is { Count: > 0 } x ? [.. x.Take(x.Count - 1), context.Node.Int("N", 0)] : null);
    }

    /// <summary>(batch, queries, hidden) with the value's hidden size; past states are made as (batch, heads, length, size).</summary>
    public static void MultiHeadAttention(InferenceContext context)
    {
        if (context.Shape(0) is { Count: 3 } query)
            context.Set(0, context.Type(0), [query[0], query[1], context.Shape(2) is { Count: 3 } value ? value[2] : query[2]]);
        else context.Set(0, context.Type(0), null);
        for (int i = 0; i < 2; i++)
        {
            // The past is input 6 or 7; what comes out is longer by this step's keys or values.
            if (context.Shape(6 + i) is { Count: 4 } past)
                context.Set(1 + i, context.Type(0), [past[0], past[1], OnnxDimension.Unknown, past[3]]);
            else context.Set(1 + i, context.Type(0), null);
        }
    }

    /// <summary>(length, batch, in): Y (length, directions, batch, hidden), Y_h and Y_c (directions, batch, hidden).</summary>
    public static void Lstm(InferenceContext context)
    {
        var type = context.Type(0);
        long directions = context.Node.Text("direction", "forward") == "bidirectional" ? 2 : 1;
        OnnxDimension hidden = context.Node.Int("hidden_size", 0) is > 0 and var size ? size : OnnxDimension.Unknown;
        bool batchFirst = context.Node.Int("layout", 0) == 1;
        OnnxDimension length = OnnxDimension.Unknown, batch = OnnxDimension.Unknown;
        if (context.Shape(0) is { Count: 3 } x) (length, batch) = batchFirst ? (x[1], x[0]) : (x[0], x[1]);
        context.Set(0, type, batchFirst ? [batch, length, directions, hidden] : [length, directions, batch, hidden]);
        for (int i = 1; i <= 2; i++) context.Set(i, type, batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
    }

    static OnnxDimension[] Positions(InferenceContext context, IReadOnlyList<OnnxDimension> x, OnnxDimension[] kernel)
    {
        var node = context.Node;
        var strides = node.Ints("strides");
        var dilations = node.Ints("dilations");
        var pads = node.Ints("pads");
        var autoPad = node.Text("auto_pad", "NOTSET");
        bool ceiling = node.Int("ceil_mode", 0) != 0;
        var result = new OnnxDimension[kernel.Length];
        for (int i = 0; i < result.Length; i++)
        {
            if (x[i + 2].Size is not { } size || kernel[i].Size is not { } taps) continue;
            long stride = strides?[i] ?? 1, reach = (taps - 1) * (dilations?[i] ?? 1) + 1;
            long padding = autoPad == "NOTSET" ? (pads?[i] ?? 0) + (pads?[i + kernel.Length] ?? 0) : 0;
            long free = size + padding - reach;
            if (stride < 1 || (free < 0 && autoPad is "NOTSET" or "VALID"))
                throw context.Bad($"slides a kernel of {reach} with stride {stride} over {size + padding} positions");
            result[i] = autoPad.StartsWith("SAME", StringComparison.Ordinal)
                ? (size + stride - 1) / stride
                : (free + (ceiling ? stride - 1 : 0)) / stride + 1;
        }
        return result;
    }
}
