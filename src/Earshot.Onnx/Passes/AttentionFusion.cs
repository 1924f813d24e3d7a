using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>merge(Softmax(split(q) · split(k)ᵀ · scale + mask) · split(v))</c> => com.microsoft <c>MultiHeadAttention(q, k, v, mask, scale)</c>,
/// where split is a Reshape to (batch, length, heads, size) with a Transpose to (batch, heads, length, size), and merge the way back. The
/// scale may be before or after the product, on one side or on both. For ONNX Runtime only. Refuses numbers of heads that are not known,
/// keys that come from a cache, masks that are not (batch or 1, heads or 1, queries, keys), and parts that something else reads.
/// </summary>
public sealed class AttentionFusion : GraphPass
{
    public override string Name => "attention fusion";

    public override bool Applies(OptimizationOptions options) => options.Target == OptimizationTarget.OnnxRuntime;

    internal override void Visit(OnnxNode node, PassContext context)
    {
        if (!node.Is("Softmax") || node.Int("axis", -1) is not (-1 or 3) || node.Input(0) is not { HasOneUse: true } logits) return;
        if (node.Output.OnlyUser is not { OpType: "MatMul", Domain: "" } mix || mix.Input(0) != node.Output
            || Head(mix.Input(1), [0, 2, 1, 3]) is not { } value)
        {
            return;
        }
        if (mix.Output.OnlyUser is not { OpType: "Transpose" } back || back.Ints("perm") is not [0, 2, 1, 3]
            || back.Output.OnlyUser is not { OpType: "Reshape" } merge)
        {
            return;
        }

        double scale = 1;
        GraphValue? mask = null;
        var product = Unscale(logits, ref scale);
        if (product.Producer is { OpType: "Add" } add && product.HasOneUse)
        {
            (product, mask) = add.Input(0)?.Producer?.OpType is "MatMul" or "Mul" or "Div"
                ? (add.Input(0)!, add.Input(1)!)
                : (add.Input(1)!, add.Input(0)!);
            // A scale after the mask would scale the mask too.
            if (scale != 1 || !product.HasOneUse) return;
            product = Unscale(product, ref scale);
        }
        if (product.Producer is not { OpType: "MatMul", Domain: "" } matmul || !product.HasOneUse) return;
        if (Head(Unscale(matmul.Input(0)!, ref scale), [0, 2, 1, 3]) is not { } query
            || Head(Unscale(matmul.Input(1)!, ref scale), [0, 2, 3, 1]) is not { } key)
        {
            return;
        }
        if (query.Heads != key.Heads || query.Heads != value.Heads || query.Size != key.Size) return;
        if (merge.Output.Shape is not { Count: 3 } merged || merged[2].Size != value.Heads * value.Size) return;
        if (mask is not null && !FitsMask(mask, logits, query.Heads)) return;

        var attention = context.Add(merge, "MultiHeadAttention", [query.Source, key.Source, value.Source, null, null, mask],
            new() { ["num_heads"] = query.Heads, ["scale"] = (float)scale }, PassContext.Microsoft);
        if (mask is null) attention.TrimInputs(3);
        context.Count(mask is null ? "without mask" : "with mask");
        PassContext.Replace(merge, attention.Output);
    }

    /// <summary>Takes constant factors off a value that nothing else reads.</summary>
    static GraphValue Unscale(GraphValue value, ref double scale)
    {
        while (value.Producer is { Domain: "", OpType: "Mul" or "Div" } node && value.HasOneUse
            && Patterns.WithScalar(node, node.OpType == "Div") is { } pair)
        {
            scale = node.OpType == "Mul" ? scale * pair.Number : scale / pair.Number;
            value = pair.Other;
        }
        return value;
    }

    /// <summary>What was split into heads: the (batch, length, hidden) before a Reshape and a Transpose.</summary>
    static (GraphValue Source, long Heads, long Size)? Head(GraphValue? value, long[] order)
    {
        if (value?.Producer is not { OpType: "Transpose", Domain: "" } transpose || transpose.Ints("perm")?.SequenceEqual(order) != true)
            return null;
        if (transpose.Input(0)?.Producer is not { OpType: "Reshape", Domain: "" } reshape || reshape.Output.Shape is not { Count: 4 } split)
            return null;
        if (reshape.Input(0) is not { Shape: { Count: 3 } before } source || split[2].Size is not { } heads
            || split[3].Size is not { } size)
        {
            return null;
        }
        return before[2].Size == heads * size && before[0].Matches(split[0]) && before[1].Matches(split[1]) ? (source, heads, size) : null;
    }

    static bool FitsMask(GraphValue mask, GraphValue logits, long heads) =>
        mask.Shape is { Count: 4 } shape && logits.Shape is { Count: 4 } target
        && (shape[0].Size == 1 || shape[0].Matches(target[0])) && (shape[1].Size == 1 || shape[1].Size == heads)
        && shape[2].Matches(target[2]) && shape[3].Matches(target[3]);
}
