using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Onnx.Export;

/// <summary>Writes <c>config.json</c> for weights that came without one.</summary>
static class ConfigurationFiles
{
    public static void Write(WhisperConfig config, string folder)
    {
        using var file = File.Create(Path.Combine(folder, WhisperConfig.FileName));
        using var json = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("model_type", ModelArchitecture.Whisper);
        if (config.NameOrPath is { } name) json.WriteString("_name_or_path", name);
        json.WriteNumber("d_model", config.DModel);
        json.WriteNumber("encoder_layers", config.EncoderLayers);
        json.WriteNumber("encoder_attention_heads", config.EncoderAttentionHeads);
        json.WriteNumber("encoder_ffn_dim", config.EncoderFfnDim);
        json.WriteNumber("decoder_layers", config.DecoderLayers);
        json.WriteNumber("decoder_attention_heads", config.DecoderAttentionHeads);
        json.WriteNumber("decoder_ffn_dim", config.DecoderFfnDim);
        json.WriteNumber("vocab_size", config.VocabSize);
        json.WriteNumber("num_mel_bins", config.NumMelBins);
        json.WriteNumber("max_source_positions", config.MaxSourcePositions);
        json.WriteNumber("max_target_positions", config.MaxTargetPositions);
        json.WriteString("activation_function", config.ActivationFunction);
        json.WriteBoolean("scale_embedding", config.ScaleEmbedding);
        json.WriteBoolean("tie_word_embeddings", config.TieWordEmbeddings);
        json.WriteEndObject();
    }
}
