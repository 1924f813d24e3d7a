namespace Earshot.Onnx.Graph;

/// <summary>One place where a value is read: an input of a node.</summary>
public readonly record struct GraphUse(OnnxNode Node, int Index);

/// <summary>An edge of a graph: made once (by a node, as a graph's input, or as an initializer), read by any number of nodes.</summary>
public sealed class GraphValue
{
    readonly List<GraphUse> _uses = [];

    internal GraphValue(string name, OnnxElementType type = OnnxElementType.Undefined, IReadOnlyList<OnnxDimension>? shape = null)
    {
        Name = name;
        Type = type;
        Shape = shape;
    }

    /// <summary>The name, unique in its graph and those around it; a file's key for the edge and nothing else.</summary>
    public string Name { get; set; }

    /// <summary>What its elements are; Undefined where that is not known.</summary>
    public OnnxElementType Type { get; set; }

    /// <summary>The dimensions, or null where not even their number is known.</summary>
    public IReadOnlyList<OnnxDimension>? Shape { get; set; }

    /// <summary>The node that makes the value; null for inputs and initializers.</summary>
    public OnnxNode? Producer { get; internal set; }

    /// <summary>Which of its producer's outputs it is.</summary>
    public int ProducerIndex { get; internal set; }

    /// <summary>The elements of an initializer (for a graph's input: its default), or null.</summary>
    public TensorData? Initializer { get; internal set; }

    public bool IsGraphInput { get; internal set; }

    /// <summary>Whether a graph returns the value.</summary>
    public bool IsGraphOutput => OutputOf.Count > 0;

    /// <summary>The inputs of nodes that read it, those of nodes in subgraphs included.</summary>
    public IReadOnlyList<GraphUse> Uses => _uses;

    /// <summary>
    /// Its elements where they never change: an initializer that is not an input's default, or what a Constant node says.
    /// </summary>
    public TensorData? Constant => Initializer is not null ? IsGraphInput ? null : Initializer
        : Producer is { OpType: "Constant", Domain: "" } node ? node.ConstantTensor() : null;

    /// <summary>The graphs that return it, once for each time.</summary>
    internal List<OnnxGraph> OutputOf { get; } = [];

    /// <summary>The type of a value that is no tensor (sequence, map, optional), as it was read.</summary>
    internal byte[]? OtherType { get; set; }

    /// <summary>Fields of its description that we do not read, as they were.</summary>
    internal byte[] Unknown { get; set; } = [];

    /// <summary>Whether exactly one node's input reads it and no graph returns it.</summary>
    public bool HasOneUse => _uses.Count == 1 && !IsGraphOutput;

    /// <summary>The only node that reads it, or null.</summary>
    public OnnxNode? OnlyUser => HasOneUse ? _uses[0].Node : null;

    /// <summary>As in <c>x: Float32(batch, 80)</c>; without what is not known.</summary>
    public override string ToString()
    {
        if (OtherType is not null) return $"{Name}: other";
        if (Type == OnnxElementType.Undefined) return Name;
        return Shape is null ? $"{Name}: {Type}" : $"{Name}: {Type}({string.Join(", ", Shape)})";
    }

    internal void AddUse(OnnxNode node, int index) => _uses.Add(new GraphUse(node, index));

    internal void RemoveUse(OnnxNode node, int index) => _uses.Remove(new GraphUse(node, index));
}
