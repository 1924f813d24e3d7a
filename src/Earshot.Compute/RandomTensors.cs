using System.Text;
using Earshot.Compute.Measuring;
using Earshot.Compute.Parts;
using Earshot.Compute.Quantization;

namespace Earshot.Compute;

/// <summary>How random tensors are made.</summary>
public sealed record RandomTensorOptions
{
    /// <summary>The same seed gives the same values.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>float16 or float32.</summary>
    public DType Type { get; init; } = DType.F16;

    /// <summary>
    /// The format of matrices, int8, int4 or nf4, whose rows are made one by one and never together in float32; null for
    /// <see cref="Type"/>.
    /// </summary>
    public WeightFormat? Matrices { get; init; }

    /// <summary>What the model is called in messages.</summary>
    public string Name { get; init; } = "random weights";
}

/// <summary>
/// Tensors with random values, made as a model asks for them by name and shape: a model of any size without a file, for measuring speed and
/// memory and for testing. A value depends on the seed, the tensor's name and its own place alone, never on what else was asked for.
/// Parameters that a model could do without are made too. Safe on several threads at once.
/// </summary>
public sealed class RandomTensors : ITensorStore
{
    // Narrower matrices would be mostly scales.
    const int LeastColumns = 32;

    readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    readonly List<string> _names = [];
    readonly Lock _lock = new();
    readonly RandomTensorOptions _options;

    /// <exception cref="ModelException">The type is neither float16 nor float32.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The matrices' format is not a quantised one.</exception>
    public RandomTensors(RandomTensorOptions? options = null)
    {
        _options = options ?? new RandomTensorOptions();
        if (_options.Type is not (DType.F16 or DType.F32)) throw new ModelException($"Random weights are F16 or F32, not {_options.Type}.");
        if (_options.Matrices is { } format) _ = new QuantizedRow(format, LeastColumns);
        Location = $"{_options.Name} (seed {_options.Seed})";
    }

    /// <summary>The tensors of a model, all made by running its parts over shapes once.</summary>
    /// <param name="parts">What the model is made of.</param>
    /// <param name="prepare">What makes the tensors that the parts read of a checkpoint's; null where they are read as they are.</param>
    /// <param name="options">How the tensors are made.</param>
    public static RandomTensors For(ModelParts parts, Func<ITensorStore, ITensorStore>? prepare = null, RandomTensorOptions? options = null)
    {
        var tensors = new RandomTensors(options);
        new ModelCosts(parts, prepare?.Invoke(tensors) ?? tensors).Stages();
        return tensors;
    }

    public string Location { get; }

    /// <summary>The names of the tensors made so far, in the order in which they were asked for.</summary>
    public IReadOnlyCollection<string> Names
    {
        get
        {
            lock (_lock) return [.. _names];
        }
    }

    /// <summary>A tensor that was made already, or null.</summary>
    public StoredTensor? Find(string name)
    {
        lock (_lock) return _tensors.GetValueOrDefault(name);
    }

    /// <summary>The tensor of a name, made on the first request in the shape that is asked for.</summary>
    public StoredTensor? Find(string name, Shape expected)
    {
        lock (_lock)
        {
            if (_tensors.TryGetValue(name, out var made)) return made;
            _names.Add(name);
            return _tensors[name] = Make(name, expected);
        }
    }

    StoredTensor Make(string name, Shape shape)
    {
        var values = RandomValues.For(name, shape, _options.Seed);
        return _options.Matrices is { } format && shape.Rank == 2 && shape[1] >= LeastColumns && shape[1] % 2 == 0
            ? new RandomMatrix((name, shape), format, values)
            : new RandomTensor((name, shape), _options.Type, values);
    }
}

/// <summary>Uniform values in mean ± spread; each depends on its index alone, so any piece can be read at any time.</summary>
internal readonly record struct RandomValues(ulong Seed, float Mean, float Spread)
{
    const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>
    /// Values that a trained tensor of that name could have, so that sums keep their inputs' scale and variances are positive.
    /// </summary>
    public static RandomValues For(string name, Shape shape, ulong seed)
    {
        ulong own = Mix(seed * Golden + Hash(name));
        return name[(name.LastIndexOf('.') + 1)..] switch
        {
            "running_var" or "weight_g" or "original0" => new RandomValues(own, 1, 0.1f),
            _ when shape.Rank > 1 => new RandomValues(own, 0, MathF.Sqrt(3f * shape[0] / shape.Count)),
            "weight" or "scale" or "gamma" => new RandomValues(own, 1, 0.1f),
            _ => new RandomValues(own, 0, 0.02f),
        };
    }

    public void Fill(long first, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = At(first + i);
    }

    public void Fill(long first, Span<Half> values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = (Half)At(first + i);
    }

    float At(long index) => Mean + Spread * ((Mix(Seed + (ulong)index * Golden) >> 40) * (2f / (1 << 24)) - 1);

    /// <summary>Says that a piece was asked for that ends or begins within an element.</summary>
    public static CheckpointException NotWhole(string name, long offset, int length) =>
        new($"{name}: random values are read in whole elements; got offset {offset}, {length} bytes.");

    // SplitMix64's finaliser.
    static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    // FNV-1a, the same in every process.
    static ulong Hash(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte value in Encoding.UTF8.GetBytes(name)) hash = (hash ^ value) * 0x100000001B3;
        return hash;
    }
}
