using System.Runtime.InteropServices;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// Computes nodes whose inputs are all constant: movements of elements of any type, arithmetic on float32, int64, int32 and bool.
/// </summary>
static class ConstantEvaluator
{
    /// <summary>The node's first output, or null where the operator is not among those computed here.</summary>
    public static TensorData? Evaluate(OnnxNode node, TensorData?[] inputs)
    {
        if (node.Domain.Length > 0 || node.Outputs.Count != 1 || inputs is [] or [null, ..] || inputs[0]!.Strings is not null
            || inputs[0]!.Type.Bits() < 8)
        {
            return null;
        }
        try
        {
            return node.OpType switch
            {
                "Identity" => inputs[0],
                "Reshape" or "Squeeze" or "Unsqueeze" or "Flatten" => ConstantMovement.Relabel(node, inputs[0]!),
                "Transpose" => ConstantMovement.Transpose(node, inputs[0]!),
                "Concat" => ConstantMovement.Concat(node, inputs),
                "Gather" => ConstantMovement.Gather(node, inputs),
                "Slice" => ConstantMovement.Slice(node, inputs),
                "Expand" => ConstantMovement.Expand(node, inputs[0]!),
                "ConstantOfShape" => ConstantMovement.Fill(node),
                "Cast" => ConstantArithmetic.Cast(inputs[0]!, (OnnxElementType)node.Int("to", 0)),
                "Where" => ConstantArithmetic.Where(inputs),
                "Range" => ConstantArithmetic.Range(inputs),
                _ => inputs.Length switch
                {
                    1 => ConstantArithmetic.Unary(node.OpType, inputs[0]!),
                    2 when inputs[1] is { } right => ConstantArithmetic.Binary(node.OpType, inputs[0]!, right),
                    _ => null,
                },
            };
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException or IndexOutOfRangeException or ArgumentException)
        {
            // What cannot be computed here is left to the runtime, which has its own message for it.
            return null;
        }
    }

    /// <summary>The output's dimensions, which inference made from the constants.</summary>
    internal static long[]? Static(GraphValue value)
    {
        if (value.Shape is not { } shape || shape.Any(dimension => dimension.Size is null)) return null;
        return [.. shape.Select(dimension => dimension.Size!.Value)];
    }

    internal static TensorData Make<T>(T[] elements, long[] shape, OnnxElementType type) where T : unmanaged =>
        new(type, shape, MemoryMarshal.AsBytes(elements.AsSpan()).ToArray());
}
