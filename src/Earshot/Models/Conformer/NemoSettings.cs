using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Features;

namespace Earshot.Models;

/// <summary>What NeMo's settings say of encoder, heads and features; what is not implemented is refused by its key.</summary>
static class NemoSettings
{
    const int MostSize = 1 << 16, MostTokens = 1 << 20, MostContext = 1 << 16;

    static readonly string[] s_kinds = ["EncDecCTCModel", "EncDecRNNTModel", "EncDecHybridRNNTCTCModel"];

    /// <exception cref="CheckpointException">A setting is missing, cannot be, or is not implemented.</exception>
    public static (ConformerConfig Config, ConformerHeads Heads) Read(SettingsFile settings)
    {
        var features = settings.Section("preprocessor");
        var normalization = ReadFeatures(features);
        var config = ReadEncoder(settings.Section("encoder"), features.Integer("features", 1, 512));
        var target = settings.OptionalText("target") ?? "";
        var kind = target[(target.LastIndexOf('.') + 1)..].Replace("BPE", "", StringComparison.Ordinal);
        if (!s_kinds.Contains(kind))
            throw settings.Wrong("target", string.Join(", ", s_kinds) + " or one of these with BPE", target);
        var heads = new ConformerHeads
        {
            Normalization = normalization,
            PreEmphasis = features.Has("preemph") ? (float)features.Number("preemph", 0, 1) : new ConformerHeads().PreEmphasis,
        };
        if (kind == s_kinds[0]) return (config, heads with { Ctc = ReadCtc(settings.Section("decoder"), NemoNames.Ctc) });
        heads = heads with { Transducer = ReadTransducer(settings, config) };
        if (kind == s_kinds[1]) return (config, heads);
        return (config, heads with { Ctc = ReadCtc(settings.Section("aux_ctc").Section("decoder"), NemoNames.AuxiliaryCtc) });
    }

    static MelNormalization ReadFeatures(SettingsFile settings)
    {
        settings.OnlyIfPresent("sample_rate", "16000");
        settings.OnlyIfPresent("window_size", "0.025");
        settings.OnlyIfPresent("window_stride", "0.01");
        settings.OnlyIfPresent("window", "\"hann\"");
        settings.OnlyIfPresent("n_fft", "512");
        settings.OnlyIfPresent("log", "true");
        settings.OnlyIfPresent("log_zero_guard_type", "\"add\"");
        settings.OnlyIfPresent("log_zero_guard_value", "5.960464477539063e-08");
        settings.OnlyIfPresent("mag_power", "2");
        settings.OnlyIfPresent("frame_splicing", "1");
        settings.OnlyIfPresent("lowfreq", "0");
        settings.OnlyIfPresent("highfreq", "8000");
        settings.OnlyIfPresent("mel_norm", "\"slaney\"");
        settings.OnlyIfPresent("exact_pad", "false");
        return settings.OptionalText("normalize") switch
        {
            "per_feature" => MelNormalization.PerFeature,
            "all_features" => MelNormalization.AllFeatures,
            null or "NA" => MelNormalization.None,
            var other => throw settings.Wrong("normalize", "per_feature, all_features or NA", other),
        };
    }

    static ConformerConfig ReadEncoder(SettingsFile settings, int melBins)
    {
        settings.Only("feat_in", $"{melBins}");
        settings.OnlyIfPresent("feat_out", "-1");
        settings.OnlyIfPresent("untie_biases", "true");
        settings.OnlyIfPresent("global_attn_separate", "false");
        settings.OnlyIfPresent("global_tokens_spacing", "1");
        if (settings.Has("reduction")) throw settings.Wrong("reduction", "nothing, the only choice that is implemented", "another");
        var attention = settings.OptionalText("self_attention_model") ?? "rel_pos";
        if (attention is not ("rel_pos" or "rel_pos_local_attn"))
            throw settings.Wrong("self_attention_model", "rel_pos or rel_pos_local_attn", attention);
        int size = settings.Integer("d_model", 2, MostSize), heads = settings.Integer("n_heads", 1, 1024);
        settings.RequireDivisor("n_heads", heads, ("d_model", size));
        bool bias = settings.Flag("use_bias", absent: true);
        int kernel = settings.Has("conv_kernel_size") ? ParakeetSettings.Kernel(settings) : 31;
        int channels = settings.OptionalInteger("subsampling_conv_channels", -1, MostSize) ?? -1;
        int globals = attention == "rel_pos" ? 0 : settings.OptionalInteger("global_tokens", 0, MostContext) ?? 0;
        return new ConformerConfig
        {
            MelBins = melBins,
            Size = size,
            Layers = settings.Integer("n_layers", 1, 1024),
            Heads = heads,
            InnerSize = checked(size * (settings.OptionalInteger("ff_expansion_factor", 1, 64) ?? 4)),
            Subsampling = settings.OptionalText("subsampling") switch
            {
                "striding" or null => SubsamplingKind.Striding,
                "dw_striding" => SubsamplingKind.DepthwiseStriding,
                var other => throw settings.Wrong("subsampling", "striding or dw_striding", other),
            },
            SubsamplingFactor = settings.Has("subsampling_factor") ? ParakeetSettings.Factor(settings) : 4,
            SubsamplingChannels = channels > 0 ? channels : size,
            IsSubsamplingCausal = settings.Flag("causal_downsampling", absent: false),
            ScalesInput = settings.Flag("xscaling", absent: true),
            HasLinearBias = bias,
            HasConvolutionBias = bias,
            Kernel = kernel,
            IsConvolutionCausal = IsCausal(settings, kernel),
            HasLayerNorm = settings.OptionalText("conv_norm_type") switch
            {
                "batch_norm" or null => false,
                "layer_norm" => true,
                var other => throw settings.Wrong("conv_norm_type", "batch_norm or layer_norm", other),
            },
            Contexts = ReadContexts(settings),
            GlobalPositions = globals,
        };
    }

