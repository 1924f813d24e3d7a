namespace Earshot.Onnx.Graph;

/// <summary>Nodes in an order in which each comes after those it reads from, with the graph's inputs, outputs and initializers.</summary>
public sealed class OnnxGraph
{
    readonly List<OnnxNode> _nodes = [];
    readonly List<GraphValue> _inputs = [];
    readonly List<GraphValue> _outputs = [];
    readonly List<GraphValue> _initializers = [];

    internal OnnxGraph(string name) => Name = name;

    public string Name { get; set; }

    public IReadOnlyList<OnnxNode> Nodes => _nodes;

    public IReadOnlyList<GraphValue> Inputs => _inputs;

    public IReadOnlyList<GraphValue> Outputs => _outputs;

    /// <summary>The constants that the graph's nodes read.</summary>
    public IReadOnlyList<GraphValue> Initializers => _initializers;

    /// <summary>Fields that we do not read (annotations, documentation), as they were.</summary>
    internal byte[] Unknown { get; set; } = [];

    /// <summary>This graph and all graphs inside its nodes, outermost first.</summary>
    public IEnumerable<OnnxGraph> SelfAndSubgraphs() =>
        _nodes.SelectMany(node => node.Subgraphs).SelectMany(graph => graph.SelfAndSubgraphs()).Prepend(this);

    /// <summary>Adds an input.</summary>
    public GraphValue AddInput(string name, OnnxElementType type, IReadOnlyList<OnnxDimension>? shape)
    {
        var value = new GraphValue(name, type, shape) { IsGraphInput = true };
        _inputs.Add(value);
        return value;
    }

    /// <summary>Makes the graph return a value.</summary>
    public void AddOutput(GraphValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _outputs.Add(value);
        value.OutputOf.Add(this);
    }

    /// <summary>Adds a constant; the name must not be taken.</summary>
    public GraphValue AddInitializer(string name, TensorData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var value = new GraphValue(name, data.Type, Dimensions(data)) { Initializer = data };
        _initializers.Add(value);
        return value;
    }

    /// <summary>
    /// Adds a node that makes new values with the given names (null for an output that is not wanted) before <paramref name="before"/>, or
    /// at the end.
    /// </summary>
    public OnnxNode AddNode(NodeSpec spec, OnnxNode? before = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var node = new OnnxNode(spec.OpType, spec.Domain, spec.Name) { Graph = this, Unknown = spec.Unknown };
        foreach (var (name, attribute) in spec.Attributes) node.Set(name, attribute);
        for (int i = 0; i < spec.Inputs.Count; i++) node.SetInput(i, spec.Inputs[i]);
        foreach (var output in spec.Outputs) node.AddOutput(output is null ? null : new GraphValue(output));
        if (before is null) _nodes.Add(node);
        else _nodes.Insert(_nodes.IndexOf(before), node);
        return node;
    }

    /// <summary>Takes a node out; nothing may read its outputs any more.</summary>
    /// <exception cref="OnnxModelException">An output is still read or returned.</exception>
    public void Remove(OnnxNode node)
    {
        ArgumentNullException.ThrowIfNull(node);
        foreach (var output in node.Outputs)
        {
            if (output is not null && (output.Uses.Count > 0 || output.IsGraphOutput))
                throw new OnnxModelException($"The node {node} cannot be removed: its output '{output.Name}' is still read.");
        }
        Detach(node);
        _nodes.Remove(node);
    }

    /// <summary>Takes an initializer that nothing reads out.</summary>
    public bool RemoveInitializer(GraphValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Uses.Count == 0 && !value.IsGraphOutput && _initializers.Remove(value);
    }

    /// <summary>
    /// Whether <see cref="Replace"/> can put one value in another's place; a returned value can be replaced only by one that a node of the
    /// same graph makes and that is not itself returned.
    /// </summary>
    public static bool CanReplace(GraphValue old, GraphValue replacement)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(replacement);
        if (!old.IsGraphOutput) return true;
        return replacement.Producer?.Graph is { } graph && !replacement.IsGraphOutput && old.OutputOf.All(of => of == graph);
    }

    /// <summary>
    /// Makes all that read or return <paramref name="old"/> read or return <paramref name="replacement"/>, which takes over a returned
    /// value's name.
    /// </summary>
    public static void Replace(GraphValue old, GraphValue replacement)
    {
        if (!CanReplace(old, replacement))
            throw new OnnxModelException($"The returned value '{old.Name}' cannot be replaced by '{replacement.Name}'.");
        foreach (var use in old.Uses.ToArray()) use.Node.SetInput(use.Index, replacement);
        if (!old.IsGraphOutput) return;
        (old.Name, replacement.Name) = (replacement.Name, old.Name);
        foreach (var graph in old.OutputOf)
        {
            graph._outputs[graph._outputs.IndexOf(old)] = replacement;
            replacement.OutputOf.Add(graph);
        }
        old.OutputOf.Clear();
    }

    /// <summary>
    /// Brings the nodes into an order in which each comes after those it reads from, changing the present order as little as possible.
    /// </summary>
    /// <exception cref="OnnxModelException">The nodes read from each other in a circle.</exception>
    public void Sort() => TopologicalOrder.Sort(_nodes);

    /// <summary>Gives a graph's input a default value, as files before IR version 4 do for every initializer.</summary>
    internal void AddDefault(GraphValue input, TensorData data)
    {
        input.Initializer = data;
        _initializers.Add(input);
    }

    internal static OnnxDimension[] Dimensions(TensorData data)
    {
        var dimensions = new OnnxDimension[data.Rank];
        for (int i = 0; i < dimensions.Length; i++) dimensions[i] = data.Shape[i];
        return dimensions;
    }

    /// <summary>Lets go of all that a node and the nodes inside it read.</summary>
    static void Detach(OnnxNode node)
    {
        for (int i = 0; i < node.Inputs.Count; i++) node.SetInput(i, null);
        node.Graph = null;
        foreach (var graph in node.Subgraphs)
        {
            foreach (var inner in graph._nodes) Detach(inner);
        }
    }
}

/// <summary>What a new node is to be.</summary>
public sealed record NodeSpec(string OpType, IReadOnlyList<GraphValue?> Inputs, IReadOnlyList<string?> Outputs)
{
    public string Domain { get; init; } = "";

    public string Name { get; init; } = "";

    public IReadOnlyDictionary<string, OnnxAttribute> Attributes { get; init; } = new Dictionary<string, OnnxAttribute>();

    internal byte[] Unknown { get; init; } = [];
}
