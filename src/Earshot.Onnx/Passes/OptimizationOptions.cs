using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>Which operators a graph may use.</summary>
public enum OptimizationTarget
{
    /// <summary>ONNX's own operators only.</summary>
    Portable,

    /// <summary>ONNX Runtime's own operators (domain com.microsoft) too.</summary>
    OnnxRuntime,
}

/// <summary>How the weights of matrix products are stored.</summary>
public enum WeightFormat
{
    /// <summary>As they are.</summary>
    Keep,

    /// <summary>int8 per column; activations are quantised while running.</summary>
    DynamicInt8,

    /// <summary>int8 in blocks along each column, with a scale a block; for ONNX Runtime only.</summary>
    BlockInt8,

    /// <summary>int4 in blocks along each column, with a scale a block; for ONNX Runtime only.</summary>
    BlockInt4,
}

/// <summary>What the passes are to do.</summary>
public sealed record OptimizationOptions
{
    public OptimizationTarget Target { get; init; } = OptimizationTarget.OnnxRuntime;

    public WeightFormat Weights { get; init; } = WeightFormat.Keep;

    /// <summary>Weights of a block, for the block formats: 16, 32, 64, 128 or 256.</summary>
    public int BlockSize { get; init; } = 32;

    /// <summary>Whether to quantise the weight of a product; the default leaves those of less than 16,384 elements.</summary>
    public Func<OnnxNode, TensorData, bool> QuantizesWeight { get; init; } = static (_, weight) => weight.Count >= 16_384;

    /// <summary>Whether to compute in float16 where that is safe; inputs and outputs stay as they are.</summary>
    public bool Float16 { get; init; }

    /// <summary>Nodes that stay in float32 beside norms, softmax and what makes the model's outputs.</summary>
    public Func<OnnxNode, bool> KeepsFloat32 { get; init; } = static _ => false;
}

/// <summary>What a pass did.</summary>
public sealed record PassReport(string Pass, int Changes, IReadOnlyDictionary<string, int> Details)
{
    /// <summary>As in <c>gelu fusion: 4 changes (erf form 4)</c>.</summary>
    public override string ToString()
    {
        var details = Details.Count == 0 ? "" : $" ({string.Join(", ", Details.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key} {entry.Value}"))})";
        return $"{Pass}: {Changes} {(Changes == 1 ? "change" : "changes")}{details}";
    }
}
