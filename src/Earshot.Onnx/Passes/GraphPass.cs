using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>One way to make a graph smaller or faster without changing what it computes.</summary>
public abstract class GraphPass
{
    /// <summary>The name in reports.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the options ask for the pass.</summary>
    public virtual bool Applies(OptimizationOptions options) => true;

    /// <summary>Applies the pass to all graphs of a model.</summary>
    public PassReport Run(OnnxModel model, OptimizationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var context = new PassContext(model, options ?? new OptimizationOptions());
        if (Applies(context.Options)) Run(context);
        return new PassReport(Name, context.Changes.Values.Sum(), context.Changes);
    }

    internal virtual void Run(PassContext context)
    {
        foreach (var graph in context.Model.Graph.SelfAndSubgraphs().ToArray())
        {
            context.Graph = graph;
            foreach (var node in graph.Nodes.ToArray())
            {
                // A node of the copy may be gone by now, with one that was rewritten before it.
                if (node.Graph == graph) Visit(node, context);
            }
            graph.Sort();
        }
    }

    /// <summary>Looks at one node, and rewrites what begins or ends there.</summary>
    internal virtual void Visit(OnnxNode node, PassContext context) { }
}

/// <summary>What a pass works with: the model, the options, and ways to add to the graph at hand.</summary>
sealed class PassContext(OnnxModel model, OptimizationOptions options)
{
    public const string Microsoft = "com.microsoft";

    readonly NameSource _names = new(model);

    public OnnxModel Model { get; } = model;

    public OptimizationOptions Options { get; } = options;

    /// <summary>The graph that is visited.</summary>
    public OnnxGraph Graph { get; set; } = model.Graph;

    public ShapeInference Inference { get; } = new(model);

    public Dictionary<string, int> Changes { get; } = [];

    public bool ForOnnxRuntime => Options.Target == OptimizationTarget.OnnxRuntime;

    /// <summary>Counts a change of a kind.</summary>
    public void Count(string kind, int changes = 1) => Changes[kind] = Changes.GetValueOrDefault(kind) + changes;

    /// <summary>Adds a constant beside the graph at hand's others.</summary>
    public GraphValue Constant(string wish, TensorData data) => Graph.AddInitializer(_names.Fresh(wish), data);

    /// <summary>
    /// Adds a node with one output at <paramref name="before"/>, in that node's graph, and infers its type and dimensions.
    /// </summary>
    public OnnxNode Add(
        OnnxNode before, string opType, IReadOnlyList<GraphValue?> inputs, Dictionary<string, OnnxAttribute>? attributes = null,
        string domain = "", int outputs = 1)
    {
        if (domain.Length > 0) Model.OperatorSets.TryAdd(domain, 1);
        var name = _names.Fresh(before.Name.Length > 0 ? $"{before.Name}/{opType}" : opType);
        var spec = new NodeSpec(
            opType, inputs, [.. Enumerable.Range(0, outputs).Select(i => _names.Fresh(i == 0 ? $"{name}_out" : $"{name}_out{i}"))])
        {
            Name = name,
            Domain = domain,
            Attributes = attributes ?? [],
        };
        var node = before.Graph!.AddNode(spec, before);
        Inference.Infer(node);
        return node;
    }

    /// <summary>
    /// Puts <paramref name="replacement"/> in the place of a node's first output, and takes the node and all that only it needed out.
    /// </summary>
    public static void Replace(OnnxNode node, GraphValue replacement)
    {
        if (replacement.Type == OnnxElementType.Undefined) replacement.Type = node.Output.Type;
        replacement.Shape ??= node.Output.Shape;
        OnnxGraph.Replace(node.Output, replacement);
        RemoveDead(node);
    }

    /// <summary>Takes a node out if nothing reads it, then those before it that nothing reads any more.</summary>
    public static void RemoveDead(OnnxNode node)
    {
        if (node.Graph is not { } graph
            || node.Outputs.Any(output => output is not null && (output.Uses.Count > 0 || output.IsGraphOutput)))
        {
            return;
        }
        var inputs = node.Inputs.ToArray();
        graph.Remove(node);
        foreach (var input in inputs)
        {
            if (input?.Producer is { } producer) RemoveDead(producer);
        }
    }
}

/// <summary>Questions that patterns ask of values.</summary>
static class Patterns
{
    /// <summary>The value of a constant float with one element, or null.</summary>
    public static float? Scalar(GraphValue? value) => value?.Constant is { Count: 1 } data
        ? data.Type switch
        {
            OnnxElementType.Float32 => data.ToArray<float>()[0],
            OnnxElementType.Float16 => (float)data.ToArray<Half>()[0],
            _ => null,
        }
        : null;

    /// <summary>Whether a value is a constant near a number: exporters write √2 with few or many digits.</summary>
    public static bool IsNear(GraphValue? value, double number) =>
        Scalar(value) is { } scalar && Math.Abs(scalar - number) <= 1e-3 * Math.Abs(number);

    /// <summary>The constant number among a two-input node's inputs, and the other input.</summary>
    public static (GraphValue Other, float Number)? WithScalar(OnnxNode? node, bool ordered = false)
    {
        if (node?.Inputs is not [{ } left, { } right]) return null;
        if (Scalar(right) is { } number) return (left, number);
        return !ordered && Scalar(left) is { } first ? (right, first) : null;
    }

    /// <summary>The factors of a product: inputs of Mul nodes, and of Mul nodes before them that nothing else reads.</summary>
    public static List<GraphValue> Factors(GraphValue product)
    {
        var factors = new List<GraphValue>();
        void Collect(GraphValue value, bool top)
        {
            if (value.Producer is { } node && node.Is("Mul") && (top || value.HasOneUse) && node.Inputs is [{ } left, { } right])
            {
                Collect(left, false);
                Collect(right, false);
            }
            else factors.Add(value);
        }
        Collect(product, true);
        return factors;
    }

    /// <summary>Whether a shape is known and the same.</summary>
    public static bool SameShape(GraphValue left, GraphValue right) =>
        left.Shape is { } a && right.Shape is { } b && a.Count == b.Count && a.Zip(b).All(pair => pair.First.Matches(pair.Second));

    /// <summary>A constant's elements as floats, where they are float32.</summary>
    public static float[]? Floats(GraphValue? value) =>
        value?.Constant is { Type: OnnxElementType.Float32 } data ? data.ToArray<float>() : null;
}
