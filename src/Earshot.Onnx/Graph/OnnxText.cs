using System.Globalization;
using System.Text;

namespace Earshot.Onnx.Graph;

/// <summary>A model as text: one line a node, stable from run to run, for reading and for snapshots.</summary>
static class OnnxText
{
    /// <summary>Tensors of more elements show only their type and dimensions.</summary>
    const int MostElements = 8;

    public static string Of(OnnxModel model)
    {
        var text = new StringBuilder();
        text.Append("opset ").AppendJoin(
            ", ", model.OperatorSets.Select(set => set.Key.Length == 0 ? $"{set.Value}" : $"{set.Key} {set.Value}")).Append('\n');
        Append(text, model.Graph, "");
        return text.ToString();
    }

    public static string Of(TensorData tensor)
    {
        if (tensor.Count > MostElements || Elements(tensor) is not { } elements) return tensor.ToString();
        return $"{tensor} {{{string.Join(", ", elements)}}}";
    }

    static void Append(StringBuilder text, OnnxGraph graph, string indent)
    {
        text.Append(indent).Append("graph ").Append(graph.Name).Append('(').AppendJoin(", ", graph.Inputs).Append(") -> (")
            .AppendJoin(", ", graph.Outputs).Append(")\n");
        indent += "  ";
        foreach (var value in graph.Initializers)
            text.Append(indent).Append(value.Name).Append(" = ").Append(Of(value.Initializer!)).Append('\n');
        foreach (var node in graph.Nodes) Append(text, node, indent);
    }

    static void Append(StringBuilder text, OnnxNode node, string indent)
    {
        text.Append(indent).AppendJoin(", ", node.Outputs.Select(output => output?.ToString() ?? "_")).Append(" = ");
        if (node.Domain.Length > 0) text.Append(node.Domain).Append('.');
        text.Append(node.OpType);
        if (node.Attributes.Count > 0)
            text.Append('[').AppendJoin(", ", node.Attributes.Select(attribute => $"{attribute.Key}={attribute.Value}")).Append(']');
        text.Append('(').AppendJoin(", ", node.Inputs.Select(input => input?.Name ?? "_")).Append(")\n");
        foreach (var graph in node.Subgraphs) Append(text, graph, indent + "  ");
    }

    static IEnumerable<string>? Elements(TensorData tensor) => tensor.Type switch
    {
        OnnxElementType.Float32 => tensor.ToArray<float>().Select(x => x.ToString("R", CultureInfo.InvariantCulture)),
        OnnxElementType.Float64 => tensor.ToArray<double>().Select(x => x.ToString("R", CultureInfo.InvariantCulture)),
        OnnxElementType.Float16 => tensor.ToArray<Half>().Select(x => x.ToString("R", CultureInfo.InvariantCulture)),
        OnnxElementType.Int64 => tensor.ToArray<long>().Select(x => x.ToString(CultureInfo.InvariantCulture)),
        OnnxElementType.Int32 => tensor.ToArray<int>().Select(x => x.ToString(CultureInfo.InvariantCulture)),
        OnnxElementType.UInt8 or OnnxElementType.Bool => tensor.ToArray<byte>().Select(x => x.ToString(CultureInfo.InvariantCulture)),
        OnnxElementType.Int8 => tensor.ToArray<sbyte>().Select(x => x.ToString(CultureInfo.InvariantCulture)),
        _ => null,
    };
}
