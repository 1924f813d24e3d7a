using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>Add(Constant, Constant)</c> => an initializer; <c>Gather(Shape(x), 2)</c> => an initializer where that dimension of x is a number.
/// Refuses what would make the file grow (an Expand to a large shape), operators that <see cref="ConstantEvaluator"/> lacks, and values
/// that the graph returns.
/// </summary>
public sealed class ConstantFolding : GraphPass
{
    /// <summary>Results of more bytes are made only where the inputs had as many.</summary>
    internal const long MostBytes = 64 * 1024;

    public override string Name => "constant folding";

    internal override void Visit(OnnxNode node, PassContext context)
    {
        context.Inference.Infer(node);
        if (node.Outputs is not [{ IsGraphOutput: false } output]) return;
        var inputs = node.Inputs.Select(input => input?.Constant).ToArray();
        var folded = node.Is("Constant") ? node.ConstantTensor() : Grows(node, inputs) ? null
            : Known(node, context) ?? (node.Inputs.Zip(inputs).All(pair => pair.First is null || pair.Second is not null)
                ? ConstantEvaluator.Evaluate(node, inputs)
                : null);
        if (folded is null) return;
        var constant = context.Constant(output.Name, folded);
        // The name goes over to the initializer, so that a reader of the text form finds it again.
        (constant.Name, output.Name) = (output.Name, constant.Name);
        context.Count(node.OpType);
        PassContext.Replace(node, constant);
    }

    static bool Grows(OnnxNode node, TensorData?[] inputs)
    {
        if (node.Output.Shape is not { } shape) return false;
        double bytes = shape.Aggregate(Math.Max(8, node.Output.Type.Bits()) / 8.0, (product, dimension) => product * (dimension.Size ?? 1));
        return bytes > MostBytes && bytes > inputs.Sum(input => input?.ByteLength ?? 0);
    }

    /// <summary>A list of int64 that inference followed through shapes.</summary>
    static TensorData? Known(OnnxNode node, PassContext context)
    {
        if (node.Output is not { Type: OnnxElementType.Int64, Shape: { Count: <= 1 } shape } output
            || context.Inference.Contents(output) is not { } contents)
        {
            return null;
        }
        if (Array.Exists(contents, dimension => dimension.Size is null)) return null;
        var numbers = Array.ConvertAll(contents, dimension => dimension.Size!.Value);
        return shape.Count == 1 ? TensorData.Ints(numbers) : numbers is [var number] ? TensorData.Scalar(number) : null;
    }
}
