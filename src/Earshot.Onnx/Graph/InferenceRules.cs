namespace Earshot.Onnx.Graph;

/// <summary>One rule an operator, by name.</summary>
static class InferenceRules
{
    const string Microsoft = "com.microsoft.";

    static readonly Dictionary<string, Action<InferenceContext>> s_rules = Make();

    public static Action<InferenceContext>? Find(string operatorName) => s_rules.GetValueOrDefault(operatorName);

    static Dictionary<string, Action<InferenceContext>> Make()
    {
        var rules = new Dictionary<string, Action<InferenceContext>>(StringComparer.Ordinal);
        Add(rules, ElementwiseRules.Same, "Sqrt", "Erf", "Tanh", "Sigmoid", "Relu", "Gelu", "Softmax", "LogSoftmax", "Identity",
            "LeakyRelu", "Elu", "Exp", "Log", "Abs", "Neg", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos", "Clip", "Dropout",
            "InstanceNormalization", "GroupNormalization", "BatchNormalization", "HardSigmoid", "HardSwish", "Softplus", "Mish", "Trilu",
            "CumSum", Microsoft + "Gelu", Microsoft + "FastGelu", Microsoft + "QuickGelu", Microsoft + "BiasGelu");
        Add(rules, ElementwiseRules.Arithmetic, "Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Mod", "Max", "Min");
        Add(rules, ElementwiseRules.Comparison, "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Xor");
        rules["Not"] = rules["IsNaN"] = context => context.Set(0, OnnxElementType.Bool, context.Shape(0));
        rules["Where"] = ElementwiseRules.Where;
        rules["Cast"] = ElementwiseRules.Cast;
        rules["LayerNormalization"] = ElementwiseRules.LayerNormalization;
        rules["RMSNormalization"] = rules["SimplifiedLayerNormalization"] = ElementwiseRules.Same;
        rules[Microsoft + "SkipLayerNormalization"] = ElementwiseRules.SkipLayerNormalization;
        rules["DynamicQuantizeLinear"] = ElementwiseRules.DynamicQuantizeLinear;
        rules["QuantizeLinear"] = context => context.Set(
            0, context.Node.Input(2) is null ? OnnxElementType.UInt8 : context.Type(2), context.Shape(0));
        rules["DequantizeLinear"] = context => context.Set(0, context.Type(1), context.Shape(0));
        rules["Conv"] = rules[Microsoft + "FusedConv"] = ProductRules.Conv;
        rules["ConvTranspose"] = ProductRules.ConvTranspose;
        rules["GlobalAveragePool"] = rules["GlobalMaxPool"] = ProductRules.GlobalPool;
        rules["Resize"] = rules["Upsample"] = ProductRules.Resize;
        rules["MaxPool"] = rules["AveragePool"] = ProductRules.Pool;
        rules["MatMul"] = rules[Microsoft + "FusedMatMul"] = context => ProductRules.MatMul(context, context.AnyType);
        rules["MatMulInteger"] = context => ProductRules.MatMul(context, OnnxElementType.Int32);
        rules[Microsoft + "DynamicQuantizeMatMul"] = context => ProductRules.MatMul(context, OnnxElementType.Float32);
        rules["Gemm"] = ProductRules.Gemm;
        rules[Microsoft + "MatMulNBits"] = ProductRules.MatMulNBits;
        rules[Microsoft + "MultiHeadAttention"] = ProductRules.MultiHeadAttention;
        rules["LSTM"] = ProductRules.Lstm;
        Add(rules, ShapeRules.Reduce, "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2", "ReduceSumSquare");
        rules["ArgMax"] = rules["ArgMin"] = ShapeRules.ArgMax;
        rules["Reshape"] = ShapeRules.Reshape;
        rules["Flatten"] = ShapeRules.Flatten;
        rules["Transpose"] = ShapeRules.Transpose;
        rules["Concat"] = ShapeRules.Concat;
        rules["Split"] = ShapeRules.Split;
        rules["Slice"] = ShapeRules.Slice;
        rules["Gather"] = ShapeRules.Gather;
        rules["Unsqueeze"] = ShapeRules.Unsqueeze;
        rules["Squeeze"] = ShapeRules.Squeeze;
        rules["Expand"] = ShapeRules.Expand;
        rules["Tile"] = ShapeRules.Tile;
        rules["Pad"] = ShapeRules.Pad;
        rules["Shape"] = ShapeRules.ShapeOf;
        rules["Size"] = context => context.Set(0, OnnxElementType.Int64, []);
        rules["Constant"] = ShapeRules.Constant;
        rules["ConstantOfShape"] = ShapeRules.ConstantOfShape;
        rules["Range"] = ShapeRules.Range;
        rules["If"] = ShapeRules.If;
        return rules;
    }

    static void Add(
        Dictionary<string, Action<InferenceContext>> rules, Action<InferenceContext> rule, params ReadOnlySpan<string> operators)
    {
        foreach (var name in operators) rules[name] = rule;
    }
}
