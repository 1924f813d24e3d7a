using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>Add(MatMul(x, w), b)</c> with two-dimensional x and w => <c>Gemm(x, w, b)</c>, which adds while it multiplies.
/// Refuses x of more dimensions, the transformer's common case: Gemm would need a Reshape before and after, and runtimes give a batched
/// MatMul with an Add behind it the same kernel. Refuses b that is not a constant vector of the columns, and products read elsewhere too.
/// </summary>
public sealed class GemmFusion : GraphPass
{
    public override string Name => "gemm fusion";

    internal override void Visit(OnnxNode node, PassContext context)
    {
        if (!node.Is("MatMul") || node.Output.OnlyUser is not { OpType: "Add", Domain: "" } add) return;
        if (node.Inputs is not [{ Shape.Count: 2 } x, { Shape.Count: 2 } w]
            || w.Type is not (OnnxElementType.Float32 or OnnxElementType.Float16))
        {
            return;
        }
        var bias = add.Input(0) == node.Output ? add.Input(1) : add.Input(0);
        if (bias?.Constant is not { Rank: 1 } data || w.Shape[1].Size != data.Shape[0]) return;
        var gemm = context.Add(add, "Gemm", [x, w, bias]);
        context.Count("products");
        PassContext.Replace(add, gemm.Output);
    }
}
