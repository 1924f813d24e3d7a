using System.Runtime.InteropServices;
using System.Text;

namespace Earshot.Onnx.Graph;

/// <summary>A GraphProto's fields before names are resolved.</summary>
sealed class GraphParts
{
    public string Name { get; set; } = "";

    public List<NodeParts> Nodes { get; } = [];

    public List<(string Name, TensorData Data)> Initializers { get; } = [];

    public List<ValueInfo> Inputs { get; } = [];

    public List<ValueInfo> Outputs { get; } = [];

    public List<ValueInfo> Values { get; } = [];

    public List<byte> Unknown { get; } = [];
}

/// <summary>
/// A NodeProto's fields before names are resolved; attributes stay unread, because graphs in them read names of their surroundings.
/// </summary>
sealed class NodeParts
{
    public NodeParts(ProtoReader proto)
    {
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: Inputs.Add(proto.Text()); break;
                case 2: Outputs.Add(proto.Text()); break;
                case 3: Name = proto.Text(); break;
                case 4: OpType = proto.Text(); break;
                case 5: Attributes.Add(proto.Message("attribute")); break;
                case 7: Domain = proto.Text(); break;
                default: Unknown.AddRange(proto.Skip().Span); break;
            }
        }
    }

    public string Name { get; } = "";

    public string OpType { get; } = "";

    public string Domain { get; } = "";

    public List<string> Inputs { get; } = [];

    public List<string> Outputs { get; } = [];

    public List<ProtoReader> Attributes { get; } = [];

    public List<byte> Unknown { get; } = [];
}

/// <summary>An AttributeProto's fields; which of them count is said by its kind or, in old files, by what is there.</summary>
sealed class AttributeParts
{
    public string Name { get; set; } = "";

    public OnnxAttributeKind Kind { get; set; }

    public float? Float { get; set; }

    public long? Int { get; set; }

    public List<byte> Floats { get; } = [];

    public List<long> Ints { get; } = [];

    public List<ReadOnlyMemory<byte>> Texts { get; } = [];

    public List<TensorData> Tensors { get; } = [];

    public List<OnnxGraph> Graphs { get; } = [];

    public List<byte> Unknown { get; } = [];

    public bool IsText { get; set; }

    public bool IsTensor { get; set; }

    public bool IsGraph { get; set; }

    public OnnxAttribute ToAttribute()
    {
        if (Name.Length == 0) throw new OnnxModelException("An attribute has no name.");
        var kind = Kind == OnnxAttributeKind.Undefined ? Guess() : Kind;
        object? value = kind switch
        {
            OnnxAttributeKind.Float => Float ?? 0,
            OnnxAttributeKind.Int => Int ?? 0,
            OnnxAttributeKind.Text => Texts.Count == 0 ? "" : Decode(Texts[^1]),
            OnnxAttributeKind.Tensor => Tensors.Count > 0 ? Tensors[^1] : throw Missing("tensor"),
            OnnxAttributeKind.Graph => Graphs.Count > 0 ? Graphs[^1] : throw Missing("graph"),
            OnnxAttributeKind.Floats => MemoryMarshal.Cast<byte, float>(CollectionsMarshal.AsSpan(Floats)).ToArray().AsReadOnly(),
            OnnxAttributeKind.Ints => Ints,
            OnnxAttributeKind.Texts => Texts.ConvertAll(text => Decode(text)),
            OnnxAttributeKind.Tensors => Tensors,
            OnnxAttributeKind.Graphs => Graphs,
            OnnxAttributeKind.SparseTensor or OnnxAttributeKind.SparseTensors or OnnxAttributeKind.Type or OnnxAttributeKind.Types => null,
            _ => throw new OnnxModelException($"The attribute '{Name}' is of the unknown kind {(int)kind}."),
        };
        return new OnnxAttribute(kind, value) { Unknown = [.. Unknown] };
    }

    OnnxAttributeKind Guess() =>
        Float is not null ? OnnxAttributeKind.Float
        : Int is not null ? OnnxAttributeKind.Int
        : IsTensor ? OnnxAttributeKind.Tensor
        : IsGraph ? OnnxAttributeKind.Graph
        : IsText ? OnnxAttributeKind.Text
        : Floats.Count > 0 ? OnnxAttributeKind.Floats
        : Texts.Count > 0 ? OnnxAttributeKind.Texts
        : Tensors.Count > 0 ? OnnxAttributeKind.Tensors
        : Graphs.Count > 0 ? OnnxAttributeKind.Graphs
        : OnnxAttributeKind.Ints;

    string Decode(ReadOnlyMemory<byte> text)
    {
        try
        {
            return s_strict.GetString(text.Span);
        }
        catch (DecoderFallbackException)
        {
            throw new OnnxModelException($"The attribute '{Name}' holds text that is not UTF-8.");
        }
    }

    OnnxModelException Missing(string what) => new($"The attribute '{Name}' says it holds a {what} and holds none.");

    static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
}

/// <summary>A ValueInfoProto: a name with a type and dimensions.</summary>
sealed class ValueInfo
{
    readonly byte[]? _otherType;
    readonly List<byte> _unknown = [];

    public ValueInfo(ProtoReader proto)
    {
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: Name = proto.Text(); break;
                case 2:
                    var type = proto.Bytes();
                    if (!ReadTensorType(new ProtoReader(type, "type"))) _otherType = type.ToArray();
                    break;
                default: _unknown.AddRange(proto.Skip().Span); break;
            }
        }
    }

    public string Name { get; } = "";

    public OnnxElementType Type { get; private set; }

    public OnnxDimension[]? Shape { get; private set; }

    /// <summary>Tells a value what is known of it; what the value knows already stays where nothing is said.</summary>
    public void CopyTo(GraphValue value)
    {
        if (Type != OnnxElementType.Undefined) value.Type = Type;
        if (Shape is not null) value.Shape = Shape;
        CopyRestTo(value);
    }

    public void CopyRestTo(GraphValue value)
    {
        value.OtherType = _otherType;
        value.Unknown = [.. _unknown];
    }

    /// <summary>Reads a TypeProto; returns false where it is not a tensor's.</summary>
    bool ReadTensorType(ProtoReader proto)
    {
        bool tensor = false;
        bool other = false;
        while (proto.Next())
        {
            if (proto.Field == 1)
            {
                ReadTensor(proto.Message("tensor type"));
                tensor = true;
            }
            else
            {
                other |= proto.Field is 4 or 5 or 7 or 8 or 9;
                proto.Skip();
            }
        }
        return tensor || !other;
    }

    void ReadTensor(ProtoReader proto)
    {
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: Type = (OnnxElementType)proto.Int32(); break;
                case 2: Shape = Dimensions(proto.Message("shape")); break;
                default: proto.Skip(); break;
            }
        }
    }

    static OnnxDimension[] Dimensions(ProtoReader proto)
    {
        var dimensions = new List<OnnxDimension>();
        while (proto.Next())
        {
            if (proto.Field == 1) dimensions.Add(Dimension(proto.Message("dimension")));
            else proto.Skip();
        }
        return [.. dimensions];
    }

    static OnnxDimension Dimension(ProtoReader proto)
    {
        var dimension = OnnxDimension.Unknown;
        while (proto.Next())
        {
            switch (proto.Field)
            {
                case 1: dimension = proto.Int64() is >= 0 and var size ? size : OnnxDimension.Unknown; break;
                case 2: dimension = proto.Text() is { Length: > 0 } symbol ? symbol : OnnxDimension.Unknown; break;
                default: proto.Skip(); break;
            }
        }
        return dimension;
    }
}
