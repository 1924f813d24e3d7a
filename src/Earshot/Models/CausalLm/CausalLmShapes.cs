using Earshot.Compute;

namespace Earshot.Models;

/// <summary>The sizes of published language models, by name, for building models of that shape without their weights.</summary>
static class CausalLmShapes
{
    // From the published config.json files.
    static readonly (string Name, string Type, Sizes Sizes)[] s_shapes =
    [
        ("qwen2.5-0.5b", "qwen2", new(896, 4864, 24, (14, 2, 64), 151_936, 32_768, 1e6)),
        ("qwen2.5-1.5b", "qwen2", new(1536, 8960, 28, (12, 2, 128), 151_936, 32_768, 1e6)),
        ("qwen2.5-3b", "qwen2", new(2048, 11_008, 36, (16, 2, 128), 151_936, 32_768, 1e6)),
        ("qwen2.5-7b", "qwen2", new(3584, 18_944, 28, (28, 4, 128), 152_064, 32_768, 1e6, IsTied: false)),
        ("qwen3-0.6b", "qwen3", new(1024, 3072, 28, (16, 8, 128), 151_936, 40_960, 1e6)),
        ("qwen3-1.7b", "qwen3", new(2048, 6144, 28, (16, 8, 128), 151_936, 40_960, 1e6)),
        ("qwen3-4b", "qwen3", new(2560, 9728, 36, (32, 8, 128), 151_936, 40_960, 1e6)),
        ("qwen3-8b", "qwen3", new(4096, 12_288, 36, (32, 8, 128), 151_936, 40_960, 1e6, IsTied: false)),
        ("smollm2-135m", "llama", new(576, 1536, 30, (9, 3, 64), 49_152, 8192, 1e5)),
        ("smollm2-360m", "llama", new(960, 2560, 32, (15, 5, 64), 49_152, 8192, 1e5)),
        ("smollm2-1.7b", "llama", new(2048, 8192, 24, (32, 32, 64), 49_152, 8192, 1.3e5)),
        ("llama-3.2-1b", "llama", new(2048, 8192, 16, (32, 8, 64), 128_256, 131_072, 5e5, Stretch: 32)),
        ("llama-3.2-3b", "llama", new(3072, 8192, 28, (24, 8, 128), 128_256, 131_072, 5e5, Stretch: 32)),
        ("llama-3.1-8b", "llama", new(4096, 14_336, 32, (32, 8, 128), 128_256, 131_072, 5e5, Stretch: 8, IsTied: false)),
    ];

    public static IReadOnlyDictionary<string, Func<SpeechModel>> All { get; } = s_shapes.ToDictionary(
        shape => shape.Name,
        shape => (Func<SpeechModel>)(
            () => CausalLmFamily.Describe(ConfigOf(shape.Type, shape.Sizes), new CausalLmGeneration(), shape.Name)),
        StringComparer.OrdinalIgnoreCase);

    /// <summary>The sizes alone; null where there is no such name.</summary>
    public static CausalLmConfig? FindConfig(string name)
    {
        foreach (var shape in s_shapes)
        {
            if (shape.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return ConfigOf(shape.Type, shape.Sizes);
        }
        return null;
    }

    static CausalLmConfig ConfigOf(string type, Sizes sizes) => new()
    {
        ModelType = type,
        VocabSize = sizes.Vocabulary,
        HiddenSize = sizes.Width,
        IntermediateSize = sizes.Inner,
        NumHiddenLayers = sizes.Layers,
        NumAttentionHeads = sizes.Heads.Query,
        NumKeyValueHeads = sizes.Heads.Key,
        HeadDim = sizes.Heads.Size,
        RmsNormEps = type == "llama" ? 1e-5f : 1e-6f,
        MaxPositionEmbeddings = sizes.Context,
        Rotary = sizes.Stretch == 0
            ? Rotary.Plain(sizes.Heads.Size, sizes.Theta)
            : RotaryScaling.Llama3(sizes.Heads.Size, sizes.Theta, new Llama3Scaling(sizes.Stretch, 1, 4, 8192)),
        TieWordEmbeddings = sizes.IsTied,
        QueryBias = type == "qwen2",
        QueryNorm = type == "qwen3",
    };

    /// <param name="Stretch">The factor of Llama 3's rotary positions; 0 where they are plain.</param>
    sealed record Sizes(
        int Width, int Inner, int Layers, (int Query, int Key, int Size) Heads, int Vocabulary, int Context, double Theta,
        double Stretch = 0, bool IsTied = true);
}
