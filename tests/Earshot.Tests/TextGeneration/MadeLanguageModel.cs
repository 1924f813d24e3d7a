using System.Text.Encodings.Web;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Tests.TextGeneration;

/// <summary>
/// Folders with small language models made on the spot: of random weights, or such that each token has one that follows it, whatever was
/// before. Their tokens are the 256 bytes and pieces that a test wants, then special ones.
/// </summary>
internal static class MadeLanguageModel
{
    public const string TurnStart = "<|im_start|>", TurnEnd = "<|im_end|>", TextEnd = "<|endoftext|>";

    static readonly JsonSerializerOptions s_asWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Special ones first; the others show in texts.
    static readonly string[] s_added = [TextEnd, TurnStart, TurnEnd, "<tool_call>", "</tool_call>", "<think>", "</think>"];

    static readonly string[] s_alphabet = Alphabet();

    /// <summary>The id of a piece, an added token, or a byte.</summary>
    public static int Id(IReadOnlyList<string> pieces, string text)
    {
        int added = Array.IndexOf(s_added, text);
        if (added >= 0) return 256 + pieces.Count + added;
        for (int i = 0; i < pieces.Count; i++)
            if (pieces[i] == text) return 256 + i;
        return text.Length == 1 && text[0] < 128 ? text[0] : throw new ArgumentException($"'{text}' is no token.", nameof(text));
    }

    /// <summary>A model that writes some pieces one after the other, behind a line end, and then ends its turn.</summary>
    /// <param name="follows">After a piece, what else is likely, half as much; nothing else is.</param>
    public static string WriteScript(string folder, IReadOnlyList<string> script, IReadOnlyDictionary<string, string>? follows = null)
    {
        var pieces = script.Concat(follows?.Values ?? []).Where(piece => piece.Length > 1 && !s_added.Contains(piece)).Distinct().ToList();
        var next = new Dictionary<int, int>();
        string last = "\n";
        foreach (var piece in script.Append(TurnEnd))
        {
            if (!next.TryAdd(Id(pieces, last), Id(pieces, piece))) throw new ArgumentException($"'{last}' occurs twice.", nameof(script));
            last = piece;
        }
        int end = Id(pieces, TurnEnd);
        var second = (follows ?? new Dictionary<string, string>())
            .ToDictionary(pair => Id(pieces, pair.Key), pair => Id(pieces, pair.Value));
        return WriteChain(folder, pieces, token => next.GetValueOrDefault(token, end), token => second.GetValueOrDefault(token, -1));
    }

