using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// Weight normalisation (Salimans and Kingma 2016, arXiv 1602.07868) of a convolution's weight: it is kept as directions and lengths, by
/// either of PyTorch's two namings.
/// </summary>
static class WeightNorm
{
    /// <summary>
    /// The checkpoint with the weight itself, <c>name.weight</c>, which is computed when it is read, of a length for each tap: the last
    /// dimension.
    /// </summary>
    /// <exception cref="CheckpointException">A tensor is missing, or has another shape.</exception>
    public static ITensorStore Fold(ITensorStore checkpoint, string name, Shape shape)
    {
        var tensors = new ComputedTensors(checkpoint);
        var (length, direction) = NamesOf(checkpoint, name);
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

    /// <summary>
    /// The same of every layer that is kept so, with a length for each index of the first dimension, as is PyTorch's default. Weights that
    /// are kept as they are stay so.
    /// </summary>
    /// <exception cref="CheckpointException">A layer's lengths are missing, or have another shape.</exception>
    public static ITensorStore FoldRows(ITensorStore checkpoint)
    {
        string[] endings = [".weight_v", ".parametrizations.weight.original1"];
        var tensors = new ComputedTensors(checkpoint);
        foreach (var stored in checkpoint.Names)
        {
            if (Array.Find(endings, end => stored.EndsWith(end, StringComparison.Ordinal)) is not { } ending) continue;
            var name = stored[..^ending.Length];
            var directions = checkpoint.Find(stored)!;
            var lengths = tensors.Require(NamesOf(checkpoint, name).Length, LengthsOf(directions.Shape));
            tensors.Add($"{name}.weight", directions.Shape, (row, values) =>
            {
                Span<float> length = stackalloc float[1];
                lengths.ReadFloats(row, length);
                directions.ReadFloats((long)row * values.Length, values);
                double square = 0;
                foreach (float value in values) square += (double)value * value;
                float scale = (float)(length[0] / Math.Sqrt(square));
                for (int i = 0; i < values.Length; i++) values[i] *= scale;
            });
        }
        return tensors;
    }

    // (rows, 1, …): as many dimensions as the weight.
    static Shape LengthsOf(Shape weight)
    {
        Span<int> dimensions = stackalloc int[Shape.MaxRank];
        dimensions.Fill(1);
        dimensions[0] = weight[0];
        return new Shape(dimensions[..weight.Rank]);
    }

    static (string Length, string Direction) NamesOf(ITensorStore checkpoint, string name)
    {
        var (length, direction) = ($"{name}.parametrizations.weight.original0", $"{name}.parametrizations.weight.original1");
        return checkpoint.Find(length) is null ? ($"{name}.weight_g", $"{name}.weight_v") : (length, direction);
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
