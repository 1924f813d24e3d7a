using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

/// <summary>
/// Records a graph: calling a model's functions adds nodes, named after the parameters they read. Sizes that the graph's inputs
/// leave open stay open; the shapes of tensors are examples. Tensors are (batch, time, size); the rows of a batch are sequences.
/// </summary>
public sealed partial class OnnxBackend : Backend
{
    /// <summary>The operator set of ONNX Runtime's own operators.</summary>
    internal const string FusedDomain = "com.microsoft";

    readonly GraphBuilder _builder;
    readonly GraphOptions _options;
    readonly OnnxWeights _weights;
    readonly Dictionary<string, GraphValue> _initializers = new(StringComparer.Ordinal);

    /// <summary>Begins a graph. Graphs that are to share their weights' file share <paramref name="weights"/>.</summary>
    /// <exception cref="ModelException">The options contradict each other.</exception>
    public OnnxBackend(string name, GraphOptions? options = null, OnnxWeights? weights = null)
    {
        _options = options ?? new GraphOptions();
        _options.Check();
        _weights = weights ?? new OnnxWeights();
        _builder = new GraphBuilder(name, GraphOptions.OperatorSet);
    }

    public GraphOptions Options => _options;

    bool Fuses => _options.Target == GraphTarget.OnnxRuntime;

    OnnxElementType ComputeType => _options.ComputeType;

    /// <summary>A float32 input, for instance (batch, time, size).</summary>
    public Tensor Input(string name, Shape example, params ReadOnlySpan<OnnxDimension> shape) =>
        New(example, "").With(Cast("", _builder.Input(name, OnnxElementType.Float32, shape), ComputeType));

    /// <summary>A float32 input (batch, size, time), which the model sees as (batch, time, size).</summary>
    public Tensor InputBySize(string name, Shape example, params ReadOnlySpan<OnnxDimension> shape)
    {
        var tensor = New(new Shape(example[0], example[2], example[1]), "");
        tensor.ChannelMajor = Cast("", _builder.Input(name, OnnxElementType.Float32, shape), ComputeType);
        return tensor;
    }

    /// <summary>An int64 input of indices, such as tokens.</summary>
    public Tensor Indices(string name, Shape example, params ReadOnlySpan<OnnxDimension> shape) =>
        Index(example, "", _builder.Input(name, OnnxElementType.Int64, shape));

    /// <summary>Returns a tensor under a name, as float32.</summary>
    public void Output(string name, Tensor tensor, params ReadOnlySpan<OnnxDimension> shape) =>
        Return(name, Cast("", Unwrap(tensor).Value, OnnxElementType.Float32), OnnxElementType.Float32, shape.ToArray());

    /// <summary>The finished model: the states' new values are returned too. The backend is not used afterwards.</summary>
    public OnnxModel Build()
    {
        foreach (var state in _states) state.Return(this);
        var model = _builder.Build();
        if (_options.Target == GraphTarget.Portable && model.Graph.Nodes.FirstOrDefault(node => node.Domain.Length > 0) is { } foreign)
        {
            throw new ModelException($"The graph '{model.Graph.Name}' is to be portable, but has the operator {foreign}.");
        }
        return model;
    }

    public override Tensor Embed(Tensor indices, Parameter table)
    {
        _weights.NoteTable(table);
        var path = Parent(table.Name);
        // Where matrices are quantised, float16 is precise enough for a table that is only looked up.
        var type = _options.Precision is GraphPrecision.Float32 || _options.KeepsFloat(table.Name)
            ? OnnxElementType.Float32
            : OnnxElementType.Float16;
        var rows = Node(path, "Gather", [Initializer(table.Name, _weights.Plain(table, type)), Unwrap(indices).Value]);
        Span<int> dimensions = stackalloc int[Shape.MaxRank];
        indices.Shape.CopyTo(dimensions);
        dimensions[indices.Shape.Rank] = table.Shape[1];
        return New(new Shape(dimensions[..(indices.Shape.Rank + 1)]), path).With(Cast(path, rows, ComputeType));
    }

    public override Tensor AddPositions(Tensor x, Parameter table)
    {
        var input = Unwrap(x);
        var path = Parent(table.Name);
        var rows = Node(
            path, "Slice", [Initializer(table.Name, _weights.Plain(table, ComputeType)), Ints(0), SizeOf(path, input.Value, 1), Ints(0)]);
        return New(x.Shape, path).With(Node(path, "Add", [input.Value, rows]));
    }

    public override Tensor Magnitude(Tensor x)
    {
        var input = Unwrap(x);
        int half = x.Shape[^1] / 2;
        var parts = Nodes(input.Path, "Split", [input.Value, Ints(half, half)], 2, ("axis", -1L));
        var real = Node(input.Path, "Mul", [parts[0], parts[0]]);
        var imaginary = Node(input.Path, "Mul", [parts[1], parts[1]]);
        return New(x.Shape.WithLast(half), input.Path).With(Node(input.Path, "Sqrt", [Node(input.Path, "Add", [real, imaginary])]));
    }

    /// <summary>Positions of new tokens, (time) of int64: those after what a cache holds. Tokens are (batch, time).</summary>
    internal Tensor PositionsAfter(OnnxKeyValueCache cache, Tensor tokens)
    {
        var past = CacheLength(cache);
        var end = Node("", "Add", [past, SizeOf("", Unwrap(tokens).Value, 1)]);
        return Index(
            new Shape(tokens.Shape[1]), "", Node("", "Range", [Scalar(past), Scalar(end), Initializer("one", TensorData.Scalar(1L))]));
    }

