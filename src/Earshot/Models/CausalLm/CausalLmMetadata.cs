using Earshot.Checkpoints.Gguf;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>A language model's sizes in the metadata of a GGUF file: what changes results is obeyed, or refused by its name.</summary>
static class CausalLmMetadata
{
    const int MaxPositions = 1 << 24;

    // Keys below the architecture's name that are read here or change nothing.
    static readonly HashSet<string> s_known =
    [
        "vocab_size", "context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count",
        "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.layer_norm_rms_epsilon",
        "attention.causal", "attention.sliding_window", "expert_count", "expert_used_count", "rope.dimension_count", "rope.freq_base",
        "rope.scale_linear", "rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length",
        "rope.scaling.attn_factor", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "rope.scaling.finetuned",
        "tensor_data_layout",
    ];

    /// <exception cref="CheckpointException">A value is missing, cannot be, or is not implemented.</exception>
    /// <exception cref="ModelException">The file holds no language model of a kind that is known.</exception>
    public static CausalLmConfig Read(GgufCheckpoint checkpoint)
    {
        var metadata = checkpoint.Metadata;
        var type = metadata.Architecture;
        if (type is null || !CausalLmConfig.Types.Contains(type) || metadata.FindString("general.type") is not (null or "model"))
        {
            throw new ModelException(
                $"'{checkpoint.Location}' is a GGUF file with {GgufModels.Describe(metadata)}; supported are the architectures " +
                $"{string.Join(", ", CausalLmConfig.Types)}. Choose a model of one of these, such as SmolLM2 or Qwen2.5.");
        }
        RefuseOthers(metadata, type);
        int Integer(string key, int most) => metadata.RequireInteger($"{type}.{key}", 1, most);
        int hidden = Integer("embedding_length", 1 << 16), heads = Integer("attention.head_count", 1024);
        int layers = Integer("block_count", 1024);
        int keyHeads = metadata.Contains($"{type}.attention.head_count_kv") ? Integer("attention.head_count_kv", 1024) : heads;
        if (heads % keyHeads != 0) throw Wrong(metadata, $"{type}.attention.head_count_kv", $"a divisor of {heads}", $"{keyHeads}");
        int size = HeadSize(metadata, type, hidden, heads);
        var (rotary, positions) = ReadRotary(checkpoint, type, size);
        return new CausalLmConfig
        {
            ModelType = type,
            VocabSize = metadata.Contains($"{type}.vocab_size")
                ? Integer("vocab_size", 1 << 22)
                : metadata.RequireStrings("tokenizer.ggml.tokens").Count,
            HiddenSize = hidden,
            IntermediateSize = Integer("feed_forward_length", 1 << 20),
            NumHiddenLayers = layers,
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyHeads,
            HeadDim = size,
            RmsNormEps = (float)(Number(metadata, $"{type}.attention.layer_norm_rms_epsilon", 0, 1) ?? throw Wrong(
                metadata, $"{type}.attention.layer_norm_rms_epsilon", "a number", "nothing")),
            MaxPositionEmbeddings = positions,
            Rotary = rotary,
            TieWordEmbeddings = checkpoint.Find("output.weight") is null,
            // No key tells of biases: they are where their tensors are, but Qwen2's are always.
            QueryBias = type == "qwen2" || checkpoint.Find("blk.0.attn_q.bias") is not null,
            OutputBias = checkpoint.Find("blk.0.attn_output.bias") is not null,
            MlpBias = checkpoint.Find("blk.0.ffn_down.bias") is not null,
            QueryNorm = type == "qwen3",
            Windows = ReadWindows(metadata, type, layers),
        };
    }

    /// <summary>The tokens that end a text or a turn.</summary>
    public static IEnumerable<int> EndTokens(GgufMetadata metadata, int vocabSize)
    {
        foreach (var key in (string[])["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"])
        {
            if (metadata.Contains(key)) yield return metadata.RequireInteger(key, 0, vocabSize - 1);
        }
    }

    static void RefuseOthers(GgufMetadata metadata, string type)
    {
        foreach (var key in metadata.Keys)
        {
            if (key.StartsWith(type + ".", StringComparison.Ordinal) && !s_known.Contains(key[(type.Length + 1)..]))
                throw Wrong(metadata, key, "absent: what it asks for is not implemented", GgufMetadata.Describe(metadata.Find(key)!));
        }
        if (metadata.FindInteger($"{type}.expert_count") is > 0 and var experts)
            throw Wrong(metadata, $"{type}.expert_count", "0: mixtures of experts are not implemented", $"{experts}");
        if (metadata.FindBoolean($"{type}.attention.causal") == false)
            throw Wrong(metadata, $"{type}.attention.causal", "true, the only value that is implemented", "false");
        if (metadata.FindString($"{type}.tensor_data_layout") is not (null or "Meta AI original pth") and var layout)
            throw Wrong(metadata, $"{type}.tensor_data_layout", "the usual one, 'Meta AI original pth'", layout!);
    }

