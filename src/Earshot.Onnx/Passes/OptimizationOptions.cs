using Earshot.Compute.Quantization;
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

/// <summary>What the passes are to do.</summary>
public sealed record OptimizationOptions
{
    public OptimizationTarget Target { get; init; } = OptimizationTarget.OnnxRuntime;

    /// <summary>
    /// How the weights of matrix products are stored: null as they are; <see cref="WeightFormat.Int8"/> per column, activations quantised
    /// while running; whole numbers in groups of 16, 32, 64, 128 or 256 along each column (<see cref="WeightFormat.Integers"/>), for ONNX
    /// Runtime only.
    /// </summary>
    public WeightFormat? Weights { get; init; }

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
        var counts = Details.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key} {entry.Value}");
        var details = Details.Count == 0 ? "" : $" ({string.Join(", ", counts)})";
        return $"{Pass}: {Changes} {(Changes == 1 ? "change" : "changes")}{details}";
    }
}
