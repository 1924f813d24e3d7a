namespace Earshot.Onnx.Graph;

/// <summary>What a rule of <see cref="InferenceRules"/> sees of a node, and how it says what it found.</summary>
sealed class InferenceContext(OnnxNode node, ShapeInference inference, long operatorSet)
{
    public OnnxNode Node { get; } = node;

    public ShapeInference Inference { get; } = inference;

    public long OperatorSet { get; } = operatorSet;

    public IReadOnlyList<OnnxDimension>? Shape(int input) => Node.Input(input)?.Shape;

    public OnnxElementType Type(int input) => Node.Input(input)?.Type ?? OnnxElementType.Undefined;

    /// <summary>The type of the first input that has one, for operators whose inputs are all of one type.</summary>
    public OnnxElementType AnyType =>
        Node.Inputs.FirstOrDefault(input => input is { Type: not OnnxElementType.Undefined })?.Type ?? OnnxElementType.Undefined;

    public OnnxDimension[]? Contents(int input) => Inference.Contents(Node.Input(input));

    public long[]? Numbers(int input) => ShapeInference.Numbers(Node.Input(input));

    /// <summary>The axes, from the attribute of older operator sets or the input of newer ones.</summary>
    public long[]? Axes(int input, string attribute = "axes") => Node.Ints(attribute)?.ToArray() ?? Numbers(input);

    /// <summary>Says what an output is; unknown parts leave what was known before.</summary>
    public void Set(int output, OnnxElementType type, IReadOnlyList<OnnxDimension>? shape)
    {
        if (output >= Node.Outputs.Count || Node.Outputs[output] is not { } value) return;
        if (type != OnnxElementType.Undefined) value.Type = type;
        if (shape is null) return;
        value.Shape = value.Shape is { } known ? Merge(known, shape) : shape;
    }

    /// <summary>An axis counted from the front.</summary>
    public int Axis(long axis, int rank)
    {
        long positive = axis < 0 ? axis + rank : axis;
        if (positive < 0 || positive >= rank)
            throw new OnnxModelException($"The node {Node} has the axis {axis}; its input has {rank} dimensions.");
        return (int)positive;
    }

    public OnnxModelException Bad(string problem) => new($"The node {Node} {problem}.");

    /// <summary>Numpy's broadcasting: from the last dimension on, equal or one of them 1.</summary>
    public IReadOnlyList<OnnxDimension>? Broadcast(params ReadOnlySpan<IReadOnlyList<OnnxDimension>?> shapes)
    {
        OnnxDimension[]? result = null;
        foreach (var shape in shapes)
        {
            if (shape is null) return null;
            result = result is null ? [.. shape] : Broadcast(result, shape);
        }
        return result;
    }

    OnnxDimension[] Broadcast(OnnxDimension[] left, IReadOnlyList<OnnxDimension> right)
    {
        var result = new OnnxDimension[Math.Max(left.Length, right.Count)];
        for (int i = 1; i <= result.Length; i++)
        {
            OnnxDimension a = i <= left.Length ? left[^i] : 1, b = i <= right.Count ? right[^i] : 1;
            if (a.Size is > 1 && b.Size is > 1 && a != b)
                throw Bad($"reads ({string.Join(", ", left)}) and ({string.Join(", ", right)}), which do not broadcast");
            result[^i] = a.Size == 1 ? b : b.Size == 1 ? a : a.Size is not null ? a : b.Size is not null ? b : a.Matches(b) ? a
                : OnnxDimension.Unknown;
        }
        return result;
    }

    /// <summary>
    /// What a file says and what was inferred: a number goes before a symbol, a symbol before nothing; where they contradict each other,
    /// the file's word stays.
    /// </summary>
    static OnnxDimension[] Merge(IReadOnlyList<OnnxDimension> known, IReadOnlyList<OnnxDimension> inferred)
    {
        if (known.Count != inferred.Count) return [.. known];
        var merged = new OnnxDimension[known.Count];
        for (int i = 0; i < merged.Length; i++)
            merged[i] = known[i].Size is null && (inferred[i].Size is not null || known[i].IsUnknown) ? inferred[i] : known[i];
        return merged;
    }
}
