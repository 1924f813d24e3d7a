using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Native;

/// <summary>What two models are compared on.</summary>
public sealed record ComparisonOptions
{
    /// <summary>Inputs by name; those not given are random (floating-point), or zero (all others).</summary>
    public IReadOnlyDictionary<string, TensorData> Inputs { get; init; } = new Dictionary<string, TensorData>();

    /// <summary>Sizes of symbolic dimensions by name.</summary>
    public IReadOnlyDictionary<string, long> Dimensions { get; init; } = new Dictionary<string, long>();

    /// <summary>The size of dimensions that neither the model nor <see cref="Dimensions"/> tells.</summary>
    public long OtherDimensions { get; init; } = 2;

    /// <summary>Random inputs are a function of it.</summary>
    public int Seed { get; init; } = 1;
}

/// <summary>How far an output of two models differs, over all its elements.</summary>
/// <param name="Absolute">The largest difference; infinite where one model has a number and the other none.</param>
/// <param name="Relative">The largest difference over the largest element of the first model.</param>
public sealed record OutputDifference(string Name, double Absolute, double Relative);

/// <summary>Runs two models in ONNX Runtime on the same inputs and tells how far their outputs differ, after a rewriting say.</summary>
public static class ModelComparison
{
    const long MostElements = 1L << 28;

    /// <summary>Compares two models, one loaded after the other.</summary>
    /// <exception cref="OnnxRuntimeException">The runtime is absent or refused a model, an input cannot be made, or the models have
    /// different inputs or outputs.</exception>
    public static IReadOnlyList<OutputDifference> Compare(
        Func<OnnxSession> openFirst,
        Func<OnnxSession> openSecond,
        ComparisonOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(openFirst);
        ArgumentNullException.ThrowIfNull(openSecond);
        var inputs = new List<(string Name, OnnxValue Value)>();
        try
        {
            Dictionary<string, (double[] Elements, long[] Shape)> first;
            using (var session = openFirst())
            {
                foreach (var input in session.Inputs)
                    inputs.Add((input.Name, Input(input, inputs.Count, options ?? new ComparisonOptions())));
                first = Run(session, inputs, cancellationToken);
            }
            using var other = openSecond();
            var second = Run(other, inputs, cancellationToken);
            return [.. first.Select(output => second.TryGetValue(output.Key, out var now)
                ? Difference(output.Key, output.Value, now)
                : throw Bad($"The second model has no output '{output.Key}'."))];
        }
        finally
        {
            foreach (var (_, value) in inputs) value.Dispose();
        }
    }

    static OnnxValue Input(OnnxTensorDescription input, int index, ComparisonOptions options)
    {
        if (options.Inputs.TryGetValue(input.Name, out var given))
        {
            if (given.Type != input.Type) throw Bad($"The input '{input.Name}' is of {input.Type}; got {given.Type}.");
            return OnnxValue.FromBytes(given.Type, given.Bytes.ToArray(), given.Shape);
        }
        var shape = input.Shape.Select(dimension => dimension.Size
            ?? (dimension.Symbol is { } symbol && options.Dimensions.TryGetValue(symbol, out long size) ? size : options.OtherDimensions))
            .ToArray();
        long count = 1;
        foreach (long size in shape)
        {
            if (size > 0 && count > MostElements / size)
                throw Bad($"The input {input} would have more than {MostElements} elements; choose smaller dimensions.");
            count *= size;
        }
        if (input.Type.Bits() < 8) throw Bad($"The input {input} cannot be made here; only numbers of whole bytes can.");
        var value = OnnxValue.Allocate(input.Type, shape);
        Fill(value, new Random(unchecked(options.Seed * 1000 + index)));
        return value;
    }

    /// <summary>Fills a tensor with normally distributed numbers, or zeros where it is of another kind.</summary>
    static void Fill(OnnxValue value, Random random)
    {
        switch (value.ElementType)
        {
            case OnnxElementType.Float32:
                foreach (ref float x in value.Span<float>()) x = (float)Normal(random);
                break;
            case OnnxElementType.Float64:
                foreach (ref double x in value.Span<double>()) x = Normal(random);
                break;
            case OnnxElementType.Float16:
                foreach (ref Half x in value.Span<Half>()) x = (Half)Normal(random);
                break;
            default:
                value.Bytes().Clear();
                break;
        }
    }

    // Box and Muller's transform.
    static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    static Dictionary<string, (double[] Elements, long[] Shape)> Run(
        OnnxSession session, List<(string Name, OnnxValue Value)> inputs, CancellationToken cancellationToken)
    {
        var present = inputs.Where(input => session.Inputs.Any(own => own.Name == input.Name)).ToArray();
        using var outputs = session.Run(present, cancellationToken: cancellationToken);
        return outputs.Names.Zip(outputs)
            .ToDictionary(output => output.First, output => (Elements(output.First, output.Second), output.Second.Shape.ToArray()));
    }

    static double[] Elements(string name, OnnxValue value) => value.ElementType switch
    {
        OnnxElementType.Float32 => Array.ConvertAll(value.ToArray<float>(), x => (double)x),
        OnnxElementType.Float64 => value.ToArray<double>(),
        OnnxElementType.Float16 => Array.ConvertAll(value.ToArray<Half>(), x => (double)x),
        OnnxElementType.BFloat16 => Array.ConvertAll(value.ToArray<ushort>(), x => (double)BitConverter.UInt32BitsToSingle((uint)x << 16)),
        OnnxElementType.Int64 => Array.ConvertAll(value.ToArray<long>(), x => (double)x),
        OnnxElementType.Int32 => Array.ConvertAll(value.ToArray<int>(), x => (double)x),
        OnnxElementType.Int8 => Array.ConvertAll(value.ToArray<sbyte>(), x => (double)x),
        OnnxElementType.UInt8 or OnnxElementType.Bool => Array.ConvertAll(value.Bytes().ToArray(), x => (double)x),
        _ => throw Bad($"The output '{name}' of {value.ElementType} cannot be compared."),
    };

    static OutputDifference Difference(string name, (double[] Elements, long[] Shape) first, (double[] Elements, long[] Shape) second)
    {
        if (!first.Shape.AsSpan().SequenceEqual(second.Shape))
        {
            throw Bad(
                $"The output '{name}' is ({string.Join(", ", first.Shape)}) in the first model and " +
                $"({string.Join(", ", second.Shape)}) in the second.");
        }
        double absolute = 0, largest = 0;
        for (int i = 0; i < first.Elements.Length; i++)
        {
            var (a, b) = (first.Elements[i], second.Elements[i]);
            // Equal covers infinities, whose difference is no number.
            double difference = a.Equals(b) || a == b ? 0 : Math.Abs(a - b);
            absolute = Math.Max(absolute, double.IsNaN(difference) ? double.PositiveInfinity : difference);
            if (double.IsFinite(a)) largest = Math.Max(largest, Math.Abs(a));
        }
        return new OutputDifference(name, absolute, absolute == 0 ? 0 : absolute / largest);
    }

    static OnnxRuntimeException Bad(string message) => new(message, OnnxErrorCode.InvalidArgument);
}
