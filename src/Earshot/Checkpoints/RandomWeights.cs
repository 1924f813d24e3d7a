using System.Runtime.InteropServices;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// The tensors of a Whisper model with random values, made as they are read: a model of any size without a file, for
/// measuring speed and memory and for testing shapes. The same seed gives the same values.
/// </summary>
public sealed class RandomWeights : ITensorStore
{
    readonly Dictionary<string, StoredTensor> _tensors = [];
    readonly ulong _seed;
    readonly DType _type;

    /// <summary>Makes the tensors of a configuration; <paramref name="type"/> is float16 or float32.</summary>
    public RandomWeights(WhisperConfig config, ulong seed = 1, DType type = DType.F16)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (type is not (DType.F16 or DType.F32)) throw new ModelException($"Random weights are F16 or F32, not {type}.");
        _seed = seed;
        _type = type;
        Location = $"random weights ({config.NameOrPath ?? "Whisper"}, seed {seed})";
        AddEncoder(config);
        AddDecoder(config);
    }

    public string Location { get; }

    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public StoredTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    void AddEncoder(WhisperConfig config)
    {
        const string path = "model.encoder";
        int size = config.DModel;
        AddWeights($"{path}.conv1", size, config.NumMelBins, 3);
        AddBias($"{path}.conv1", size);
        AddWeights($"{path}.conv2", size, size, 3);
        AddBias($"{path}.conv2", size);
        AddWeights($"{path}.embed_positions", config.MaxSourcePositions, size);
        for (int i = 0; i < config.EncoderLayers; i++)
        {
            AddAttention($"{path}.layers.{i}", "self_attn", size);
            AddFeedForward($"{path}.layers.{i}", size, config.EncoderFfnDim);
        }
        AddNorm($"{path}.layer_norm", size);
    }

    void AddDecoder(WhisperConfig config)
    {
        const string path = "model.decoder";
        int size = config.DModel;
        AddWeights($"{path}.embed_tokens", config.VocabSize, size);
        AddWeights($"{path}.embed_positions", config.MaxTargetPositions, size);
        for (int i = 0; i < config.DecoderLayers; i++)
        {
            AddAttention($"{path}.layers.{i}", "self_attn", size);
            AddAttention($"{path}.layers.{i}", "encoder_attn", size);
            AddFeedForward($"{path}.layers.{i}", size, config.DecoderFfnDim);
        }
        AddNorm($"{path}.layer_norm", size);
    }

    void AddAttention(string path, string name, int size)
    {
        AddNorm($"{path}.{name}_layer_norm", size);
        foreach (var projection in (ReadOnlySpan<string>)["q_proj", "k_proj", "v_proj", "out_proj"])
        {
            AddWeights($"{path}.{name}.{projection}", size, size);
            if (projection != "k_proj") AddBias($"{path}.{name}.{projection}", size);
        }
    }

    void AddFeedForward(string path, int size, int inner)
    {
        AddNorm($"{path}.final_layer_norm", size);
        AddWeights($"{path}.fc1", inner, size);
        AddBias($"{path}.fc1", inner);
        AddWeights($"{path}.fc2", size, inner);
        AddBias($"{path}.fc2", size);
    }

    void AddNorm(string path, int size)
    {
        Add($"{path}.weight", new Shape(size), mean: 1, spread: 0.1f);
        AddBias(path, size);
    }

    // Spread so that sums over the inputs keep the inputs' scale: variance 1 / inputs.
    void AddWeights(string path, params ReadOnlySpan<int> dimensions)
    {
        var shape = new Shape(dimensions);
        Add($"{path}.weight", shape, mean: 0, spread: MathF.Sqrt(3f * shape[0] / shape.Count));
    }

    void AddBias(string path, int size) => Add($"{path}.bias", new Shape(size), mean: 0, spread: 0.02f);

    void Add(string name, Shape shape, float mean, float spread) =>
        _tensors[name] = new RandomTensor(name, _type, shape, _seed * 0x9E3779B97F4A7C15 + (ulong)_tensors.Count * 0xD1B54A32D192ED03, mean, spread);

    /// <summary>Uniform values in mean ± spread; each depends on its index alone, so any piece can be read at any time.</summary>
    sealed class RandomTensor(string name, DType type, Shape shape, ulong seed, float mean, float spread) : StoredTensor(name, type, shape)
    {
        public override void Read(long offset, Span<byte> destination)
        {
            int size = Type.Size();
            if (offset % size != 0 || destination.Length % size != 0) throw new CheckpointException($"{Name}: random values are read in whole elements; got offset {offset}, {destination.Length} bytes.");
            long first = offset / size;
            if (Type == DType.F32) Fill(first, MemoryMarshal.Cast<byte, float>(destination));
            else Fill(first, MemoryMarshal.Cast<byte, Half>(destination));
        }

        void Fill(long first, Span<float> values)
        {
            for (int i = 0; i < values.Length; i++) values[i] = Value(first + i);
        }

        void Fill(long first, Span<Half> values)
        {
            for (int i = 0; i < values.Length; i++) values[i] = (Half)Value(first + i);
        }

        // SplitMix64's finaliser over the index.
        float Value(long index)
        {
            ulong z = seed + (ulong)index * 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            z ^= z >> 31;
            return mean + spread * ((z >> 40) * (2f / (1 << 24)) - 1);
        }
    }
}
