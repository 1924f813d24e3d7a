using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>(x − mean(x)) / √(mean((x − mean(x))²) + ε) · scale + bias</c> over the last dimension => <c>LayerNormalization(x, scale, bias)</c>
/// (operator set 17). The square may be <c>Pow(d, 2)</c> or <c>Mul(d, d)</c>. Refuses other dimensions, scales that are not constant
/// vectors of the last dimension, and parts that something else reads.
/// </summary>
public sealed class LayerNormFusion : GraphPass
{
    public override string Name => "layer norm fusion";

    internal override void Visit(OnnxNode node, PassContext context)
    {
        if (!node.Is("Div") || context.Model.OperatorSet < 17) return;
        if (node.Inputs is not [{ Producer: { OpType: "Sub" } centred }, { Producer: { OpType: "Sqrt" } root }] || !root.Output.HasOneUse)
            return;
        if (centred.Inputs is not [{ } x, { Producer: { } mean }] || !IsMean(mean, context) || mean.Input(0) != x || !mean.Output.HasOneUse)
            return;
        if (root.Input(0)?.Producer is not { OpType: "Add" } add || Patterns.WithScalar(add) is not { } variance || !add.Output.HasOneUse)
            return;
        if (variance.Other.Producer is not { } average || !IsMean(average, context) || !average.Output.HasOneUse
            || !IsSquare(average.Input(0), centred.Output))
        {
            return;
        }
        if (centred.Output.IsGraphOutput || centred.Output.Uses.Any(use => use.Node != node && use.Node != average.Input(0)!.Producer))
            return;
        if (x.Shape is not { Count: > 0 } shape || shape[^1].Size is not { } size) return;

        if (node.Output.OnlyUser is not { OpType: "Mul" } scaled || Vector(scaled, node.Output, size) is not { } scale) return;
        var last = scaled;
        GraphValue? bias = null;
        if (scaled.Output.OnlyUser is { OpType: "Add" } shifted && Vector(shifted, scaled.Output, size) is { } found)
            (last, bias) = (shifted, found);
        var norm = context.Add(
            last, "LayerNormalization", bias is null ? [x, scale] : [x, scale, bias],
            new() { ["axis"] = -1L, ["epsilon"] = variance.Number });
        context.Count(bias is null ? "without bias" : "with bias");
        PassContext.Replace(last, norm.Output);
    }

    static bool IsMean(OnnxNode node, PassContext context)
    {
        if (!node.Is("ReduceMean") || node.Int("keepdims", 1) == 0) return false;
        var axes = context.Model.OperatorSet >= 18 ? ShapeInference.Numbers(node.Input(1)) : node.Ints("axes")?.ToArray();
        return axes is [-1] || (axes is [var axis] && node.Input(0)?.Shape is { } shape && axis == shape.Count - 1);
    }

    static bool IsSquare(GraphValue? value, GraphValue of) =>
        value?.Producer is { Domain: "" } node && value.HasOneUse && node.Input(0) == of
        && (node.OpType == "Pow" ? Patterns.IsNear(node.Input(1), 2) : node.OpType == "Mul" && node.Input(1) == of);

    /// <summary>The other input, where it is a constant vector of the last dimension.</summary>
    static GraphValue? Vector(OnnxNode node, GraphValue value, long size)
    {
        var other = node.Input(0) == value ? node.Input(1) : node.Input(0);
        return other?.Constant is { Rank: 1 } data && data.Shape[0] == size ? other : null;
    }
}
