using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>A language model's <c>config.json</c>: what changes results is obeyed, or refused by its name.</summary>
static class CausalLmSettings
{
    const int MaxPositions = 1 << 24;

    // Keys of relatives that say they are one of these models and compute differently.
    static readonly string[] s_notImplemented =
    [
        "num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size", "attn_logit_softcapping",
        "final_logit_softcapping", "embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling",
        "query_pre_attn_scalar", "clip_qkv", "no_rope_layers", "no_rope_layer_interval", "use_mrope", "mrope_section", "alibi",
        "attention_sink", "vision_config", "audio_config", "use_bidirectional_attention",
    ];

    /// <exception cref="CheckpointException">The file is missing, or a value in it cannot be or is not implemented.</exception>
    public static CausalLmConfig Load(ModelFolder folder)
    {
        using var settings = folder.OpenConfig();
        var type = folder.ModelType;
        settings.RequireArchitecture(type switch
        {
            "qwen2" => "Qwen2ForCausalLM",
            "qwen3" => "Qwen3ForCausalLM",
            _ => "LlamaForCausalLM",
        });
        RefuseOthers(settings);
        int hidden = settings.Integer("hidden_size", 1, 1 << 16), heads = settings.Integer("num_attention_heads", 1, 1024);
        int layers = settings.Integer("num_hidden_layers", 1, 1024);
        int keyHeads = settings.OptionalInteger("num_key_value_heads", 1, 1024) ?? heads;
        settings.RequireDivisor("num_key_value_heads", keyHeads, ("num_attention_heads", heads));
        int size = HeadSize(settings, hidden, heads), positions = settings.Integer("max_position_embeddings", 1, MaxPositions);
        var (rotary, reached) = ReadRotary(settings, size, positions);
        bool attentionBias = type != "qwen2" && settings.Flag("attention_bias", absent: false);
        return new CausalLmConfig
        {
            ModelType = type,
            VocabSize = settings.Integer("vocab_size", 1, 1 << 22),
            HiddenSize = hidden,
            IntermediateSize = settings.Integer("intermediate_size", 1, 1 << 20),
            NumHiddenLayers = layers,
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyHeads,
            HeadDim = size,
            RmsNormEps = (float)OptionalNumber(settings, "rms_norm_eps", 0, 1, 1e-6),
            MaxPositionEmbeddings = reached,
            Rotary = rotary,
            TieWordEmbeddings = settings.Flag("tie_word_embeddings", absent: false),
            QueryBias = type == "qwen2" || attentionBias,
            OutputBias = attentionBias,
            MlpBias = type == "llama" && settings.Flag("mlp_bias", absent: false),
            QueryNorm = type == "qwen3",
            Windows = CausalLmWindows.Read(settings, type, layers),
        };
    }

    static void RefuseOthers(SettingsFile settings)
    {
        foreach (var key in s_notImplemented)
        {
            if (settings.Has(key))
                throw settings.Wrong(key, "absent: what it asks for is not implemented", settings.Root.GetProperty(key).GetRawText());
        }
        if (settings.Activation("hidden_act", Activation.Silu) != Activation.Silu)
            throw settings.Wrong("hidden_act", "silu, the only value that is implemented", settings.OptionalText("hidden_act")!);
        settings.OnlyIfPresent("partial_rotary_factor", "1");
        settings.OnlyIfPresent("rope_interleaved", "false");
        settings.OnlyIfPresent("pretraining_tp", "1");
    }

    static int HeadSize(SettingsFile settings, int hidden, int heads)
    {
        if (settings.OptionalInteger("head_dim", 2, 1024) is not { } size)
        {
            settings.RequireDivisor("num_attention_heads", heads, ("hidden_size", hidden));
            size = hidden / heads;
        }
        return size % 2 == 0 ? size : throw settings.Wrong("head_dim", "an even number", $"{size}");
    }

    /// <summary>The positions, and how many tokens a sequence may have with them.</summary>
    static (Rotary Rotary, int Positions) ReadRotary(SettingsFile settings, int size, int positions)
    {
        // Transformers 5 writes one section, earlier ones a key and a section.
        bool isNew = settings.Has("rope_parameters");
        var scaling = isNew ? settings.Section("rope_parameters") : settings.Has("rope_scaling") ? settings.Section("rope_scaling") : null;
        double theta = OptionalNumber(isNew && scaling!.Has("rope_theta") ? scaling : settings, "rope_theta", 1.0001, 1e12, 10_000);
        if (scaling is null) return (Rotary.Plain(size, theta), positions);
        scaling.OnlyIfPresent("partial_rotary_factor", "1");
        var type = scaling.OptionalText("rope_type") ?? scaling.OptionalText("type") ?? "default";
        if (type == "default") return (Rotary.Plain(size, theta), positions);
        if (type is not ("linear" or "llama3" or "yarn"))
            throw scaling.Wrong(scaling.Has("rope_type") ? "rope_type" : "type", "default, linear, llama3 or yarn", type);
        double factor = scaling.Number("factor", 1, 1024);
        if (type == "linear") return (RotaryScaling.Linear(size, theta, factor), positions);
        int original = scaling.OptionalInteger("original_max_position_embeddings", 1, MaxPositions) ?? positions;
        if (type == "llama3") return (RotaryScaling.Llama3(size, theta, ReadLlama3(scaling, factor, original)), positions);
        // Qwen's files with YaRN keep the original length beside it.
        int reached = (int)Math.Min(MaxPositions, Math.Max(positions, (long)(original * factor)));
        return (RotaryScaling.Yarn(size, theta, ReadYarn(scaling, factor, original)), reached);
    }

    static Llama3Scaling ReadLlama3(SettingsFile scaling, double factor, int original)
    {
        double low = scaling.Number("low_freq_factor", 0, 1e6), high = scaling.Number("high_freq_factor", 0, 1e6);
        return high > low
            ? new Llama3Scaling(factor, low, high, original)
            : throw scaling.Wrong("high_freq_factor", $"above 'low_freq_factor', which is {low}", $"{high}");
    }

    static YarnScaling ReadYarn(SettingsFile scaling, double factor, int original)
    {
        scaling.OnlyIfPresent("truncate", "true");
        foreach (var key in (ReadOnlySpan<string>)["mscale", "mscale_all_dim"])
        {
            if (scaling.Has(key))
                throw scaling.Wrong(key, "absent: it is not implemented", scaling.Root.GetProperty(key).GetRawText());
        }
        double fast = OptionalNumber(scaling, "beta_fast", 1e-6, 1e6, 32), slow = OptionalNumber(scaling, "beta_slow", 1e-6, 1e6, 1);
        return new YarnScaling(
            factor, original, fast, slow,
            OptionalNumber(scaling, "attention_factor", 1e-6, 1e6, YarnScaling.UsualAttentionFactor(factor)));
    }

    static double OptionalNumber(SettingsFile settings, string key, double minimum, double maximum, double absent) =>
        settings.Has(key) ? settings.Number(key, minimum, maximum) : absent;
}
