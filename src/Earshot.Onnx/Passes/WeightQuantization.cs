using Earshot.Compute.Quantization;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>MatMul(x, w)</c> with constant float32 w (K, N) => by the wished <see cref="WeightFormat"/>:
/// <list type="bullet">
/// <item>int8: <c>Cast(MatMulInteger(q(x), q(w))) · scale(x) · scale(w)</c>, q(x) by DynamicQuantizeLinear, w symmetric int8 per
/// column;</item>
/// <item>int8 and int4 in groups: com.microsoft <c>MatMulNBits(x, q(w), scales)</c>, w symmetric in blocks along K.</item>
/// </list>
/// A Gemm with alpha = beta = 1 and x as it is counts as a MatMul with an Add behind it.
/// Refuses weights that the options leave out or that hold numbers which are not finite, groups for a portable model, and
/// int8 without groups before operator set 11.
/// </summary>
public sealed class WeightQuantization : GraphPass
{
    readonly Dictionary<GraphValue, OnnxNode> _quantized = [];

    public override string Name => "weight quantization";

    public override bool Applies(OptimizationOptions options) => options.Weights switch
    {
        null => false,
        { Group: 0 } => true,
        _ => options.Target == OptimizationTarget.OnnxRuntime,
    };

    internal override void Run(PassContext context)
    {
        _quantized.Clear();
        base.Run(context);
    }

    internal override void Visit(OnnxNode node, PassContext context)
    {
        bool gemm = node.Is("Gemm") && node.Int("transA", 0) == 0 && node.Float("alpha", 1) == 1
            && (node.Input(2) is null || node.Float("beta", 1) == 1);
        if ((!gemm && !node.Is("MatMul")) || node.Input(0) is not { Type: OnnxElementType.Float32 } x) return;
        if (node.Input(1)?.Constant is not { Type: OnnxElementType.Float32, Rank: 2 } weight
            || !context.Options.QuantizesWeight(node, weight))
        {
            return;
        }
        // DynamicQuantizeLinear came with operator set 11.
        if (context.Options.Weights is { Group: 0 } && context.Model.OperatorSet < 11) return;
        bool transposed = gemm && node.Int("transB", 0) != 0;
        var columns = ColumnMatrix.From(weight, transposed);
        if (columns is null) return;
        var product = context.Options.Weights is { Group: 0 } ? Dynamic(node, x, columns, context) : Blocks(node, x, columns, context);
        if (gemm && node.Input(2) is { } bias) product = context.Add(node, "Add", [product, bias]).Output;
        context.Count(context.Options.Weights!.Name);
        PassContext.Replace(node, product);
    }

    GraphValue Dynamic(OnnxNode node, GraphValue x, ColumnMatrix weight, PassContext context)
    {
        var name = node.Input(1)!.Name;
        // One quantisation of x serves all products that read it, of the same graph.
        if (!_quantized.TryGetValue(x, out var quantized) || quantized.Graph != node.Graph)
        {
            quantized = context.Add(node, "DynamicQuantizeLinear", [x], outputs: 3);
            _quantized[x] = quantized;
        }
        var (elements, scales) = weight.PerColumn();
        var integers = context.Add(node, "MatMulInteger", [
            quantized.Outputs[0], context.Constant($"{name}_int8", TensorData.Of<sbyte>(elements, weight.Rows, weight.Columns)),
            quantized.Outputs[2],
        ]);
        var real = context.Add(node, "Cast", [integers.Output], new() { ["to"] = OnnxElementType.Float32 });
        var scale = context.Add(
            node, "Mul", [quantized.Outputs[1], context.Constant($"{name}_scale", TensorData.Of<float>(scales, scales.Length))]);
        return context.Add(node, "Mul", [real.Output, scale.Output]).Output;
    }

    static GraphValue Blocks(OnnxNode node, GraphValue x, ColumnMatrix weight, PassContext context)
    {
        var name = node.Input(1)!.Name;
        int bits = context.Options.Weights!.Bits, size = context.Options.Weights.Group;
        var (packed, scales, blocks) = weight.InBlocks(bits, size);
        var data = context.Constant($"{name}_int{bits}", TensorData.Of<byte>(packed, weight.Columns, blocks, size * bits / 8));
        var scale = context.Constant($"{name}_scales", TensorData.Of<float>(scales, weight.Columns, blocks));
        return context.Add(node, "MatMulNBits", [x, data, scale], new()
        {
            ["K"] = (long)weight.Rows,
            ["N"] = (long)weight.Columns,
            ["bits"] = (long)bits,
            ["block_size"] = (long)size,
            // 4: activations may be rounded to int8 for the product.
            ["accuracy_level"] = 4L,
        }, PassContext.Microsoft).Output;
    }
}
