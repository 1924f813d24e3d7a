using Earshot.Compute.Quantization;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>The passes in the order in which they help each other.</summary>
public static class OptimizationPipeline
{
    static readonly Func<GraphPass>[] s_passes =
    [
        // First: patterns are looked for among constants, not among the nodes that make them.
        () => new ConstantFolding(),
        // Identities and double transposes stand between the parts of patterns.
        () => new RedundantNodes(),
        // A transpose that was merged may now be one of a constant.
        () => new ConstantFolding(),
        // Parts that only folded nodes read would count as second readers and make patterns refuse.
        () => new DeadNodes(),
        // Before an activation joins the convolution, because the norm stands between them.
        () => new ConvolutionBatchNorm(),
        () => new LayerNormFusion(),
        // Before the products are rewritten: its Muls and Adds must not be taken for biases.
        () => new GeluFusion(),
        // Its Reshapes and Transposes are still as exporters write them; the products inside must not be quantised.
        () => new AttentionFusion(),
        // Only two-dimensional products are left to gain.
        () => new GemmFusion(),
        // After it, because a Gemm takes an activation too.
        () => new ActivationFusion(),
        // Late: it hides the weights from all other patterns.
        () => new WeightQuantization(),
        // After quantisation, which wants float32 weights; it converts what was left.
        () => new Float16Conversion(),
        // What the rewriting left between the parts, and weights that were replaced.
        () => new RedundantNodes(),
        () => new DeadNodes(),
    ];

    /// <summary>Rewrites a model in place and says what each pass did.</summary>
    /// <exception cref="OnnxModelException">The model's shapes contradict each other.</exception>
    public static IReadOnlyList<PassReport> Run(
        OnnxModel model, OptimizationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new OptimizationOptions();
        if (options.Weights is { } weights && weights != WeightFormat.Int8
            && (weights is not { Scheme: NumberScheme.SymmetricInteger, Group: 16 or 32 or 64 or 128 or 256 }))
            throw new OnnxModelException(
                $"Weights of a graph cannot be stored as {weights}; " +
                $"there are {WeightFormat.Int8}, and int8 and int4 in groups of 16, 32, 64, 128 and 256.");
        ShapeInference.Run(model);
        var reports = new List<PassReport>();
        foreach (var make in s_passes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            reports.Add(make().Run(model, options));
        }
        return reports;
    }
}
