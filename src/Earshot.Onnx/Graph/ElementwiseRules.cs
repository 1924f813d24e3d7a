namespace Earshot.Onnx.Graph;

/// <summary>Rules of operators that keep dimensions or broadcast them.</summary>
static class ElementwiseRules
{
    public static void Same(InferenceContext context)
    {
        context.Set(0, context.Type(0), context.Shape(0));
        if (context.Node.OpType == "Identity") context.Inference.SetContents(context.Node.Output, context.Contents(0));
    }

    public static void Arithmetic(InferenceContext context)
    {
        var shapes = context.Node.Inputs.Select(input => input?.Shape).ToArray();
        context.Set(0, context.AnyType, context.Broadcast(shapes));
        if (shapes.Length == 2 && context.Contents(0) is { } left && context.Contents(1) is { } right)
            context.Inference.SetContents(context.Node.Output, Calculate(context.Node.OpType, left, right));
    }

    public static void Comparison(InferenceContext context) =>
        context.Set(0, OnnxElementType.Bool, context.Broadcast(context.Shape(0), context.Shape(1)));

    public static void Where(InferenceContext context) => context.Set(
        0, context.Type(1) != OnnxElementType.Undefined ? context.Type(1) : context.Type(2),
        context.Broadcast(context.Shape(0), context.Shape(1), context.Shape(2)));

    public static void Cast(InferenceContext context)
    {
        var type = (OnnxElementType)context.Node.Int("to", 0);
        context.Set(0, type, context.Shape(0));
        if (type is OnnxElementType.Int64 or OnnxElementType.Int32) context.Inference.SetContents(context.Node.Output, context.Contents(0));
    }

    /// <summary>The mean and the inverse deviation, where wanted, have 1 in place of the normalised dimensions.</summary>
    public static void LayerNormalization(InferenceContext context)
    {
        context.Set(0, context.Type(0), context.Shape(0));
        if (context.Shape(0) is not { } shape) return;
        int axis = context.Axis(context.Node.Int("axis", -1), shape.Count);
        var reduced = shape.Select((dimension, i) => i < axis ? dimension : 1).ToArray();
        context.Set(1, OnnxElementType.Float32, reduced);
        context.Set(2, OnnxElementType.Float32, reduced);
    }

    /// <summary>Outputs: the normalised sum, two statistics, and the sum itself.</summary>
    public static void SkipLayerNormalization(InferenceContext context)
    {
        context.Set(0, context.Type(0), context.Shape(0));
        context.Set(3, context.Type(0), context.Shape(0));
    }

    public static void DynamicQuantizeLinear(InferenceContext context)
    {
        context.Set(0, OnnxElementType.UInt8, context.Shape(0));
        context.Set(1, OnnxElementType.Float32, []);
        context.Set(2, OnnxElementType.UInt8, []);
    }

    static OnnxDimension[]? Calculate(string opType, OnnxDimension[] left, OnnxDimension[] right)
    {
        int count = Math.Max(left.Length, right.Length);
        if ((left.Length != count && left.Length != 1) || (right.Length != count && right.Length != 1)) return null;
        var result = new OnnxDimension[count];
        for (int i = 0; i < count; i++) result[i] = Calculate(opType, left[left.Length == 1 ? 0 : i], right[right.Length == 1 ? 0 : i]);
        return result;
    }

    static OnnxDimension Calculate(string opType, OnnxDimension left, OnnxDimension right)
    {
        if ((opType == "Mul" && right.Size == 1) || (opType == "Div" && right.Size == 1) || (opType is "Add" or "Sub" && right.Size == 0))
            return left;
        if ((opType == "Mul" && left.Size == 1) || (opType == "Add" && left.Size == 0)) return right;
        if (left.Size is not { } a || right.Size is not { } b) return OnnxDimension.Unknown;
        try
        {
            long? result = opType switch
            {
                "Add" => checked(a + b),
                "Sub" when a >= b => a - b,
                "Mul" => checked(a * b),
                "Div" when b != 0 => a / b,
                "Max" => Math.Max(a, b),
                "Min" => Math.Min(a, b),
                _ => null,
            };
            return result is { } number ? number : OnnxDimension.Unknown;
        }
        catch (OverflowException)
        {
            return OnnxDimension.Unknown;
        }
    }
}
