using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167) with the statistics of training, as a factor and an addend.
/// </summary>
static class BatchNorm
{
    /// <summary>(x − mean) / √(variance + ε) · weight + bias as x · scale + shift, of the tensors below a name.</summary>
    /// <param name="affine">Whether there are <c>weight</c> and <c>bias</c>; else they are one and zero.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape, or holds a negative variance.</exception>
    public static (float[] Scale, float[] Shift) Read(ComputedTensors tensors, string name, int size, double epsilon, bool affine = true)
    {
        var shape = new Shape(size);
        float[] mean = tensors.Read($"{name}.running_mean", shape), variance = tensors.Read($"{name}.running_var", shape);
        float[]? weight = affine ? tensors.Read($"{name}.weight", shape) : null, bias = affine ? tensors.Read($"{name}.bias", shape) : null;
        var (scale, shift) = (new float[size], new float[size]);
        for (int i = 0; i < size; i++)
        {
            if (!(variance[i] >= 0))
            {
                throw new CheckpointException(
                    $"{tensors.Location}: tensor '{name}.running_var' holds {variance[i]} at {i}; a variance is not negative.");
            }
            double factor = (weight?[i] ?? 1) / Math.Sqrt(variance[i] + epsilon);
            (scale[i], shift[i]) = ((float)factor, (float)((bias?[i] ?? 0) - (mean[i] * factor)));
        }
        return (scale, shift);
    }

    /// <summary>Multiplies the norm below a name into the convolution of each channel by itself that it follows, (size, 1, taps).</summary>
    /// <param name="hasBias">Whether the convolution has a bias; the one with the norm has in either case.</param>
    /// <inheritdoc cref="Read"/>
    public static void Fold(ComputedTensors tensors, string name, (string Name, Shape Shape) convolution, double epsilon, bool hasBias)
    {
        var (_, shape) = convolution;
        var stored = tensors.Require($"{convolution.Name}.weight", shape);
        var biases = new Shape(shape[0]);
        float[]? bias = hasBias ? tensors.Read($"{convolution.Name}.bias", biases) : null;
        var (scale, shift) = Read(tensors, name, shape[0], epsilon);
        for (int i = 0; bias is not null && i < bias.Length; i++) shift[i] += bias[i] * scale[i];
        tensors.Add(stored.Name, shape, (row, values) =>
        {
            stored.ReadFloats((long)row * values.Length, values);
            foreach (ref float value in values) value *= scale[row];
        });
        tensors.Add($"{convolution.Name}.bias", biases, (_, values) => shift.CopyTo(values));
    }
}
