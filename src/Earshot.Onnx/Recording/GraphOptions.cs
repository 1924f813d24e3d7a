using Earshot.Compute.Quantization;

namespace Earshot.Onnx.Recording;

/// <summary>Which operators a recorded graph may use.</summary>
public enum GraphTarget
{
    /// <summary>ONNX's own operators only: for any runtime.</summary>
    Portable,

    /// <summary>Also ONNX Runtime's fused operators (<c>com.microsoft</c>), which it runs faster.</summary>
    OnnxRuntime,
}

/// <summary>What a recorded graph computes in. Graph inputs of features, and logits, are float32 in each.</summary>
public enum GraphPrecision
{
    Float32,

    /// <summary>Weights and activations in float16; layer norms and softmax in float32, or inside operators that compute them so.</summary>
    Float16,

    /// <summary>Matrix weights in int8 by output channel, activations quantised as they come, the rest in float32.</summary>
    Int8,

    /// <summary>Matrix weights in int8 by blocks of inputs, for ONNX Runtime's MatMulNBits; the rest in float32.</summary>
    Int8Blocks,

    /// <summary>
    /// Matrix weights in int4 by blocks of inputs (the output projection in int8), for ONNX Runtime's MatMulNBits; the rest in float32.
    /// </summary>
    Int4Blocks,
}

/// <summary>How a model is recorded.</summary>
public sealed record GraphOptions
{
    public GraphTarget Target { get; init; } = GraphTarget.OnnxRuntime;

    public GraphPrecision Precision { get; init; } = GraphPrecision.Float32;

    /// <summary>Inputs that share one scale where weights are quantised by blocks: a power of two from 16.</summary>
    public int BlockSize { get; init; } = 32;

    /// <summary>What matrix weights are kept in, but for those of <see cref="KeepInFloat"/>.</summary>
    public WeightFormat Weights => GraphPrecisions.WeightsOf(Precision, BlockSize);

    /// <summary>Which matrices are not quantised, by the checkpoint's key; null: none.</summary>
    public Func<string, bool>? KeepInFloat { get; init; }

    /// <summary>
    /// The version of ONNX's operator set: 17 is the first with LayerNormalization and is read by every current runtime. GELU is
    /// written as its parts, because the Gelu operator of version 20 is still unknown to many, and those that know it fuse the parts.
    /// </summary>
    public const int OperatorSet = 17;

    /// <summary>What matrices, activations and caches are kept in.</summary>
    internal OnnxElementType ComputeType => Precision == GraphPrecision.Float16 ? OnnxElementType.Float16 : OnnxElementType.Float32;

    internal bool KeepsFloat(string name) => Weights.IsQuantized && KeepInFloat?.Invoke(name) == true;

    /// <exception cref="ModelException">The precision needs operators that the target does not allow, or the block size cannot
    /// be.</exception>
    internal void Check()
    {
        if (BlockSize < 16 || !System.Numerics.BitOperations.IsPow2(BlockSize))
            throw new ModelException($"Blocks of {BlockSize} inputs cannot be quantised; expected a power of two from 16, such as 32.");
        if (Target == GraphTarget.Portable && Weights.Group > 0)
        {
            throw new ModelException(
                $"Precision {Precision} needs ONNX Runtime's MatMulNBits, which a portable graph may not use. " +
                $"Choose the target {GraphTarget.OnnxRuntime}, or {GraphPrecision.Int8}.");
        }
    }
}