    /// <summary>A model in which a token says which is the likeliest to follow, and the second likeliest.</summary>
    public static string WriteChain(string folder, IReadOnlyList<string> pieces, Func<int, int> next, Func<int, int>? second = null)
    {
        int vocabulary = (256 + pieces.Count + s_added.Length + 63) / 64 * 64;
        Begin(folder, pieces, vocabulary, vocabulary, layers: 1, heads: vocabulary / 64, keyHeads: vocabulary / 64, inner: 64);
        var table = new float[vocabulary, vocabulary];
        var output = new float[vocabulary, vocabulary];
        for (int i = 0; i < vocabulary; i++)
        {
            table[i, i] = 1;
            if (second?.Invoke(i) is { } other and >= 0) output[other, i] = 0.5f;
            output[next(i), i] = 1;
        }
        float[] Ones() => [.. Enumerable.Repeat(1f, vocabulary)];
        var tensors = new List<TensorToWrite>
        {
            Of("model.embed_tokens.weight", table), Of("lm_head.weight", output), Of("model.norm.weight", Ones()),
            Of("model.layers.0.input_layernorm.weight", Ones()), Of("model.layers.0.post_attention_layernorm.weight", Ones()),
        };
        foreach (var name in (ReadOnlySpan<string>)["q_proj", "k_proj", "v_proj", "o_proj"])
            tensors.Add(Of($"model.layers.0.self_attn.{name}.weight", new float[vocabulary, vocabulary]));
        foreach (var name in (ReadOnlySpan<string>)["gate_proj", "up_proj"])
            tensors.Add(Of($"model.layers.0.mlp.{name}.weight", new float[64, vocabulary]));
        tensors.Add(Of("model.layers.0.mlp.down_proj.weight", new float[vocabulary, 64]));
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors);
        return folder;
    }

    /// <summary>A model of random weights.</summary>
    /// <param name="sharpness">How sure it is of its tokens.</param>
    public static string WriteRandom(
        string folder, IReadOnlyList<string>? pieces = null, int layers = 2, float sharpness = 1, int seed = 1)
    {
        pieces ??= [];
        int vocabulary = (256 + pieces.Count + s_added.Length + 63) / 64 * 64;
        Begin(folder, pieces, vocabulary, width: 128, layers, heads: 4, keyHeads: 2, inner: 256);
        var random = new Random(seed);
        var tensors = new List<TensorToWrite>();
        void Add(string name, int rows, int columns, float scale = 2) => tensors.Add(Of(name, Normal(random, rows, columns, scale)));
        void Norm(string name) => tensors.Add(Of(name, Enumerable.Range(0, 128).Select(_ => 0.8f + 0.4f * random.NextSingle()).ToArray()));
        Add("model.embed_tokens.weight", vocabulary, 128);
        Add("lm_head.weight", vocabulary, 128, 2 * sharpness);
        Norm("model.norm.weight");
        for (int i = 0; i < layers; i++)
        {
            var layer = $"model.layers.{i}";
            Norm($"{layer}.input_layernorm.weight");
            Norm($"{layer}.post_attention_layernorm.weight");
            Add($"{layer}.self_attn.q_proj.weight", 128, 128);
            Add($"{layer}.self_attn.k_proj.weight", 64, 128);
            Add($"{layer}.self_attn.v_proj.weight", 64, 128);
            Add($"{layer}.self_attn.o_proj.weight", 128, 128);
            Add($"{layer}.mlp.gate_proj.weight", 256, 128);
            Add($"{layer}.mlp.up_proj.weight", 256, 128);
            Add($"{layer}.mlp.down_proj.weight", 128, 256);
        }
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors);
        return folder;
    }

    static void Begin(
        string folder, IReadOnlyList<string> pieces, int vocabulary, int width, int layers, int heads, int keyHeads, int inner)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
            {"model_type": "llama", "hidden_size": {{width}}, "intermediate_size": {{inner}}, "num_hidden_layers": {{layers}},
             "num_attention_heads": {{heads}}, "num_key_value_heads": {{keyHeads}}, "head_dim": {{width / heads}},
             "vocab_size": {{vocabulary}}, "rms_norm_eps": 1e-6, "max_position_embeddings": 4096, "rope_theta": 10000,
             "hidden_act": "silu", "tie_word_embeddings": false, "eos_token_id": {{Id(pieces, TurnEnd)}}}
            """);
        var vocabularyOf = new Dictionary<string, int>();
        for (int b = 0; b < 256; b++) vocabularyOf.Add(s_alphabet[b], b);
        for (int i = 0; i < pieces.Count; i++)
            vocabularyOf.Add(string.Concat(System.Text.Encoding.UTF8.GetBytes(pieces[i]).Select(b => s_alphabet[b])), 256 + i);
        var added = s_added.Select((text, i) => new
        {
            id = 256 + pieces.Count + i,
            content = text,
            single_word = false,
            lstrip = false,
            rstrip = false,
            normalized = false,
            special = i < 3,
        });
        var model = new { type = "BPE", vocab = vocabularyOf, merges = Array.Empty<string>() };
        var split = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = false, use_regex = true };
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), JsonSerializer.Serialize(
            new { version = "1.0", added_tokens = added, pre_tokenizer = split, decoder = split, model }, s_asWritten));
        File.WriteAllText(
            Path.Combine(folder, "tokenizer_config.json"),
            $$"""{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "{{TurnEnd}}"}""");
    }

    static float[,] Normal(Random random, int rows, int columns, float scale)
    {
        var values = new float[rows, columns];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
                values[i, j] = (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble()) / Math.Sqrt(columns) * scale);
            }
        }
        return values;
    }

    static TensorToWrite Of(string name, Array values)
    {
        var shape = values.Rank == 1 ? new Shape(values.Length) : new Shape(values.GetLength(0), values.GetLength(1));
        var bytes = new byte[values.Length * sizeof(float)];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        return new TensorToWrite(name, DType.F32, shape, stream => stream.Write(bytes));
    }

    // Bytes as GPT-2's vocabulary spells them.
    static string[] Alphabet()
    {
        char standIn = '\u0100';
        return [.. Enumerable.Range(0, 256).Select(b => ((b is (> 32 and < 127) or (> 160 and not 173)) ? (char)b : standIn++).ToString())];
    }
}
