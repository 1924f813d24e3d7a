using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// Weight normalisation (Salimans and Kingma 2016, arXiv 1602.07868) over the last dimension of a convolution's weight: it is kept as
/// directions and a length for each tap, by either of PyTorch's two namings.
/// </summary>
static class WeightNorm
{
    /// <summary>The checkpoint with the weight itself, <c>name.weight</c>, which is computed when it is read.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, or has another shape.</exception>
    public static ITensorStore Fold(ITensorStore checkpoint, string name, Shape shape)
    {
        var tensors = new ComputedTensors(checkpoint);
        var (length, direction) = ($"{name}.parametrizations.weight.original0", $"{name}.parametrizations.weight.original1");
        if (checkpoint.Find(length) is null) (length, direction) = ($"{name}.weight_g", $"{name}.weight_v");
        int taps = shape[^1];
        var lengths = tensors.Require(length, new Shape(1, 1, taps));
        var directions = tensors.Require(direction, shape);
        var scales = new Lazy<float[]>(() => Scales(lengths.ToFloats(), directions));
        tensors.Add($"{name}.weight", shape, (row, values) =>
        {
            directions.ReadFloats((long)row * values.Length, values);
            for (int i = 0; i < values.Length; i++) values[i] *= scales.Value[i % taps];
        });
        return tensors;
    }

    static float[] Scales(float[] lengths, StoredTensor directions)
    {
        var (row, squares) = (new float[directions.Shape.Count / directions.Shape[0]], new double[lengths.Length]);
        for (int r = 0; r < directions.Shape[0]; r++)
        {
            directions.ReadFloats((long)r * row.Length, row);
            for (int i = 0; i < row.Length; i++) squares[i % squares.Length] += (double)row[i] * row[i];
        }
        return [.. lengths.Zip(squares, (length, square) => (float)(length / Math.Sqrt(square)))];
    }
}
