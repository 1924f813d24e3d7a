using System.Text.Encodings.Web;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Models;

namespace Earshot.Tests.Models;

/// <summary>
/// A folder with an English-only Whisper of float16 random weights, small layers and a text token a byte: a model of plain
/// numbers, which the one in the box is not, and one that knows no languages.
/// </summary>
internal static class RandomModel
{
    // Rows long enough for all groups of the quantised formats.
    const int Size = 128;

    // Beside the text: the end and seven more, 99 languages and 1,501 timestamps.
    const int SpecialTokens = 1608;

    static readonly JsonSerializerOptions s_asWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static WhisperConfig Config { get; } = WhisperShapes.Named("tiny.en") with
    {
        DModel = Size,
        EncoderLayers = 2,
        DecoderLayers = 2,
        EncoderAttentionHeads = 2,
        DecoderAttentionHeads = 2,
        EncoderFfnDim = 2 * Size,
        DecoderFfnDim = 2 * Size,
        VocabSize = 256 + SpecialTokens,
    };

    /// <summary>Writes the model into a new folder within another, and returns its path.</summary>
    public static string WriteTo(string parent)
    {
        var folder = Path.Combine(parent, "random");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
            {"model_type": "whisper", "d_model": {{Size}}, "encoder_layers": 2, "encoder_attention_heads": 2,
             "encoder_ffn_dim": {{2 * Size}}, "num_mel_bins": 80,
             "decoder_layers": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": {{2 * Size}},
             "vocab_size": {{Config.VocabSize}}, "activation_function": "gelu"}
            """);
        File.WriteAllText(
            Path.Combine(folder, "generation_config.json"),
            """{"alignment_heads": [[1, 0], [0, 1]], "is_multilingual": false, "max_length": 448}""");
        File.WriteAllText(
            Path.Combine(folder, "preprocessor_config.json"),
            """{"feature_size": 80, "hop_length": 160, "n_fft": 400, "chunk_length": 30, "sampling_rate": 16000}""");
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(Vocabulary(), s_asWritten));
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n");
        var weights = RandomTensors.For(WhisperFamily.OfShape(Config).Parts);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), weights.Names.Select(name =>
        {
            var tensor = weights.Find(name)!;
            return new TensorToWrite(name, tensor.Type, tensor.Shape, stream =>
            {
                var bytes = new byte[tensor.ByteLength];
                tensor.Read(0, bytes);
                stream.Write(bytes);
            });
        }));
        return folder;
    }

    // Bytes as GPT-2's vocabulary spells them, and the end, from which the other special tokens are counted.
    static Dictionary<string, int> Vocabulary()
    {
        char standIn = '\u0100';
        var tokens = Enumerable.Range(0, 256)
            .ToDictionary(b => (b is (> 32 and < 127) or (> 160 and not 173) ? (char)b : standIn++).ToString());
        tokens.Add("<|endoftext|>", 256);
        return tokens;
    }
}
