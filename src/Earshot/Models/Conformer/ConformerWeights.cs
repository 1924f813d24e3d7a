using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// A Conformer's tensors as its parts read them: norms by the training's mean and variance multiplied into the convolutions before them,
/// and convolutions of one tap as matrices.
/// </summary>
static class ConformerWeights
{
    const float Epsilon = 1e-5f;

    /// <param name="heads">Matrices outside of the encoder that are stored as convolutions of one tap: names and rows.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape.</exception>
    public static ITensorStore Prepare(ITensorStore checkpoint, ConformerConfig config, params IEnumerable<(string Name, int Rows)> heads)
    {
        var tensors = new ComputedTensors(checkpoint);
        for (int i = 0; i < config.Layers; i++)
        {
            var layer = $"encoder.layers.{i}";
            tensors.AddMatrix($"{layer}.conv.pointwise_conv1.weight", 2 * config.Size, config.Size);
            tensors.AddMatrix($"{layer}.conv.pointwise_conv2.weight", config.Size, config.Size);
            if (!config.HasLayerNorm)
            {
                var convolution = ($"{layer}.conv.depthwise_conv", new Shape(config.Size, 1, config.Kernel));
                BatchNorm.Fold(tensors, $"{layer}.conv.{config.Names.Norm}", convolution, Epsilon, config.HasConvolutionBias);
            }
            RequireBiases(tensors, config, layer);
        }
        foreach (var (name, rows) in heads) tensors.AddMatrix(name, rows, config.Size);
        return tensors;
    }

    // A bias is optional to the layers; where the model has them, one that is missing is a damaged file.
    static void RequireBiases(ComputedTensors tensors, ConformerConfig config, string layer)
    {
        var names = config.Names;
        if (config.HasLinearBias)
        {
            foreach (var name in (ReadOnlySpan<string>)[names.Query, names.Key, names.Value, names.Output])
                tensors.Require($"{layer}.self_attn.{name}.bias", new Shape(config.Size));
            foreach (var network in (ReadOnlySpan<string>)["feed_forward1", "feed_forward2"])
            {
                tensors.Require($"{layer}.{network}.linear1.bias", new Shape(config.InnerSize));
                tensors.Require($"{layer}.{network}.linear2.bias", new Shape(config.Size));
            }
        }
        if (!config.HasConvolutionBias) return;
        tensors.Require($"{layer}.conv.pointwise_conv1.bias", new Shape(2 * config.Size));
        tensors.Require($"{layer}.conv.pointwise_conv2.bias", new Shape(config.Size));
    }
}
