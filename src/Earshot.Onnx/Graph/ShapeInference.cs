namespace Earshot.Onnx.Graph;

/// <summary>
/// Works out the element types and dimensions of what nodes make, symbols among them, following each operator's definition in ONNX's
/// operator documents. What a rule does not know stays as it was; nothing known is ever contradicted.
/// </summary>
public sealed class ShapeInference
{
    readonly OnnxModel _model;
    readonly Dictionary<GraphValue, OnnxDimension[]> _contents = [];

    public ShapeInference(OnnxModel model) => _model = model;

    /// <summary>Infers all of a model's graphs, in order.</summary>
    public static void Run(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        new ShapeInference(model).Infer(model.Graph);
    }

    /// <summary>Infers what one node makes.</summary>
    /// <exception cref="OnnxModelException">What it reads does not fit together.</exception>
    public void Infer(OnnxNode node)
    {
        ArgumentNullException.ThrowIfNull(node);
        foreach (var graph in node.Subgraphs) Infer(graph);
        var context = new InferenceContext(
            node, this, node.Domain.Length == 0 ? _model.OperatorSet : _model.OperatorSets.GetValueOrDefault(node.Domain, 1));
        var key = node.Domain.Length == 0 ? node.OpType : $"{node.Domain}.{node.OpType}";
        if (InferenceRules.Find(key) is not { } rule) return;
        try
        {
            rule(context);
        }
        catch (Exception e) when (e is OverflowException or IndexOutOfRangeException or ArgumentException)
        {
            // Lists in attributes may be too short for the rank and sizes too large to multiply: the rules trust them, so the guard is
            // here.
            throw new OnnxModelException(
                $"The node {node} has settings or sizes that do not fit what it reads " +
                $"({string.Join(", ", node.Inputs.Select(input => input?.ToString() ?? "_"))}).", e);
        }
    }

    void Infer(OnnxGraph graph)
    {
        foreach (var node in graph.Nodes) Infer(node);
    }

    /// <summary>
    /// The elements of a small int64 list (a shape, axes) where they are known, symbols among them; null where they are not.
    /// </summary>
    internal OnnxDimension[]? Contents(GraphValue? value)
    {
        if (value is null) return null;
        if (_contents.TryGetValue(value, out var known)) return known;
        if (value.Constant is not { Rank: <= 1, Count: <= 64 } data || data.Type is not (OnnxElementType.Int64 or OnnxElementType.Int32))
            return null;
        var numbers = data.Type == OnnxElementType.Int64
            ? data.ToArray<long>()
            : Array.ConvertAll(data.ToArray<int>(), number => (long)number);
        // -1 is Reshape's word for a dimension that is still to be found.
        return Array.ConvertAll(numbers, number => number < 0 ? OnnxDimension.Unknown : new OnnxDimension(number));
    }

    /// <summary>The elements of a constant int64 or int32 list, negative ones too.</summary>
    internal static long[]? Numbers(GraphValue? value) => value?.Constant is { Rank: <= 1, Count: <= 1024 } data
        ? data.Type switch
        {
            OnnxElementType.Int64 => data.ToArray<long>(),
            OnnxElementType.Int32 => Array.ConvertAll(data.ToArray<int>(), number => (long)number),
            _ => null,
        }
        : null;

    internal void SetContents(GraphValue? value, OnnxDimension[]? contents)
    {
        if (value is null) return;
        if (contents is { Length: <= 64 }) _contents[value] = contents;
        else _contents.Remove(value);
    }
}
