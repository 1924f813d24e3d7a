namespace Earshot.Models;

/// <summary>The sizes of the published Whisper models, by name, for building models of that shape without their weights.</summary>
public static class WhisperShapes
{
    // name, size, encoder layers, decoder layers, heads, vocabulary, mels; from the published config.json files.
    static readonly Dictionary<string, (int Size, int Encoder, int Decoder, int Heads, int Vocabulary, int Mels)> s_shapes = new(
        StringComparer.OrdinalIgnoreCase)
    {
        ["tiny"] = (384, 4, 4, 6, 51865, 80),
        ["tiny.en"] = (384, 4, 4, 6, 51864, 80),
        ["base"] = (512, 6, 6, 8, 51865, 80),
        ["base.en"] = (512, 6, 6, 8, 51864, 80),
        ["small"] = (768, 12, 12, 12, 51865, 80),
        ["small.en"] = (768, 12, 12, 12, 51864, 80),
        ["medium"] = (1024, 24, 24, 16, 51865, 80),
        ["medium.en"] = (1024, 24, 24, 16, 51864, 80),
        ["large-v2"] = (1280, 32, 32, 20, 51865, 80),
        ["large-v3"] = (1280, 32, 32, 20, 51866, 128),
        ["large-v3-turbo"] = (1280, 32, 4, 20, 51866, 128),
        ["distil-small.en"] = (768, 12, 4, 12, 51864, 80),
        ["distil-large-v3"] = (1280, 32, 2, 20, 51866, 128),
    };

    public static IReadOnlyCollection<string> Names => s_shapes.Keys;

    /// <summary>The configuration of a published model.</summary>
    /// <exception cref="ModelException">No model has that name.</exception>
    public static WhisperConfig Named(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!s_shapes.TryGetValue(name, out var shape))
            throw new ModelException($"No Whisper model is called '{name}'; the known shapes are {string.Join(", ", s_shapes.Keys)}.");
        return new WhisperConfig
        {
            DModel = shape.Size,
            EncoderLayers = shape.Encoder,
            DecoderLayers = shape.Decoder,
            EncoderAttentionHeads = shape.Heads,
            DecoderAttentionHeads = shape.Heads,
            EncoderFfnDim = 4 * shape.Size,
            DecoderFfnDim = 4 * shape.Size,
            VocabSize = shape.Vocabulary,
            NumMelBins = shape.Mels,
            NameOrPath = $"random {name}",
        };
    }

    /// <summary>The decoding rules that go with a configuration that has no file of its own.</summary>
    public static WhisperGenerationConfig GenerationFor(WhisperConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new WhisperGenerationConfig
        {
            AlignmentHeads = WhisperAlignmentHeads.For(config),
            IsMultilingual = config.IsMultilingual,
            MaxLength = config.MaxTargetPositions,
        };
    }
}
