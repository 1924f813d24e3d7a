namespace Earshot.Onnx.Graph;

/// <summary>Reads a <c>ModelProto</c> (onnx.proto's field numbers) into values and nodes.</summary>
sealed class OnnxReader
{
    /// <summary>Graphs inside nodes inside graphs: real models have two or three levels.</summary>
    const int MaxDepth = 32;

    readonly OnnxTensorReader _tensors;

    OnnxReader(string? folder) => _tensors = new OnnxTensorReader(folder);

    public static OnnxModel Read(ReadOnlyMemory<byte> bytes, string? folder)
    {
        var proto = new ProtoReader(bytes, "model");
        var unknown = new List<byte>();
        var notes = new Notes();
        OnnxGraph? graph = null;
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: notes.IrVersion = proto.Int64(); break;
                case 2: notes.ProducerName = proto.Text(); break;
                case 3: notes.ProducerVersion = proto.Text(); break;
                case 7:
                    if (graph is not null) throw proto.Bad("a second graph");
                    graph = new OnnxReader(folder).Graph(proto.Message("graph"), null, 0);
                    break;
                case 8: notes.Add(OperatorSet(proto.Message("operator set"))); break;
                case 14: notes.Add(TextPair(proto.Message("metadata"))); break;
                default: unknown.AddRange(proto.Skip().Span); break;
            }
        }
        if (graph is null) throw new OnnxModelException("The ONNX model has no graph.");
        var model = new OnnxModel(graph)
        {
            IrVersion = notes.IrVersion,
            ProducerName = notes.ProducerName,
            ProducerVersion = notes.ProducerVersion,
            Unknown = [.. unknown],
        };
        foreach (var (domain, version) in notes.OperatorSets) model.OperatorSets[domain == "ai.onnx" ? "" : domain] = version;
        foreach (var (key, value) in notes.Metadata) model.Metadata[key] = value;
        return model;
    }

    internal static (string Key, string Value) TextPair(ProtoReader proto)
    {
        string key = "", value = "";
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: key = proto.Text(); break;
                case 2: value = proto.Text(); break;
                default: proto.Skip(); break;
            }
        }
        return (key, value);
    }

    static (string Domain, long Version) OperatorSet(ProtoReader proto)
    {
        string domain = "";
        long version = 0;
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: domain = proto.Text(); break;
                case 2: version = proto.Int64(); break;
                default: proto.Skip(); break;
            }
        }
        return (domain, version);
    }

    OnnxGraph Graph(ProtoReader proto, Scope? outer, int depth)
    {
        if (depth > MaxDepth) throw new OnnxModelException($"The model has graphs nested deeper than {MaxDepth} levels.");
        var parts = new GraphParts();
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: parts.Nodes.Add(new NodeParts(proto.Message("node"))); break;
                case 2: parts.Name = proto.Text(); break;
                case 5: parts.Initializers.Add(_tensors.Read(proto.Message("initializer"))); break;
                case 11: parts.Inputs.Add(new ValueInfo(proto.Message("input"))); break;
                case 12: parts.Outputs.Add(new ValueInfo(proto.Message("output"))); break;
                case 13: parts.Values.Add(new ValueInfo(proto.Message("value"))); break;
                case 15: throw proto.Bad("a sparse initializer, which is not supported");
                default: parts.Unknown.AddRange(proto.Skip().Span); break;
            }
        }
        return Build(parts, new Scope(outer), depth);
    }

    OnnxGraph Build(GraphParts parts, Scope scope, int depth)
    {
        var graph = new OnnxGraph(parts.Name) { Unknown = [.. parts.Unknown] };
        foreach (var info in parts.Inputs)
        {
            var value = graph.AddInput(info.Name, info.Type, info.Shape);
            info.CopyRestTo(value);
            scope.Define(value, "input");
        }
        foreach (var (name, data) in parts.Initializers)
        {
            if (scope.Own(name) is not { } input) scope.Define(graph.AddInitializer(name, data), "initializer");
            else if (input.Initializer is null) graph.AddDefault(input, data);
            else throw new OnnxModelException($"The graph '{graph.Name}' has two initializers of the name '{name}'.");
        }
        // Outputs of all nodes first: a node may stand before those it reads from, and graphs inside read names outside.
        var nodes = parts.Nodes.ConvertAll(node => AddNode(graph, node, scope));
        for (int i = 0; i < nodes.Count; i++) Connect(nodes[i], parts.Nodes[i], scope, depth);
        foreach (var info in parts.Values)
        {
            if (scope.Own(info.Name) is { } value) info.CopyTo(value);
        }
        foreach (var info in parts.Outputs)
        {
            var value = scope.Find(info.Name)
                ?? throw new OnnxModelException($"The graph '{graph.Name}' returns '{info.Name}', which nothing makes.");
            info.CopyTo(value);
            graph.AddOutput(value);
        }
        graph.Sort();
        return graph;
    }

    static OnnxNode AddNode(OnnxGraph graph, NodeParts parts, Scope scope)
    {
        if (parts.OpType.Length == 0)
            throw new OnnxModelException($"The node '{parts.Name}' of the graph '{graph.Name}' names no operator.");
        var node = graph.AddNode(new NodeSpec(parts.OpType, [], parts.Outputs.ConvertAll(name => name.Length == 0 ? null : name))
        {
            Domain = parts.Domain,
            Name = parts.Name,
            Unknown = [.. parts.Unknown],
        });
        foreach (var output in node.Outputs)
        {
            if (output is not null) scope.Define(output, $"output of the node {node}");
        }
        return node;
    }

    void Connect(OnnxNode node, NodeParts parts, Scope scope, int depth)
    {
        for (int i = 0; i < parts.Inputs.Count; i++)
        {
            var name = parts.Inputs[i];
            node.SetInput(i, name.Length == 0
                ? null
                : scope.Find(name) ?? throw new OnnxModelException($"The node {node} reads '{name}', which nothing makes."));
        }
        foreach (var attribute in parts.Attributes)
        {
            var (name, value) = Attribute(attribute, scope, depth);
            if (node.Attributes.ContainsKey(name)) throw new OnnxModelException($"The node {node} has the attribute '{name}' twice.");
            node.Set(name, value);
        }
    }

    (string Name, OnnxAttribute Value) Attribute(ProtoReader proto, Scope scope, int depth)
    {
        var parts = new AttributeParts();
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: parts.Name = proto.Text(); break;
                case 2: parts.Float = proto.Float(); break;
                case 3: parts.Int = proto.Int64(); break;
                case 4: parts.Texts.Add(proto.Bytes()); parts.IsText = true; break;
                case 5: parts.Tensors.Add(_tensors.Read(proto.Message("tensor")).Data); parts.IsTensor = true; break;
                case 6: parts.Graphs.Add(Graph(proto.Message("graph"), scope, depth + 1)); parts.IsGraph = true; break;
                case 7: proto.Fixed(parts.Floats, sizeof(float)); break;
                case 8: proto.Int64s(parts.Ints); break;
                case 9: parts.Texts.Add(proto.Bytes()); break;
                case 10: parts.Tensors.Add(_tensors.Read(proto.Message("tensor")).Data); break;
                case 11: parts.Graphs.Add(Graph(proto.Message("graph"), scope, depth + 1)); break;
                case 20: parts.Kind = (OnnxAttributeKind)proto.Int32(); break;
                default: parts.Unknown.AddRange(proto.Skip().Span); break;
            }
        }
        return (parts.Name, parts.ToAttribute());
    }

    /// <summary>The model's small fields while they are read.</summary>
    sealed class Notes
    {
        public long IrVersion { get; set; }

        public string ProducerName { get; set; } = "";

        public string ProducerVersion { get; set; } = "";

        public List<(string, long)> OperatorSets { get; } = [];

        public List<(string, string)> Metadata { get; } = [];

        public void Add((string, long) operatorSet) => OperatorSets.Add(operatorSet);

        public void Add((string, string) metadata) => Metadata.Add(metadata);
    }

    /// <summary>The names that nodes of a graph can read: its own and those of the graphs around it.</summary>
    sealed class Scope(Scope? outer)
    {
        readonly Dictionary<string, GraphValue> _values = new(StringComparer.Ordinal);

        public void Define(GraphValue value, string what)
        {
            if (value.Name.Length == 0) throw new OnnxModelException($"An {what} has no name.");
            if (!_values.TryAdd(value.Name, value))
                throw new OnnxModelException($"The name '{value.Name}' is given twice, the second time as {what}.");
        }

        public GraphValue? Own(string name) => _values.GetValueOrDefault(name);

        public GraphValue? Find(string name) => Own(name) ?? outer?.Find(name);
    }
}
