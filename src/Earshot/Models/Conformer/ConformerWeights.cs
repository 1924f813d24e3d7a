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
            AddMatrix(tensors, $"{layer}.conv.pointwise_conv1.weight", 2 * config.Size, config.Size);
            AddMatrix(tensors, $"{layer}.conv.pointwise_conv2.weight", config.Size, config.Size);
            if (!config.HasLayerNorm) FoldNorm(tensors, config, $"{layer}.conv");
            RequireBiases(tensors, config, layer);
        }
        foreach (var (name, rows) in heads) AddMatrix(tensors, name, rows, config.Size);
        return tensors;
    }

    static void AddMatrix(ComputedTensors tensors, string name, int rows, int columns) =>
        tensors.AddReshaped(tensors.Require(name, new Shape(rows, columns, 1)), new Shape(rows, columns));

    static void FoldNorm(ComputedTensors tensors, ConformerConfig config, string w)
    {
        int size = config.Size;
        var vector = new Shape(size);
        float[] Read(string name) => tensors.Read($"{w}.{name}", vector);
        var norm = config.Names.Norm;
        float[] weight = Read($"{norm}.weight"), shift = Read($"{norm}.bias"), mean = Read($"{norm}.running_mean"),
            variance = Read($"{norm}.running_var"), bias = config.HasConvolutionBias ? Read("depthwise_conv.bias") : new float[size];
        for (int i = 0; i < size; i++)
        {
            weight[i] /= MathF.Sqrt(variance[i] + Epsilon);
            shift[i] += (bias[i] - mean[i]) * weight[i];
        }
        var stored = tensors.Require($"{w}.depthwise_conv.weight", new Shape(size, 1, config.Kernel));
        tensors.Add(stored.Name, stored.Shape, (row, values) =>
        {
            stored.ReadFloats((long)row * values.Length, values);
            for (int i = 0; i < values.Length; i++) values[i] *= weight[row];
        });
        tensors.Add($"{w}.depthwise_conv.bias", vector, (_, values) => shift.CopyTo(values));
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
