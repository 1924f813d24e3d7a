using System.Globalization;
using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Nodes and constants, as the operations write them.
public sealed partial class OnnxBackend
{
    GraphValue Node(
        string path, string operation, ReadOnlySpan<GraphValue?> inputs, params ReadOnlySpan<(string Name, OnnxAttribute Value)> attributes)
    {
        using var scope = Enter(path);
        return _builder.Node(operation, inputs, Attributes(attributes));
    }

    GraphValue Fused(
        string path, string operation, ReadOnlySpan<GraphValue?> inputs, params ReadOnlySpan<(string Name, OnnxAttribute Value)> attributes)
    {
        using var scope = Enter(path);
        return _builder.Node(operation, inputs, Attributes(attributes), FusedDomain);
    }

    IReadOnlyList<GraphValue> Nodes(
        string path, string operation, ReadOnlySpan<GraphValue?> inputs, int outputs,
        params ReadOnlySpan<(string Name, OnnxAttribute Value)> attributes)
    {
        using var scope = Enter(path);
        return _builder.Nodes(operation, inputs, outputs, Attributes(attributes));
    }

    IReadOnlyList<GraphValue> FusedNodes(
        string path, string operation, ReadOnlySpan<GraphValue?> inputs, int outputs,
        params ReadOnlySpan<(string Name, OnnxAttribute Value)> attributes)
    {
        using var scope = Enter(path);
        return _builder.Nodes(operation, inputs, outputs, Attributes(attributes), FusedDomain);
    }

    GraphValue Cast(string path, GraphValue x, OnnxElementType type) => x.Type == type ? x : Node(path, "Cast", [x], ("to", type));

    /// <summary>One dimension of a value, as a list of one int64.</summary>
    GraphValue SizeOf(string path, GraphValue x, long axis) => Node(path, "Shape", [x], ("start", axis), ("end", axis + 1));

    /// <summary>A list of one as a scalar.</summary>
    GraphValue Scalar(GraphValue list) => Node("", "Squeeze", [list, Ints(0)]);

    GraphValue Ints(params ReadOnlySpan<long> values) => Initializer($"ints_{string.Join('_', values.ToArray())}", TensorData.Ints(values));

    /// <summary>A scalar of the type that the graph computes in.</summary>
    GraphValue Number(float value) => ComputeType == OnnxElementType.Float16
        ? Initializer($"half_{Text(value)}", TensorData.Scalar((Half)value))
        : Float(value);

    GraphValue Float(float value) => Initializer($"float_{Text(value)}", TensorData.Scalar(value));

    /// <summary>A bias, or another small parameter of one dimension, in the type that the graph computes in.</summary>
    GraphValue Vector(Parameter parameter) => Initializer(parameter.Name, _weights.Plain(parameter, ComputeType));

    GraphValue Initializer(string name, TensorData data)
    {
        if (!_initializers.TryGetValue(name, out var value)) _initializers[name] = value = _builder.Initializer(name, data);
        else if (value.Initializer!.Type != data.Type)
            throw new ModelException($"The weight '{name}' is read as {value.Initializer} and as {data} in one graph.");
        return value;
    }

    GraphBuilder.Scoping Enter(string path) => _builder.Scope(path);

    static string Text(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    static Dictionary<string, OnnxAttribute> Attributes(ReadOnlySpan<(string Name, OnnxAttribute Value)> attributes)
    {
        var dictionary = new Dictionary<string, OnnxAttribute>(attributes.Length);
        foreach (var (name, value) in attributes) dictionary.Add(name, value);
        return dictionary;
    }
}
