using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>MatMul(x, w)</c> in float32 => <c>Cast(MatMul(Cast(x), w))</c> in float16, with Casts only where the two meet; constants become
/// float16. Norms, softmax, reductions, recurrences, nodes with graphs inside, and what makes the model's outputs (logits) stay in float32,
/// as do the model's inputs and outputs themselves. Refuses nodes with constants that float16 cannot hold, and nodes whose inputs' types
/// are not known.
/// </summary>
public sealed class Float16Conversion : GraphPass
{
    /// <summary>Operators whose rounding to float16 models bear: products, activations, and movements of elements.</summary>
    static readonly HashSet<string> s_converted =
    [
        "MatMul", "Gemm", "Conv", "Add", "Sub", "Mul", "Div", "Gelu", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "Neg", "Abs", "Clip",
        "Reshape", "Transpose", "Concat", "Slice", "Gather", "Split", "Squeeze", "Unsqueeze", "Expand", "Where", "Identity", "Flatten",
        "com.microsoft.Gelu", "com.microsoft.FastGelu", "com.microsoft.MultiHeadAttention",
    ];

    readonly Dictionary<(GraphValue, OnnxElementType), GraphValue> _casts = [];
    readonly HashSet<GraphValue> _halved = [];

    public override string Name => "float16 conversion";

    public override bool Applies(OptimizationOptions options) => options.Float16;

    internal override void Run(PassContext context)
    {
        _casts.Clear();
        _halved.Clear();
        var graph = context.Model.Graph;
        context.Graph = graph;
        foreach (var node in graph.Nodes) context.Inference.Infer(node);
        var nodes = graph.Nodes.Where(node => Converts(node, context)).ToList();
        // First all types, then the Casts where a reader wants another type than the maker gives.
        foreach (var node in nodes)
        {
            foreach (var output in node.Outputs)
            {
                if (output is not { Type: OnnxElementType.Float32 }) continue;
                output.Type = OnnxElementType.Float16;
                _halved.Add(output);
            }
        }
        var converted = nodes.ToHashSet();
        foreach (var node in graph.SelfAndSubgraphs().SelectMany(inner => inner.Nodes).ToArray())
            Connect(node, converted.Contains(node), context);
        context.Count("nodes", nodes.Count);
        graph.Sort();
    }

    static bool Converts(OnnxNode node, PassContext context)
    {
        var name = node.Domain.Length == 0 ? node.OpType : $"{node.Domain}.{node.OpType}";
        if (!s_converted.Contains(name) || context.Options.KeepsFloat32(node)) return false;
        if (node.Inputs.Any(input => input is { Type: OnnxElementType.Undefined })
            || node.Outputs.Any(output => output is { Type: OnnxElementType.Undefined } or { IsGraphOutput: true }))
        {
            return false;
        }
        return node.Outputs.Any(output => output is { Type: OnnxElementType.Float32 })
            && node.Inputs.All(input => input?.Constant is not { Type: OnnxElementType.Float32 } data || Fits(data));
    }

    /// <summary>Whether no element is too large for float16.</summary>
    static bool Fits(TensorData data) => Array.TrueForAll(data.ToArray<float>(), x => MathF.Abs(x) <= (float)Half.MaxValue);

    /// <summary>Gives a node its inputs in the type that it computes in.</summary>
    void Connect(OnnxNode node, bool half, PassContext context)
    {
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { } input) continue;
            if (half && input.Type == OnnxElementType.Float32) node.SetInput(i, As(input, OnnxElementType.Float16, context));
            // Float16 values that were in the model before are read by nodes that expect them.
            else if (!half && _halved.Contains(input)) node.SetInput(i, As(input, OnnxElementType.Float32, context));
        }
    }

    GraphValue As(GraphValue value, OnnxElementType type, PassContext context)
    {
        if (_casts.TryGetValue((value, type), out var known)) return known;
        GraphValue made;
        if (value.Constant is { } data)
        {
            made = context.Constant(
                $"{value.Name}_float16", TensorData.Of<Half>(Array.ConvertAll(data.ToArray<float>(), x => (Half)x), data.Shape));
        }
        else
        {
            // In the graph of the value, so that all its readers share it; the graph is sorted afterwards.
            made = context.Add(
                value.Producer is { Graph: { } graph } producer && graph == context.Graph ? producer : context.Graph.Nodes[0],
                "Cast", [value], new() { ["to"] = type }).Output;
            context.Count("casts");
        }
        _casts[(value, type)] = made;
        return made;
    }
}
