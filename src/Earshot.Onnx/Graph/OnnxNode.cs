namespace Earshot.Onnx.Graph;

/// <summary>One operation of a graph; what it reads and makes are values, not names.</summary>
public sealed class OnnxNode
{
    readonly List<GraphValue?> _inputs = [];
    readonly List<GraphValue?> _outputs = [];
    readonly SortedDictionary<string, OnnxAttribute> _attributes = new(StringComparer.Ordinal);

    internal OnnxNode(string opType, string domain, string name)
    {
        OpType = opType;
        Domain = domain == "ai.onnx" ? "" : domain;
        Name = name;
    }

    /// <summary>The operator, such as <c>MatMul</c>.</summary>
    public string OpType { get; }

    /// <summary>The operator's set: empty for ONNX itself, <c>com.microsoft</c> for ONNX Runtime's own.</summary>
    public string Domain { get; }

    /// <summary>The node's label in profiles and messages; may be empty.</summary>
    public string Name { get; set; }

    /// <summary>The graph that the node is in; null once it was removed.</summary>
    public OnnxGraph? Graph { get; internal set; }

    /// <summary>What it reads; null for an optional input that is left out.</summary>
    public IReadOnlyList<GraphValue?> Inputs => _inputs;

    /// <summary>What it makes; null for an optional output that is not wanted.</summary>
    public IReadOnlyList<GraphValue?> Outputs => _outputs;

    /// <summary>Its settings by name.</summary>
    public IReadOnlyDictionary<string, OnnxAttribute> Attributes => _attributes;

    /// <summary>The first output.</summary>
    public GraphValue Output => _outputs[0] ?? throw new OnnxModelException($"The node {this} leaves its first output out.");

    /// <summary>The graphs inside the node: the branches of an If, the body of a Loop.</summary>
    public IEnumerable<OnnxGraph> Subgraphs => _attributes.Values.SelectMany(attribute => attribute.Graphs);

    /// <summary>Fields that we do not read, as they were.</summary>
    internal byte[] Unknown { get; init; } = [];

    /// <summary>The input at an index, or null where the node leaves it out or has fewer.</summary>
    public GraphValue? Input(int index) => index < _inputs.Count ? _inputs[index] : null;

    public bool Is(string opType, string domain = "") => OpType == opType && Domain == domain;

    public long Int(string name, long otherwise) => Find(name) is long value ? value : otherwise;

    public float Float(string name, float otherwise) => Find(name) is float value ? value : otherwise;

    public string Text(string name, string otherwise) => Find(name) is string value ? value : otherwise;

    public IReadOnlyList<long>? Ints(string name) => Find(name) as IReadOnlyList<long>;

    public void Set(string name, OnnxAttribute attribute)
    {
        ArgumentNullException.ThrowIfNull(attribute);
        _attributes[name] = attribute;
    }

    /// <summary>Makes the node read another value, or none.</summary>
    public void SetInput(int index, GraphValue? value)
    {
        while (_inputs.Count <= index) _inputs.Add(null);
        _inputs[index]?.RemoveUse(this, index);
        _inputs[index] = value;
        value?.AddUse(this, index);
    }

    /// <summary>Makes the node read fewer values.</summary>
    public void TrimInputs(int count)
    {
        while (_inputs.Count > count)
        {
            SetInput(_inputs.Count - 1, null);
            _inputs.RemoveAt(_inputs.Count - 1);
        }
    }

    internal void AddOutput(GraphValue? value)
    {
        if (value is not null)
        {
            value.Producer = this;
            value.ProducerIndex = _outputs.Count;
        }
        _outputs.Add(value);
    }

    /// <summary>Hands an output to another node, which becomes its producer.</summary>
    internal GraphValue ReleaseOutput(int index)
    {
        var value = _outputs[index]!;
        value.Producer = null;
        _outputs[index] = null;
        return value;
    }

    /// <summary>The tensor that a Constant node says, in whichever attribute; null for kinds that have no tensor of numbers.</summary>
    internal TensorData? ConstantTensor()
    {
        foreach (var (name, attribute) in _attributes)
        {
            switch (name, attribute.Value)
            {
                case ("value", TensorData tensor): return tensor.Strings is null ? tensor : null;
                case ("value_float", float number): return TensorData.Scalar(number);
                case ("value_int", long number): return TensorData.Scalar(number);
                case ("value_floats", IReadOnlyList<float> numbers): return TensorData.Of<float>(numbers.ToArray(), numbers.Count);
                case ("value_ints", IReadOnlyList<long> numbers): return TensorData.Ints([.. numbers]);
                default: break;
            }
        }
        return null;
    }

    /// <summary>As in <c>MatMul '/encoder/fc1'</c>.</summary>
    public override string ToString() => $"{(Domain.Length > 0 ? Domain + "." : "")}{OpType} '{Name}'";

    object? Find(string name) => _attributes.TryGetValue(name, out var attribute) ? attribute.Value : null;
}