    /// <summary>
    /// The positions of a sequence from <paramref name="first"/> on, which is an int64 input (1): (batch, time, size) → (batch, fewer,
    /// size).
    /// </summary>
    internal Tensor From(Tensor x, Tensor first)
    {
        var input = Unwrap(x);
        return New(x.Shape, input.Path)
            .With(Node(Parent(input.Path), "Slice", [input.Value, Unwrap(first).Value, Ints(int.MaxValue), Ints(1)]));
    }

    /// <summary>
    /// Attention weights of several layers, (batch, time, heads, positions) each, as one with its heads in the given order of all.
    /// </summary>
    internal Tensor SelectHeads(IReadOnlyList<Tensor> layers, IReadOnlyList<long> order)
    {
        var values = layers.Select(layer => Unwrap(layer).Value).ToArray();
        var all = values.Length == 1 ? values[0] : Node("", "Concat", values, ("axis", 2L));
        if (!order.SequenceEqual(Enumerable.Range(0, order.Count).Select(i => (long)i)))
            all = Node("", "Gather", [all, Ints([.. order])], ("axis", 2L));
        var shape = layers[0].Shape;
        return New(new Shape(shape[0], shape[1], order.Count, shape[3]), "").With(all);
    }

    /// <summary>What is still to be done to a tensor that somebody reads.</summary>
    internal GraphValue Finish(OnnxTensor tensor)
    {
        if (tensor.Unfinished is not { } product)
            return Node(tensor.Path, "Transpose", [tensor.ChannelMajor!], ("perm", new long[] { 0, 2, 1 }));
        var value = product.Product;
        if (product is { Bias: { } fusedBias, Activation: Activation.Gelu } && Fuses)
        {
            value = Fused(tensor.Path, "BiasGelu", [value, Vector(fusedBias)]);
        }
        else
        {
            if (product.Bias is { } bias) value = Node(tensor.Path, "Add", [value, Vector(bias)]);
            value = Activated(tensor.Path, value, product.Activation);
        }
        return product.Residual is null ? value : Node(tensor.Path, "Add", [value, product.Residual.Value]);
    }

    internal void Return(string name, GraphValue value, OnnxElementType type, OnnxDimension[] shape)
    {
        var output = _builder.Output(name, value);
        output.Type = type;
        output.Shape = shape;
    }

    static OnnxTensor Unwrap(Tensor tensor) =>
        tensor as OnnxTensor
        ?? throw new ModelException($"A tensor of {tensor.Backend.GetType().Name} was given to a graph that is being recorded.");

    static string Parent(string name) => name.LastIndexOf('.') is >= 0 and var end ? name[..end] : "";

    OnnxTensor New(Shape example, string path) => new(this, example, path);

    OnnxTensor Index(Shape example, string path, GraphValue value) => new OnnxTensor(this, example, path) { IsIndex = true }.With(value);

    GraphValue Activated(string path, GraphValue x, Activation activation) => activation switch
    {
        Activation.None => x,
        Activation.Gelu => Gelu(path, x),
        Activation.Silu => Node(path, "Mul", [x, Node(path, "Sigmoid", [x])]),
        Activation.Relu => Node(path, "Relu", [x]),
        Activation.Sigmoid => Node(path, "Sigmoid", [x]),
        Activation.LeakyRelu => Node(path, "LeakyRelu", [x], ("alpha", 0.01f)),
        Activation.Abs => Node(path, "Abs", [x]),
        Activation.Tanh => Node(path, "Tanh", [x]),
        Activation.GeluTanh => GeluTanh(path, x),
        Activation.QuickGelu => QuickGelu(path, x),
        Activation.Elu => Node(path, "Elu", [x]),
        _ => throw new ModelException($"The activation {activation} cannot be recorded."),
    };

    // x·(1 + erf(x/√2))/2, in the order in which runtimes look for it to fuse it.
    GraphValue Gelu(string path, GraphValue x)
    {
        if (Fuses) return Fused(path, "Gelu", [x]);
        var erf = Node(path, "Erf", [Node(path, "Div", [x, Number(MathF.Sqrt(2))])]);
        return Node(path, "Mul", [Node(path, "Mul", [x, Node(path, "Add", [erf, Number(1)])]), Number(0.5f)]);
    }

    GraphValue GeluTanh(string path, GraphValue x)
    {
        if (Fuses) return Fused(path, "FastGelu", [x]);
        var cube = Node(path, "Mul", [Node(path, "Mul", [x, x]), x]);
        var inner = Node(path, "Add", [x, Node(path, "Mul", [cube, Number(0.044715f)])]);
        var tanh = Node(path, "Tanh", [Node(path, "Mul", [inner, Number(MathF.Sqrt(2 / MathF.PI))])]);
        return Node(path, "Mul", [Node(path, "Mul", [x, Node(path, "Add", [tanh, Number(1)])]), Number(0.5f)]);
    }

    GraphValue QuickGelu(string path, GraphValue x) => Fuses
        ? Fused(path, "QuickGelu", [x], ("alpha", 1.702f))
        : Node(path, "Mul", [x, Node(path, "Sigmoid", [Node(path, "Mul", [x, Number(1.702f)])])]);
}
