using System.Text.Json.Nodes;
using Earshot.Checkpoints;
using Earshot.Models;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>What a language model's <c>config.json</c> may say, and what is refused by its name.</summary>
public sealed class CausalLmSettingsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("hidden_size", "0")]
    [InlineData("hidden_size", "63")]
    [InlineData("num_key_value_heads", "3")]
    [InlineData("head_dim", "7")]
    [InlineData("rms_norm_eps", "-1")]
    [InlineData("hidden_act", "\"gelu\"")]
    [InlineData("use_sliding_window", "true")]
    [InlineData("sliding_window", "4096")]
    [InlineData("layer_types", "[\"full_attention\", \"sliding_attention\"]")]
    [InlineData("num_experts", "8")]
    [InlineData("partial_rotary_factor", "0.5")]
    [InlineData("attention_multiplier", "0.1")]
    [InlineData("pretraining_tp", "2")]
    [InlineData("architectures", "[\"LlamaForSequenceClassification\"]")]
    [InlineData("rope_theta", "\"much\"")]
    [InlineData("rope_scaling", "{\"rope_type\": \"dynamic\", \"factor\": 2}", "rope_type")]
    [InlineData("rope_scaling", "{\"type\": \"longrope\"}", "rope_scaling.type")]
    [InlineData("rope_scaling", "{\"type\": \"linear\"}", "rope_scaling.factor")]
    [InlineData("rope_scaling", "{\"type\": \"yarn\", \"factor\": 4, \"mscale\": 1}", "rope_scaling.mscale")]
    [InlineData("rope_scaling",
        "{\"rope_type\": \"llama3\", \"factor\": 4, \"low_freq_factor\": 4, \"high_freq_factor\": 4}", "rope_scaling.high_freq_factor")]
    [InlineData("quantization_config", "{\"quant_method\": \"gptq\"}", "quantization_config.quant_method")]
    public void A_value_that_is_not_implemented_is_refused(string key, string value, string? named = null)
    {
        Write("llama", (key, value));
        var folder = new ModelFolder(_folder.Path);
        var error = Assert.Throws<CheckpointException>(() =>
        {
            ModelFamilies.Open(folder);
            _ = folder.Quantization;
        });
        Assert.Contains(named ?? (value == "63" ? "num_attention_heads" : key), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Defaults_and_both_ways_to_name_rotary_positions()
    {
        Write("llama");
        var plain = Open();
        Assert.Equal((16, 4, false, 10_000.0), (plain.HeadDim, plain.NumKeyValueHeads, plain.TieWordEmbeddings, ThetaOf(plain)));
        Assert.Equal((false, false, false, false), (plain.QueryBias, plain.OutputBias, plain.MlpBias, plain.QueryNorm));
        Write("llama", ("rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 5000.0}"), ("attention_bias", "true"));
        Assert.Equal(5000, ThetaOf(Open()));
        Assert.True(Open() is { QueryBias: true, OutputBias: true });
        Write("llama", ("rope_theta", "5000"), ("rope_scaling", "{\"type\": \"linear\", \"factor\": 4.0}"), ("mlp_bias", "true"));
        Assert.True(Open().MlpBias);
        Assert.Equal(0.25f, Open().Rotary.InverseFrequencies[0]);
        Write("qwen2", ("use_sliding_window", "false"), ("sliding_window", "4096"));
        Assert.True(Open() is { QueryBias: true, OutputBias: false });
        Write("qwen3", ("head_dim", "32"));
        Assert.True(Open() is { QueryNorm: true, HeadDim: 32, QueryBias: false });
        // With YaRN the context is what it reaches, as Qwen2.5's card has it.
        Write(
            "qwen2", ("rope_scaling", "{\"type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 2048}"));
        Assert.Equal(8192, Open().MaxPositionEmbeddings);
    }

    [Fact]
    public void Tokens_that_end_a_text_come_from_either_file()
    {
        Write("llama", ("eos_token_id", "7"));
        Assert.Equal([7], Generation().EndTokens);
        _folder.Write("generation_config.json", """{"eos_token_id": [5, 6], "do_sample": true, "temperature": 0.7, "top_k": 20}""");
        var generation = Generation();
        Assert.Equal([5, 6], generation.EndTokens);
        Assert.Equal((true, 0.7, 20, null), (generation.DoSample, generation.Temperature, generation.TopK, generation.TopP));
        _folder.Write("generation_config.json", """{"eos_token_id": 100000}""");
        Assert.Contains("eos_token_id", Assert.Throws<CheckpointException>(Generation).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_value_in_any_place_is_taken_or_refused_in_a_line()
    {
        string[] keys =
        [
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
            "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters", "tie_word_embeddings",
            "eos_token_id", "layer_types", "architectures", "hidden_act", "sliding_window", "use_sliding_window", "attention_bias",
        ];
        string[] values =
        [
            "0", "1", "2", "7", "-1", "2147483647", "4294967296", "1e300", "1e-300", "0.5", "null", "true", "false", "\"x\"", "[]", "{}",
            "[1, 2]", "[\"full_attention\"]", "{\"type\": \"yarn\", \"factor\": 1024, \"original_max_position_embeddings\": 16777216}",
            "{\"rope_type\": \"yarn\", \"factor\": 1, \"beta_fast\": 1e-6, \"beta_slow\": 1e6}",
            "{\"type\": \"linear\", \"factor\": 1024}",
            "{\"rope_type\": \"llama3\", \"factor\": 1, \"low_freq_factor\": 0, \"high_freq_factor\": 1e6, \"rope_theta\": 1.0001}",
        ];
        int opened = 0, refused = 0;
        foreach (var random in FuzzRounds.Of(400, 14))
        {
            var changes = Enumerable.Range(0, random.Next(1, 4))
                .Select(_ => (keys[random.Next(keys.Length)], values[random.Next(values.Length)])).ToArray();
            Write(CausalLmConfig.Types[random.Next(3)], changes);
            try
            {
                var frequencies = Open().Rotary.InverseFrequencies;
                foreach (float frequency in frequencies)
                    Assert.True(float.IsFinite(frequency) && frequency > 0, string.Join("; ", changes));
                opened++;
            }
            catch (EarshotException e)
            {
                refused++;
                Assert.DoesNotContain('\n', e.Message);
            }
        }
        Assert.True(opened > 20 && refused > 20, $"{opened} opened, {refused} refused");
    }

    CausalLmConfig Open() => ((CausalLmPrompt)ModelFamilies.Open(_folder.Path).Prompt!).Config;

    CausalLmGeneration Generation() => ((CausalLmPrompt)ModelFamilies.Open(_folder.Path).Prompt!).Generation;

    static double ThetaOf(CausalLmConfig config) => Math.Round(Math.Pow(config.Rotary.InverseFrequencies[1], -config.HeadDim / 2.0), 1);

    void Write(string type, params ReadOnlySpan<(string Key, string Value)> changes)
    {
        var json = JsonNode.Parse($$"""
            {"model_type": "{{type}}", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
             "max_position_embeddings": 2048, "vocab_size": 300}
            """)!;
        foreach (var (key, value) in changes) json[key] = JsonNode.Parse(value);
        _folder.Write("config.json", json.ToJsonString());
    }
}
