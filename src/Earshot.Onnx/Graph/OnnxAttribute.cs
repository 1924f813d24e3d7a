using System.Globalization;
using System.Text;

namespace Earshot.Onnx.Graph;

/// <summary>What an attribute holds; the numbers are those of <c>AttributeProto.AttributeType</c>.</summary>
public enum OnnxAttributeKind
{
    Undefined = 0,
    Float = 1,
    Int = 2,
    Text = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Texts = 8,
    Tensors = 9,
    Graphs = 10,
    SparseTensor = 11,
    SparseTensors = 12,
    Type = 13,
    Types = 14,
}

/// <summary>A node's setting: a number, a text, a tensor, a graph, or a list of them.</summary>
public sealed class OnnxAttribute
{
    internal OnnxAttribute(OnnxAttributeKind kind, object? value)
    {
        Kind = kind;
        Value = value;
    }

    public OnnxAttributeKind Kind { get; }

    /// <summary>
    /// float, long, string, TensorData, OnnxGraph, or a read-only list of one of them; null for kinds that are carried along unread.
    /// </summary>
    public object? Value { get; }

    /// <summary>Fields that we do not read, as they were.</summary>
    internal byte[] Unknown { get; init; } = [];

    public static implicit operator OnnxAttribute(float value) => new(OnnxAttributeKind.Float, value);

    public static implicit operator OnnxAttribute(long value) => new(OnnxAttributeKind.Int, value);

    public static implicit operator OnnxAttribute(bool value) => new(OnnxAttributeKind.Int, value ? 1L : 0L);

    public static implicit operator OnnxAttribute(string value) => new(OnnxAttributeKind.Text, value);

    public static implicit operator OnnxAttribute(OnnxElementType value) => new(OnnxAttributeKind.Int, (long)value);

    public static implicit operator OnnxAttribute(long[] value) => new(OnnxAttributeKind.Ints, value.AsReadOnly());

    public static implicit operator OnnxAttribute(float[] value) => new(OnnxAttributeKind.Floats, value.AsReadOnly());

    public static implicit operator OnnxAttribute(string[] value) => new(OnnxAttributeKind.Texts, value.AsReadOnly());

    public static implicit operator OnnxAttribute(TensorData value) => new(OnnxAttributeKind.Tensor, value);

    public static implicit operator OnnxAttribute(OnnxGraph value) => new(OnnxAttributeKind.Graph, value);

    /// <summary>The graphs that the attribute holds.</summary>
    internal IEnumerable<OnnxGraph> Graphs => Value switch
    {
        OnnxGraph graph => [graph],
        IReadOnlyList<OnnxGraph> graphs => graphs,
        _ => [],
    };

    /// <summary>One line; graphs are only named, because they are written below their node.</summary>
    public override string ToString() => Value switch
    {
        float number => number.ToString("R", CultureInfo.InvariantCulture),
        long number => number.ToString(CultureInfo.InvariantCulture),
        string text => Quote(text),
        TensorData tensor => OnnxText.Of(tensor),
        OnnxGraph graph => $"graph {graph.Name}",
        IReadOnlyList<float> numbers =>
            $"[{string.Join(", ", numbers.Select(number => number.ToString("R", CultureInfo.InvariantCulture)))}]",
        IReadOnlyList<long> numbers => $"[{string.Join(", ", numbers)}]",
        IReadOnlyList<string> texts => $"[{string.Join(", ", texts.Select(Quote))}]",
        IReadOnlyList<TensorData> tensors => $"[{string.Join(", ", tensors.Select(OnnxText.Of))}]",
        IReadOnlyList<OnnxGraph> graphs => $"[{string.Join(", ", graphs.Select(graph => $"graph {graph.Name}"))}]",
        _ => $"<{Kind}>",
    };

    static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text) quoted.Append(c is '"' or '\\' ? $"\\{c}" : char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString());
        return quoted.Append('"').ToString();
    }
}
