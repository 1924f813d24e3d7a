using System.Globalization;

namespace Earshot.Onnx.Graph;

/// <summary>
/// Writes a model as a <c>ModelProto</c>; tensors for which <paramref name="locate"/> names a place are written as references to it.
/// </summary>
sealed class OnnxWriter(Func<TensorData, ExternalPlace?>? locate)
{
    public ProtoWriter Model(OnnxModel model)
    {
        var proto = new ProtoWriter();
        proto.Int(1, model.IrVersion);
        proto.OptionalText(2, model.ProducerName);
        proto.OptionalText(3, model.ProducerVersion);
        proto.Message(7, Graph(model.Graph));
        foreach (var (domain, version) in model.OperatorSets)
        {
            var set = new ProtoWriter();
            set.OptionalText(1, domain);
            set.Int(2, version);
            proto.Message(8, set);
        }
        foreach (var (key, value) in model.Metadata) proto.Message(14, Pair(key, value));
        proto.Raw(model.Unknown);
        return proto;
    }

    ProtoWriter Graph(OnnxGraph graph)
    {
        var proto = new ProtoWriter();
        foreach (var node in graph.Nodes) proto.Message(1, Node(node));
        proto.OptionalText(2, graph.Name);
        foreach (var value in graph.Initializers) proto.Message(5, Tensor(value.Initializer!, value.Name));
        foreach (var value in graph.Inputs) proto.Message(11, ValueInfo(value));
        foreach (var value in graph.Outputs) proto.Message(12, ValueInfo(value));
        foreach (var node in graph.Nodes)
        {
            foreach (var value in node.Outputs)
            {
                if (value is { IsGraphOutput: false } && (value.Type != OnnxElementType.Undefined || value.OtherType is not null))
                    proto.Message(13, ValueInfo(value));
            }
        }
        proto.Raw(graph.Unknown);
        return proto;
    }

    ProtoWriter Node(OnnxNode node)
    {
        var proto = new ProtoWriter();
        foreach (var input in node.Inputs) proto.Text(1, input?.Name ?? "");
        foreach (var output in node.Outputs) proto.Text(2, output?.Name ?? "");
        proto.OptionalText(3, node.Name);
        proto.Text(4, node.OpType);
        foreach (var (name, attribute) in node.Attributes) proto.Message(5, Attribute(name, attribute));
        proto.OptionalText(7, node.Domain);
        proto.Raw(node.Unknown);
        return proto;
    }

    ProtoWriter Attribute(string name, OnnxAttribute attribute)
    {
        var proto = new ProtoWriter();
        proto.Text(1, name);
        switch (attribute.Value)
        {
            case float number: proto.Float(2, number); break;
            case long number: proto.Int(3, number); break;
            case string text: proto.Text(4, text); break;
            case TensorData tensor: proto.Message(5, Tensor(tensor, "")); break;
            case OnnxGraph graph: proto.Message(6, Graph(graph)); break;
            case IReadOnlyList<float> numbers: foreach (float number in numbers) proto.Float(7, number); break;
            case IReadOnlyList<long> numbers: foreach (long number in numbers) proto.Int(8, number); break;
            case IReadOnlyList<string> texts: foreach (var text in texts) proto.Text(9, text); break;
            case IReadOnlyList<TensorData> tensors: foreach (var tensor in tensors) proto.Message(10, Tensor(tensor, "")); break;
            case IReadOnlyList<OnnxGraph> graphs: foreach (var graph in graphs) proto.Message(11, Graph(graph)); break;
            default: break;
        }
        proto.Int(20, (long)attribute.Kind);
        proto.Raw(attribute.Unknown);
        return proto;
    }

    ProtoWriter Tensor(TensorData data, string name)
    {
        var proto = new ProtoWriter();
        if (data.Rank > 0) proto.PackedInts(1, data.Shape);
        proto.Int(2, (long)data.Type);
        foreach (var text in data.Strings ?? []) proto.Bytes(6, text.Span);
        proto.OptionalText(8, name);
        if (data.Strings is not null) return proto;
        if (locate?.Invoke(data) is not { } place)
        {
            proto.Payload(9, data);
            return proto;
        }
        proto.Message(13, Pair("location", place.Location));
        proto.Message(13, Pair("offset", place.Offset.ToString(CultureInfo.InvariantCulture)));
        proto.Message(13, Pair("length", data.ByteLength.ToString(CultureInfo.InvariantCulture)));
        proto.Int(14, 1);
        return proto;
    }

    static ProtoWriter ValueInfo(GraphValue value)
    {
        var proto = new ProtoWriter();
        proto.Text(1, value.Name);
        if (value.OtherType is not null) proto.Bytes(2, value.OtherType);
        else if (value.Type != OnnxElementType.Undefined)
        {
            var tensor = new ProtoWriter();
            tensor.Int(1, (long)value.Type);
            if (value.Shape is not null) tensor.Message(2, Shape(value.Shape));
            var type = new ProtoWriter();
            type.Message(1, tensor);
            proto.Message(2, type);
        }
        proto.Raw(value.Unknown);
        return proto;
    }

    static ProtoWriter Shape(IReadOnlyList<OnnxDimension> dimensions)
    {
        var proto = new ProtoWriter();
        foreach (var dimension in dimensions)
        {
            var one = new ProtoWriter();
            if (dimension.Size is { } size) one.Int(1, size);
            else if (dimension.Symbol is { } symbol) one.Text(2, symbol);
            proto.Message(1, one);
        }
        return proto;
    }

    static ProtoWriter Pair(string key, string value)
    {
        var proto = new ProtoWriter();
        proto.Text(1, key);
        proto.Text(2, value);
        return proto;
    }
}

/// <summary>Where a tensor's elements are outside the model file: a path relative to its folder, and an offset.</summary>
readonly record struct ExternalPlace(string Location, long Offset);