    static bool IsCausal(SettingsFile settings, int kernel)
    {
        const string key = "conv_context_size", expected = "causal, or what lies around a symmetric kernel";
        if (!settings.Has(key)) return false;
        var value = settings.Root.GetProperty(key);
        if (value.ValueKind == JsonValueKind.String && value.GetString() == "causal") return true;
        if (value.ValueKind != JsonValueKind.Array) throw settings.Wrong(key, expected, value.GetRawText());
        return settings.OptionalIntegers(key, 0, MostContext) switch
        {
            [var left, 0] when left == kernel - 1 => true,
            [var left, var right] when left == right && left == (kernel - 1) / 2 => false,
            _ => throw settings.Wrong(key, expected, value.GetRawText()),
        };
    }

    // A pair, or several of which the first is the usual one.
    static List<AttentionContext> ReadContexts(SettingsFile settings)
    {
        const string key = "att_context_size";
        var style = settings.OptionalText("att_context_style") ?? "regular";
        if (style is not ("regular" or "chunked_limited"))
            throw settings.Wrong("att_context_style", "regular or chunked_limited", style);
        bool isChunked = style == "chunked_limited";
        if (!settings.Has(key)) return [AttentionContext.Everything];
        var value = settings.Root.GetProperty(key);
        List<JsonElement> pairs = [.. settings.Array(value, key)];
        if (pairs.Count > 0 && pairs[0].ValueKind != JsonValueKind.Array) pairs = [value];
        return pairs.Count == 0 ? [AttentionContext.Everything] : pairs.ConvertAll(Read);

        AttentionContext Read(JsonElement pair)
        {
            int[] sizes = [.. settings.Array(pair, key).Select(size => settings.AsInteger(size, key, -1, MostContext))];
            if (sizes is not [var left, var right]) throw settings.Wrong(key, "pairs of numbers", pair.GetRawText());
            if (isChunked && (right < 0 || left > 0 && left % (right + 1) != 0))
                throw settings.Wrong(key, "chunks that the context before them is a multiple of", pair.GetRawText());
            return new AttentionContext(left, right, isChunked);
        }
    }

    static ConformerCtcHead ReadCtc(SettingsFile settings, string name) => new(name, Classes(settings) + 1);

    // The number may be left to the vocabulary.
    static int Classes(SettingsFile settings)
    {
        const string key = "num_classes";
        int classes = settings.OptionalInteger(key, -1, MostTokens) ?? -1;
        if (classes <= 0 && settings.Has("vocabulary"))
            classes = settings.Array(settings.Root.GetProperty("vocabulary"), "vocabulary").Count();
        return classes > 0 ? classes : throw settings.Wrong(key, $"an integer from 1 to {MostTokens}", $"{classes}");
    }

    static LstmTransducer ReadTransducer(SettingsFile settings, ConformerConfig config)
    {
        SettingsFile decoder = settings.Section("decoder"), prediction = decoder.Section("prednet"), joint = settings.Section("joint"),
            network = joint.Section("jointnet");
        if (decoder.Has("normalization_mode"))
            throw decoder.Wrong("normalization_mode", "nothing, the only choice that is implemented", "one");
        decoder.OnlyIfPresent("blank_as_pad", "true");
        int tokens = Classes(joint), extra = joint.OptionalInteger("num_extra_outputs", 0, 1024) ?? 0;
        int[] durations = extra == 0 ? [] : ReadDurations(settings);
        if (durations.Length != extra)
            throw joint.Wrong("num_extra_outputs", $"{durations.Length}, as many as there are durations", $"{extra}");
        int size = prediction.Integer("pred_hidden", 1, MostSize);
        return new LstmTransducer
        {
            Shape = new TransducerShape
            {
                VocabSize = tokens + 1,
                Blank = tokens,
                Durations = durations,
                MostSymbols = MostSymbols(settings),
                EncodedWidth = config.Size,
                Width = network.Integer("joint_hidden", 1, MostSize),
                StateSizes = [.. Enumerable.Repeat(size, prediction.OptionalInteger("pred_rnn_layers", 1, 16) ?? 1)],
            },
            Activation = network.OptionalText("activation") switch
            {
                "relu" => Activation.Relu,
                "tanh" => Activation.Tanh,
                "sigmoid" => Activation.Sigmoid,
                var other => throw network.Wrong("activation", "relu, tanh or sigmoid", other ?? "nothing"),
            },
            Names = NemoNames.Transducer(hasDropout: network.Has("dropout") && network.Number("dropout", 0, 1) > 0),
        };
    }

    static int[] ReadDurations(SettingsFile settings)
    {
        const string key = "durations";
        SettingsFile? Inner(SettingsFile? outer, string name) => outer?.Has(name) == true ? outer.Section(name) : null;
        var training = Inner(Inner(settings, "loss"), "tdt_kwargs");
        return Inner(settings, "decoding")?.OptionalIntegers(key, 0, 1024) ?? training?.OptionalIntegers(key, 0, 1024)
            ?? Inner(settings, "model_defaults")?.OptionalIntegers("tdt_durations", 0, 1024)
            ?? throw settings.Wrong($"decoding.{key}", "a list of numbers", "nothing");
    }

    static int MostSymbols(SettingsFile settings)
    {
        var greedy = settings.Has("decoding") && settings.Section("decoding") is { } decoding && decoding.Has("greedy")
            ? decoding.Section("greedy")
            : null;
        return greedy?.OptionalInteger("max_symbols", 1, 1 << 20) ?? 10;
    }
}
