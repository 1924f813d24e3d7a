namespace Earshot.Onnx.Graph;

/// <summary>
/// Makes a model in code: <c>var y = builder.Node("MatMul", x, w)</c>. Values get their type and dimensions as they are made, nodes get
/// unique names from the scopes that are open.
/// </summary>
public sealed class GraphBuilder
{
    readonly OnnxModel _model;
    readonly NameSource _names;
    readonly ShapeInference _inference;
    string _scope = "";

    /// <summary>Begins a model in a version of ONNX's operator set; others are added when their first node is.</summary>
    public GraphBuilder(string name = "main", long operatorSet = 20)
    {
        _model = new OnnxModel(new OnnxGraph(name));
        _model.OperatorSets[""] = operatorSet;
        _names = new NameSource(_model);
        _inference = new ShapeInference(_model);
        Graph = _model.Graph;
    }

    GraphBuilder(GraphBuilder outer, string name)
    {
        _model = outer._model;
        _names = outer._names;
        _inference = outer._inference;
        _scope = outer._scope;
        Graph = new OnnxGraph(name);
    }

    /// <summary>The graph as it is so far.</summary>
    public OnnxGraph Graph { get; }

    /// <summary>The version of ONNX's operator set.</summary>
    public long OperatorSet => _model.OperatorSet;

    /// <summary>Adds an input: <c>builder.Input("mel", OnnxElementType.Float32, "batch", 80, 3000)</c>.</summary>
    public GraphValue Input(string name, OnnxElementType type, params ReadOnlySpan<OnnxDimension> shape) =>
        Graph.AddInput(Take(name), type, shape.ToArray());

    /// <summary>Adds a constant under its own name, a checkpoint's key for instance; it is read when the model is written.</summary>
    public GraphValue Initializer(string name, TensorData data) => Graph.AddInitializer(Take(name), data);

    /// <summary>Adds a small constant under a name made up from the scope.</summary>
    public GraphValue Constant(TensorData data) => Graph.AddInitializer(_names.Fresh(Scoped("constant")), data);

    /// <summary>Adds a constant number.</summary>
    public GraphValue Constant<T>(T value) where T : unmanaged => Constant(TensorData.Scalar(value));

    /// <summary>Adds a constant list of int64: axes, a shape.</summary>
    public GraphValue Ints(params ReadOnlySpan<long> values) => Constant(TensorData.Ints(values));

    /// <summary>Adds a node of ONNX's own operators with one output.</summary>
    public GraphValue Node(string opType, params ReadOnlySpan<GraphValue?> inputs) => Add(opType, "", inputs, null, 1).Output;

    /// <summary>Adds a node with settings and one output.</summary>
    public GraphValue Node(
        string opType, ReadOnlySpan<GraphValue?> inputs, IReadOnlyDictionary<string, OnnxAttribute> attributes, string domain = "") =>
        Add(opType, domain, inputs, attributes, 1).Output;

    /// <summary>Adds a node with settings and any number of outputs.</summary>
    public IReadOnlyList<GraphValue> Nodes(
        string opType, ReadOnlySpan<GraphValue?> inputs, int outputs, IReadOnlyDictionary<string, OnnxAttribute>? attributes = null,
        string domain = "") =>
        [.. Add(opType, domain, inputs, attributes, outputs).Outputs.Select(output => output!)];

    /// <summary>
    /// Returns a value under a name. A value that is an input, a constant, or returned already is passed on by an Identity.
    /// </summary>
    public GraphValue Output(string name, GraphValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Producer?.Graph != Graph || value.IsGraphOutput) value = Node("Identity", value);
        value.Name = Take(name);
        Graph.AddOutput(value);
        return value;
    }

    /// <summary>
    /// Makes a graph for an attribute of a node, in which values of this builder can be read: an If's branch, a Loop's body.
    /// </summary>
    public OnnxGraph Subgraph(string name, Action<GraphBuilder> build)
    {
        ArgumentNullException.ThrowIfNull(build);
        var inner = new GraphBuilder(this, name);
        build(inner);
        return inner.Graph;
    }

    /// <summary>Opens a scope: names of nodes and values begin with it until it is disposed.</summary>
    public Scoping Scope(string name)
    {
        var scoping = new Scoping(this, _scope);
        _scope = Scoped(name);
        return scoping;
    }

    /// <summary>The finished model; the builder is not used afterwards.</summary>
    public OnnxModel Build() => _model;

    OnnxNode Add(
        string opType, string domain, ReadOnlySpan<GraphValue?> inputs, IReadOnlyDictionary<string, OnnxAttribute>? attributes, int outputs)
    {
        if (domain.Length > 0) _model.OperatorSets.TryAdd(domain, 1);
        var name = _names.Fresh(Scoped(opType));
        var outputNames = new string[outputs];
        for (int i = 0; i < outputs; i++) outputNames[i] = _names.Fresh($"{name}_out{(outputs == 1 ? "" : $"{i}")}");
        var spec = new NodeSpec(opType, inputs.ToArray(), outputNames)
        {
            Domain = domain,
            Name = name,
            Attributes = attributes ?? new Dictionary<string, OnnxAttribute>(),
        };
        var node = Graph.AddNode(spec);
        _inference.Infer(node);
        return node;
    }

    string Take(string name) =>
        _names.TryTake(name) ? name : throw new OnnxModelException($"The name '{name}' is taken already in the graph '{Graph.Name}'.");

    string Scoped(string name) => _scope.Length == 0 ? name : $"{_scope}/{name}";

    /// <summary>An open scope, closed by disposing.</summary>
    public readonly struct Scoping : IDisposable
    {
        readonly GraphBuilder _builder;
        readonly string _before;

        internal Scoping(GraphBuilder builder, string before)
        {
            _builder = builder;
            _before = before;
        }

        public void Dispose() => _builder._scope = _before;
    }
}

/// <summary>The names of a model's values, and new ones beside them.</summary>
sealed class NameSource
{
    readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> _next = [];

    public NameSource(OnnxModel model)
    {
        foreach (var graph in model.Graph.SelfAndSubgraphs())
        {
            foreach (var value in graph.Inputs.Concat(graph.Initializers)
                .Concat(graph.Nodes.SelectMany(node => node.Outputs).OfType<GraphValue>()))
            {
                _taken.Add(value.Name);
            }
        }
    }

    public bool TryTake(string name) => _taken.Add(name);

    /// <summary>A name that nothing has: the wish itself, or with a number after it.</summary>
    public string Fresh(string wish)
    {
        if (_taken.Add(wish)) return wish;
        int number = _next.GetValueOrDefault(wish, 1);
        string name;
        do name = $"{wish}_{number++}"; while (!_taken.Add(name));
        _next[wish] = number;
        return name;
    }
}
