using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Models;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>
/// A folder with a language model of random float32 weights, Qwen2's structure, and a token a byte: three layers of width 64, four heads
/// over two, nothing that is not this repository's own.
/// </summary>
internal static class SmallLanguageModel
{
    public const int Vocabulary = 300, Layers = 3, Size = 64, Inner = 96;

    static readonly JsonSerializerOptions s_asWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the model into a folder, with settings beside or in place of the usual ones.</summary>
    public static string WriteTo(string folder, params ReadOnlySpan<(string Key, string Json)> changes)
    {
        Directory.CreateDirectory(folder);
        var config = JsonNode.Parse(string.Create(CultureInfo.InvariantCulture, $$"""
            {"model_type": "qwen2", "hidden_size": {{Size}}, "intermediate_size": {{Inner}}, "num_hidden_layers": {{Layers}},
             "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048, "vocab_size": {{Vocabulary}},
             "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": false}
            """))!;
        foreach (var (key, json) in changes) config[key] = JsonNode.Parse(json);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(Bytes(), s_asWritten));
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n");
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class": "Qwen2Tokenizer"}""");
        var parts = ModelFamilies.Open(folder).Parts;
        var random = RandomTensors.For(parts, options: new RandomTensorOptions { Type = DType.F32, Seed = 7 });
        // A model makes only what it asks for: biases where its kind has none would be too many.
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), random.Names.Select(name => Copy(name, random.Find(name)!)));
        return folder;
    }

    /// <summary>Writes an adapter into a folder: its settings, and tensors of random values in given shapes.</summary>
    public static string WriteAdapter(string folder, string config, int seed, params (string Name, int[] Shape)[] tensors)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), config);
        SafetensorsWriter.Write(Path.Combine(folder, "adapter_model.safetensors"), tensors.Select((tensor, i) =>
        {
            var random = new Random(seed * 1000 + i);
            var values = new float[tensor.Shape.Aggregate(1, (count, size) => count * size)];
            for (int v = 0; v < values.Length; v++) values[v] = (random.NextSingle() - 0.5f) * 0.6f;
            return new TensorToWrite(
                tensor.Name, DType.F32, new Shape(tensor.Shape), stream => stream.Write(MemoryMarshal.AsBytes<float>(values)));
        }));
        return folder;
    }

    static TensorToWrite Copy(string name, StoredTensor tensor) => new(name, tensor.Type, tensor.Shape, stream =>
    {
        var bytes = new byte[tensor.ByteLength];
        tensor.Read(0, bytes);
        stream.Write(bytes);
    });

    // Bytes as GPT-2's vocabulary spells them.
    static Dictionary<string, int> Bytes()
    {
        char standIn = '\u0100';
        return Enumerable.Range(0, 256)
            .ToDictionary(b => (b is (> 32 and < 127) or (> 160 and not 173) ? (char)b : standIn++).ToString());
    }
}
