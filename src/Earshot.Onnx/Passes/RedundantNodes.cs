using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>Identity(x)</c>, <c>Dropout(x)</c>, a Cast to the type that x has, <c>x + 0</c>, <c>x * 1</c>, a Reshape, Expand or Transpose that
/// changes nothing => x; <c>Transpose(Transpose(x))</c>, <c>Reshape(Reshape(x))</c> and a Cast there and back => one or none.
/// Refuses where x is an input or constant and the node's output is returned (something must make a returned value), where x's own shape
/// or type is not known, a Cast through a type that holds less than x's, and a Reshape whose 0 means a dimension of its input.
/// </summary>
public sealed class RedundantNodes : GraphPass
{
    public override string Name => "redundant nodes";

    internal override void Visit(OnnxNode node, PassContext context)
    {
        if (node.Domain.Length > 0 || node.Input(0) is not { } x) return;
        context.Inference.Infer(node);
        switch (node.OpType)
        {
            case "Identity": Drop(node, x, context); break;
            case "Dropout" when node.Outputs.Count(output => output?.Uses.Count > 0 || output?.IsGraphOutput == true) <= 1
                && Unused(node, 1) && (node.Input(2) is null || IsFalse(node.Input(2)!)):
                Drop(node, x, context);
                break;
            case "Cast": Cast(node, x, context); break;
            case "Transpose": Transpose(node, x, context); break;
            case "Reshape": Reshape(node, x, context); break;
            case "Expand" when Patterns.SameShape(x, node.Output): Drop(node, x, context); break;
            case "Add" or "Mul" or "Sub" or "Div": Neutral(node, context); break;
            default: break;
        }
    }

    static bool Unused(OnnxNode node, int output) =>
        output >= node.Outputs.Count || node.Outputs[output] is not { } value || (value.Uses.Count == 0 && !value.IsGraphOutput);

    static bool IsFalse(GraphValue value) =>
        value.Constant is { Type: OnnxElementType.Bool, Count: 1 } data && data.ToArray<byte>()[0] == 0;

    static void Drop(OnnxNode node, GraphValue x, PassContext context)
    {
        if (!OnnxGraph.CanReplace(node.Output, x)) return;
        context.Count(node.OpType);
        PassContext.Replace(node, x);
    }

    static void Cast(OnnxNode node, GraphValue x, PassContext context)
    {
        var to = (OnnxElementType)node.Int("to", 0);
        if (x.Type == to) Drop(node, x, context);
        else if (x.Producer is { OpType: "Cast", Domain: "" } first && first.Input(0) is { } source && source.Type == to
            && Holds(x.Type, source.Type))
            Drop(node, source, context);
    }

    /// <summary>Whether every number of the narrow type is one of the wide type.</summary>
    static bool Holds(OnnxElementType wide, OnnxElementType narrow) => (wide, narrow) switch
    {
        (OnnxElementType.Float64, OnnxElementType.Float32 or OnnxElementType.Float16 or OnnxElementType.BFloat16
            or OnnxElementType.Int32) => true,
        (OnnxElementType.Float32, OnnxElementType.Float16 or OnnxElementType.BFloat16 or OnnxElementType.Int8 or OnnxElementType.UInt8
            or OnnxElementType.Bool) => true,
        (OnnxElementType.Int64, OnnxElementType.Int32 or OnnxElementType.Int8 or OnnxElementType.UInt8 or OnnxElementType.Bool) => true,
        (OnnxElementType.Int32, OnnxElementType.Int8 or OnnxElementType.UInt8 or OnnxElementType.Bool) => true,
        _ => false,
    };

    static void Transpose(OnnxNode node, GraphValue x, PassContext context)
    {
        if (node.Ints("perm") is not { } order) return;
        if (order.Select((axis, i) => axis == i).All(same => same)) Drop(node, x, context);
        else if (x.Producer is { OpType: "Transpose", Domain: "" } first && first.Ints("perm") is { } before && before.Count == order.Count
            && first.Input(0) is { } source)
        {
            var both = order.Select(axis => before[(int)axis]).ToArray();
            var merged = context.Add(node, "Transpose", [source], new() { ["perm"] = both });
            context.Count("Transpose of a Transpose");
            PassContext.Replace(node, merged.Output);
        }
    }

    static void Reshape(OnnxNode node, GraphValue x, PassContext context)
    {
        if (Patterns.SameShape(x, node.Output)) Drop(node, x, context);
        else if (x.Producer is { OpType: "Reshape", Domain: "" } first && ShapeInference.Numbers(node.Input(1)) is { } shape
            && (!shape.Contains(0) || node.Int("allowzero", 0) != 0))
        {
            node.SetInput(0, first.Input(0));
            PassContext.RemoveDead(first);
            context.Count("Reshape of a Reshape");
        }
    }

    static void Neutral(OnnxNode node, PassContext context)
    {
        bool ordered = node.OpType is "Sub" or "Div";
        float neutral = node.OpType is "Mul" or "Div" ? 1 : 0;
        if (Patterns.WithScalar(node, ordered) is { } pair && pair.Number == neutral && pair.Other.Type == node.Output.Type
            && Patterns.SameShape(pair.Other, node.Output))
        {
            Drop(node, pair.Other, context);
        }
    }
}
