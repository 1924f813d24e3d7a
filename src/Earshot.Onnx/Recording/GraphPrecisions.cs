using Earshot.Compute.Quantization;

namespace Earshot.Onnx.Recording;

/// <summary>Graphs' precisions in the vocabulary that checkpoints and the processor's kernels share.</summary>
public static class GraphPrecisions
{
    /// <summary>What a graph of a precision keeps matrix weights in.</summary>
    /// <param name="blockSize">Inputs that share a scale, where weights are quantised by blocks.</param>
    public static WeightFormat WeightsOf(GraphPrecision precision, int blockSize = 32) => precision switch
    {
        GraphPrecision.Float32 => WeightFormat.F32,
        GraphPrecision.Float16 => WeightFormat.F16,
        GraphPrecision.Int8 => WeightFormat.Int8,
        GraphPrecision.Int8Blocks => WeightFormat.Integers(8, blockSize),
        GraphPrecision.Int4Blocks => WeightFormat.Integers(4, blockSize),
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "Not a precision of graphs."),
    };

    /// <summary>The precision of a graph that keeps matrix weights in a format; null where graphs have none such.</summary>
    public static GraphPrecision? Of(WeightFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        if (format == WeightFormat.F32) return GraphPrecision.Float32;
        if (format == WeightFormat.F16) return GraphPrecision.Float16;
        if (format.Scheme != NumberScheme.SymmetricInteger || format.KeepsOutliers) return null;
        if (format.Group == 0) return format.Bits == 8 ? GraphPrecision.Int8 : null;
        return format.Bits == 8 ? GraphPrecision.Int8Blocks : GraphPrecision.Int4Blocks;
    }
}