    /// <summary>The window that the file names, in all layers; a pattern of layers is refused as every key that is not known.</summary>
    static int[] ReadWindows(GgufMetadata metadata, string type, int layers)
    {
        string key = $"{type}.attention.sliding_window";
        if (metadata.FindInteger(key) is null or 0) return [];
        int window = metadata.RequireInteger(key, 1, MaxPositions);
        if (window >= metadata.RequireInteger($"{type}.context_length", 1, MaxPositions)) return [];
        var windows = new int[layers];
        Array.Fill(windows, window);
        return windows;
    }

    static int HeadSize(GgufMetadata metadata, string type, int hidden, int heads)
    {
        string keyLength = $"{type}.attention.key_length", valueLength = $"{type}.attention.value_length";
        if (!metadata.Contains(keyLength) && hidden % heads != 0)
            throw Wrong(metadata, $"{type}.attention.head_count", $"a divisor of {hidden}", $"{heads}");
        int size = metadata.Contains(keyLength) ? metadata.RequireInteger(keyLength, 2, 1024) : hidden / heads;
        if (size % 2 != 0) throw Wrong(metadata, keyLength, "an even number", $"{size}");
        foreach (var key in (ReadOnlySpan<string>)[valueLength, $"{type}.rope.dimension_count"])
        {
            if (metadata.FindInteger(key) is { } other && other != size)
                throw Wrong(metadata, key, $"{size}, the size of a head, the only value that is implemented", $"{other}");
        }
        return size;
    }

    static (Rotary Rotary, int Positions) ReadRotary(GgufCheckpoint checkpoint, string type, int size)
    {
        var metadata = checkpoint.Metadata;
        string scaling = $"{type}.rope.scaling";
        double theta = Number(metadata, $"{type}.rope.freq_base", 1.0001, 1e12) ?? 10_000;
        int positions = metadata.RequireInteger($"{type}.context_length", 1, MaxPositions);
        double factor = Number(metadata, $"{scaling}.factor", 1, 1024) ?? Number(metadata, $"{type}.rope.scale_linear", 1, 1024) ?? 1;
        var kind = metadata.FindString($"{scaling}.type") ?? (factor > 1 ? "linear" : "none");
        if (kind is not ("none" or "linear" or "yarn")) throw Wrong(metadata, $"{scaling}.type", "none, linear or yarn", kind);
        if (checkpoint.Find(GgufLanguageTensors.RotaryFactors) is { } factors)
        {
            return kind == "none" && factors.Shape == new Shape(size / 2)
                ? (Divided(Rotary.Plain(size, theta), factors.ToFloats(), checkpoint.Location), positions)
                : throw Wrong(
                    metadata, $"{scaling}.type", $"none beside {size / 2} factors in '{GgufLanguageTensors.RotaryFactors}'",
                    $"{kind} beside {factors.Shape}");
        }
        if (kind == "none") return (Rotary.Plain(size, theta), positions);
        if (kind == "linear") return (RotaryScaling.Linear(size, theta, factor), positions);
        int original = metadata.Contains($"{scaling}.original_context_length")
            ? metadata.RequireInteger($"{scaling}.original_context_length", 1, MaxPositions)
            : positions;
        // Here the factor on sine and cosine is one beside the usual.
        double attention = YarnScaling.UsualAttentionFactor(factor) * (Number(metadata, $"{scaling}.attn_factor", 1e-6, 1e6) ?? 1);
        var yarn = new YarnScaling(
            factor, original, Number(metadata, $"{scaling}.yarn_beta_fast", 1e-6, 1e6) ?? 32,
            Number(metadata, $"{scaling}.yarn_beta_slow", 1e-6, 1e6) ?? 1, attention);
        return (RotaryScaling.Yarn(size, theta, yarn), (int)Math.Min(MaxPositions, Math.Max(positions, (long)(original * factor))));
    }

    static Rotary Divided(Rotary plain, float[] factors, string location)
    {
        var frequencies = plain.InverseFrequencies.ToArray();
        for (int i = 0; i < frequencies.Length; i++)
        {
            if (!(factors[i] > 0 && float.IsFinite(factors[i])))
                throw new CheckpointException(
                    $"{location}: tensor '{GgufLanguageTensors.RotaryFactors}' has {factors[i]}; expected numbers above 0. " +
                    "Convert or download the model again.");
            frequencies[i] /= factors[i];
        }
        return new Rotary(frequencies);
    }

    static double? Number(GgufMetadata metadata, string key, double minimum, double maximum) =>
        metadata.FindNumber(key) is not { } value ? null
            : value >= minimum && value <= maximum ? value
            : throw Wrong(metadata, key, $"a number from {minimum} to {maximum}", $"{value}");

    static CheckpointException Wrong(GgufMetadata metadata, string key, string expected, string got) => new(
        $"'{metadata.Location}': the metadata key '{key}' should be {expected}; got {got}. Choose another model, or convert it again.");
}
