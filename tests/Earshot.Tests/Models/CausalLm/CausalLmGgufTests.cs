using System.Runtime.InteropServices;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Checkpoints.Gguf;
using Earshot.Compute;
using Earshot.Models;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>The reference's small models as GGUF files, with names, row order and settings as llama.cpp's converter writes them.</summary>
public sealed class CausalLmGgufTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("qwen2-tiny/untied")]
    [InlineData("qwen2-tiny/yarn")]
    [InlineData("qwen3-tiny/tied")]
    [InlineData("llama-tiny/smollm2")]
    [InlineData("llama-tiny/llama3")]
    public async Task A_converted_model_has_the_same_bits(string name)
    {
        using var original = new CausalLmRun(TestData.Require($"goldens/{name}"));
        using var converted = new CausalLmRun(Write(original, GgufOf(original, name)));
        Assert.Equal(original.Config.Rotary.Factor, converted.Config.Rotary.Factor, 1e-7f);
        Assert.Equal(
            original.Config with { Rotary = converted.Config.Rotary, RmsNormEps = converted.Config.RmsNormEps }, converted.Config);
        int[] prompt = [5, 9, 2, 77, 301, 44, 8];
        float[] expected = await original.PromptAsync(prompt, 0, 3, 6), actual = await converted.PromptAsync(prompt, 0, 3, 6);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f);
        // As they stand in no file: parts of rows, across the border of two.
        var name2 = "model.layers.1.self_attn.q_proj.weight";
        float[] part = new float[101], whole = original.Weights.Find(name2)!.ToFloats();
        converted.Weights.Find(name2)!.ReadFloats(33, part);
        Assert.Equal(whole[33..134], part);
    }

    [Fact]
    public void Refusals_name_the_key()
    {
        using var original = new CausalLmRun(TestData.Require("goldens/llama-tiny/smollm2"));
        GgufBytes Base() => GgufOf(original, "llama-tiny/smollm2");
        Check(Base().Number("llama.expert_count", 8), "llama.expert_count");
        Check(Base().Number("llama.attention.sliding_window_pattern", 2), "llama.attention.sliding_window_pattern");
        Check(Base().Number("llama.attention.key_length", 6), "llama.rope.dimension_count");
        Check(Base().Text("llama.rope.scaling.type", "longrope"), "llama.rope.scaling.type");
        Check(Base().Add("llama.residual_scale", 6, writer => writer.Write(2f)), "llama.residual_scale");
        Check(Base().Floats("blk.0.attn_q_norm.weight", new float[8]), "self_attn.q_norm.weight");
        Check(Base().Floats("blk.9.attn_norm.weight", new float[72]), "model.layers.9");

        var other = WriteBytes(new GgufBytes().Text("general.architecture", "mamba"));
        Assert.Contains("mamba", Assert.Throws<ModelException>(() => new CausalLmRun(other)).Message, StringComparison.Ordinal);

        void Check(GgufBytes bytes, string key) => Assert.Contains(
            key, Assert.Throws<CheckpointException>(() => new CausalLmRun(Write(original, bytes)).Dispose()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_window_is_in_all_layers_and_one_as_long_as_the_context_is_none()
    {
        using var original = new CausalLmRun(TestData.Require("goldens/llama-tiny/smollm2"));
        IReadOnlyList<int> WindowsWith(uint window)
        {
            using var run = new CausalLmRun(Write(
                original, GgufOf(original, "llama-tiny/smollm2").Number("llama.attention.sliding_window", window)));
            return run.Config.Windows;
        }
        Assert.Equal([512, 512], WindowsWith(512));
        Assert.Empty(WindowsWith(0));
        Assert.Empty(WindowsWith((uint)original.Config.MaxPositionEmbeddings));
    }

    [Fact]
    public void Any_metadata_are_taken_or_refused_in_a_line()
    {
        string[] keys =
        [
            "block_count", "embedding_length", "feed_forward_length", "context_length", "attention.head_count", "attention.head_count_kv",
            "attention.key_length", "attention.value_length", "rope.dimension_count", "vocab_size", "expert_count",
        ];
        uint[] values = [0, 1, 2, 3, 7, 8, 16, 1024, 65536, int.MaxValue, uint.MaxValue];
        foreach (var random in FuzzRounds.Of(200, 15))
        {
            var type = CausalLmConfig.Types[random.Next(3)];
            var bytes = new GgufBytes().Text("general.architecture", type);
            foreach (var key in keys)
            {
                int kind = random.Next(12);
                if (kind == 0) bytes.Text($"{type}.{key}", "many");
                else if (kind == 1) bytes.Add($"{type}.{key}", 6, writer => writer.Write(float.NaN));
                else if (kind > 2) bytes.Number($"{type}.{key}", values[random.Next(values.Length)]);
            }
            bytes.Add($"{type}.attention.layer_norm_rms_epsilon", 6, writer => writer.Write(random.NextSingle()))
                .Text($"{type}.rope.scaling.type", random.Next(2) == 0 ? "yarn" : "linear")
                .Add($"{type}.rope.scaling.factor", 6, writer => writer.Write(random.Next(2) == 0 ? 4f : float.PositiveInfinity))
                .Floats("token_embd.weight", 1, 2, 3);
            // None has all its tensors, whatever it says.
            var error = Assert.ThrowsAny<EarshotException>(() => new CausalLmRun(WriteBytes(bytes)));
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    string Write(CausalLmRun original, GgufBytes bytes) => WriteBytes(bytes
        .Text("tokenizer.ggml.model", "gpt2").Text("tokenizer.ggml.pre", "smollm")
        .Array("tokenizer.ggml.tokens", 8, original.Config.VocabSize, writer =>
        {
            for (int i = 0; i < original.Config.VocabSize; i++) GgufBytes.Write(writer, $"t{i}");
        })
        .Array("tokenizer.ggml.token_type", 5, original.Config.VocabSize, writer =>
        {
            for (int i = 0; i < original.Config.VocabSize; i++) writer.Write(1);
        })
        .Array("tokenizer.ggml.merges", 8, 0, _ => { }));

    string WriteBytes(GgufBytes bytes)
    {
        var path = _folder.File($"{Guid.NewGuid():N}.gguf");
        File.WriteAllBytes(path, bytes.ToArray());
        return path;
    }

    static GgufBytes GgufOf(CausalLmRun original, string name)
    {
        var (config, type) = (original.Config, original.Config.ModelType);
        using var settings = JsonDocument.Parse(File.ReadAllText(TestData.Require($"goldens/{name}/config.json")));
        var root = settings.RootElement;
        float theta = root.GetProperty("rope_theta").GetSingle();
        var bytes = new GgufBytes().Text("general.architecture", type)
            .Number($"{type}.block_count", (uint)config.NumHiddenLayers).Number($"{type}.embedding_length", (uint)config.HiddenSize)
            .Number($"{type}.feed_forward_length", (uint)config.IntermediateSize)
            .Number($"{type}.context_length", root.GetProperty("max_position_embeddings").GetUInt32())
            .Number($"{type}.attention.head_count", (uint)config.NumAttentionHeads)
            .Number($"{type}.attention.head_count_kv", (uint)config.NumKeyValueHeads)
            .Number($"{type}.rope.dimension_count", (uint)config.HeadDim)
            .Add($"{type}.rope.freq_base", 6, writer => writer.Write(theta))
            .Add($"{type}.attention.layer_norm_rms_epsilon", 6, writer => writer.Write(config.RmsNormEps));
        if (config.HeadDim * config.NumAttentionHeads != config.HiddenSize)
            bytes.Number($"{type}.attention.key_length", (uint)config.HeadDim)
                .Number($"{type}.attention.value_length", (uint)config.HeadDim);
        if (name.EndsWith("yarn", StringComparison.Ordinal))
        {
            bytes.Text($"{type}.rope.scaling.type", "yarn").Add($"{type}.rope.scaling.factor", 6, writer => writer.Write(4f))
                .Number($"{type}.rope.scaling.original_context_length", 256);
        }
        if (name.EndsWith("llama3", StringComparison.Ordinal))
        {
            var plain = Rotary.Plain(config.HeadDim, theta);
            var factors = new float[config.HeadDim / 2];
            for (int i = 0; i < factors.Length; i++)
                factors[i] = plain.InverseFrequencies[i] / config.Rotary.InverseFrequencies[i];
            bytes.Floats("rope_freqs.weight", factors);
        }
        foreach (var tensor in original.Weights.Names.Order(StringComparer.Ordinal))
        {
            var stored = original.Weights.Find(tensor)!;
            long[] sizes = [.. Enumerable.Range(0, stored.Shape.Rank).Select(i => (long)stored.Shape[i]).Reverse()];
            bytes.Tensor(NameOf(tensor), sizes, 0, MemoryMarshal.AsBytes(Values(stored, config).AsSpan()).ToArray());
        }
        return bytes;
    }

    /// <summary>The values with rows of Llama's queries and keys in pairs.</summary>
    static float[] Values(StoredTensor stored, CausalLmConfig config)
    {
        var values = stored.ToFloats();
        bool isQuery = stored.Name.Contains(".q_proj.", StringComparison.Ordinal);
        if (config.ModelType != "llama" || !(isQuery || stored.Name.Contains(".k_proj.", StringComparison.Ordinal))) return values;
        int columns = values.Length / stored.Shape[0], half = config.HeadDim / 2;
        var rows = new float[values.Length];
        for (int row = 0; row < stored.Shape[0]; row++)
        {
            int head = row / config.HeadDim, within = row % config.HeadDim;
            int to = head * config.HeadDim + (within < half ? 2 * within : 2 * (within - half) + 1);
            values.AsSpan(row * columns, columns).CopyTo(rows.AsSpan(to * columns));
        }
        return rows;
    }

    static string NameOf(string name) => name
        .Replace("model.embed_tokens", "token_embd", StringComparison.Ordinal)
        .Replace("model.norm", "output_norm", StringComparison.Ordinal)
        .Replace("lm_head", "output", StringComparison.Ordinal)
        .Replace("model.layers", "blk", StringComparison.Ordinal)
        .Replace("input_layernorm", "attn_norm", StringComparison.Ordinal)
        .Replace("post_attention_layernorm", "ffn_norm", StringComparison.Ordinal)
        .Replace("self_attn.o_proj", "attn_output", StringComparison.Ordinal)
        .Replace("self_attn.", "attn_", StringComparison.Ordinal)
        .Replace("mlp.", "ffn_", StringComparison.Ordinal)
        .Replace("_proj", "", StringComparison.Ordinal);
}
