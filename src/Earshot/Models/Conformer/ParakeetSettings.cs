using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>Parakeet in Hugging Face's format: <c>config.json</c>, and how it hears in <c>processor_config.json</c>.</summary>
static class ParakeetSettings
{
    const int MostSize = 1 << 16, MostTokens = 1 << 20;
    const string Ctc = "parakeet_ctc", Rnnt = "parakeet_rnnt", Tdt = "parakeet_tdt";

    static readonly string[] s_tokenizers = ["tokenizer.json", "tokenizer.model"];

    public static IReadOnlyList<string> Types { get; } = [Ctc, Rnnt, Tdt];

    /// <exception cref="CheckpointException">A file is missing or damaged, files contradict each other, or a setting is not
    /// implemented.</exception>
    public static SpeechModel Open(ModelFolder folder)
    {
        using var settings = folder.OpenConfig();
        var config = ReadEncoder(settings.Section("encoder_config"));
        int vocabulary = settings.Integer("vocab_size", 2, MostTokens);
        var heads = folder.ModelType == Ctc
            ? new ConformerHeads { Ctc = new ConformerCtcHead("ctc_head", vocabulary) }
            : new ConformerHeads { Transducer = ReadTransducer(settings, config, vocabulary, folder.ModelType == Tdt) };
        // The blank is the last.
        settings.OnlyIfPresent(folder.ModelType == Ctc ? "pad_token_id" : "blank_token_id", $"{vocabulary - 1}");
        heads = heads with { PreEmphasis = ReadFeatures(folder, config.MelBins) };
        var tokenizer = s_tokenizers.Any(name => File.Exists(Path.Combine(folder.Path, name)))
            ? NemoTokenizer.Over(TextTokenizer.Load(folder.Path))
            : null;
        if (tokenizer is not null) NemoModels.RequireFit(tokenizer, vocabulary, folder.Path);
        return ConformerFamily.Describe(config, heads, folder.Name, folder.ModelType) with { Tokenizer = tokenizer };
    }

    static ConformerConfig ReadEncoder(SettingsFile settings)
    {
        settings.OnlyIfPresent("hidden_act", "\"silu\"");
        settings.OnlyIfPresent("subsampling_conv_kernel_size", "3");
        settings.OnlyIfPresent("subsampling_conv_stride", "2");
        int size = settings.Integer("hidden_size", 2, MostSize), heads = settings.Integer("num_attention_heads", 1, 1024);
        settings.RequireDivisor("num_attention_heads", heads, ("hidden_size", size));
        settings.OnlyIfPresent("num_key_value_heads", $"{heads}");
        bool bias = settings.Flag("attention_bias", absent: true);
        return new ConformerConfig
        {
            MelBins = settings.Integer("num_mel_bins", 1, 512),
            Size = size,
            Layers = settings.Integer("num_hidden_layers", 1, 1024),
            Heads = heads,
            InnerSize = settings.Integer("intermediate_size", 1, MostSize),
            SubsamplingFactor = Factor(settings),
            SubsamplingChannels = settings.Integer("subsampling_conv_channels", 1, MostSize),
            ScalesInput = settings.Flag("scale_input", absent: true),
            HasLinearBias = bias,
            HasConvolutionBias = settings.Flag("convolution_bias", bias),
            Kernel = Kernel(settings),
            Names = ConformerNames.Parakeet,
        };
    }

    /// <summary>The frames of a position, a power of two.</summary>
    internal static int Factor(SettingsFile settings)
    {
        int factor = settings.Integer("subsampling_factor", 2, 64);
        return int.IsPow2(factor) ? factor : throw settings.Wrong("subsampling_factor", "a power of 2", $"{factor}");
    }

    /// <summary>The taps of the layers' convolutions, an odd number.</summary>
    internal static int Kernel(SettingsFile settings)
    {
        int kernel = settings.Integer("conv_kernel_size", 1, 1023);
        return kernel % 2 == 1 ? kernel : throw settings.Wrong("conv_kernel_size", "an odd number", $"{kernel}");
    }

    static LstmTransducer ReadTransducer(SettingsFile settings, ConformerConfig config, int vocabulary, bool hasDurations)
    {
        int size = settings.Integer("decoder_hidden_size", 1, MostSize);
        const string key = "durations";
        int[] durations = hasDurations
            ? settings.OptionalIntegers(key, 0, 1024) ?? throw settings.Wrong(key, "a list of numbers", "nothing")
            : [];
        if (hasDurations && durations.Length == 0) throw settings.Wrong(key, "a list of numbers", "[]");
        return new LstmTransducer
        {
            Shape = new TransducerShape
            {
                VocabSize = vocabulary,
                Blank = vocabulary - 1,
                Durations = durations,
                MostSymbols = settings.OptionalInteger("max_symbols_per_step", 1, 1 << 20) ?? 10,
                EncodedWidth = config.Size,
                Width = size,
                StateSizes = [.. Enumerable.Repeat(size, settings.Integer("num_decoder_layers", 1, 16))],
            },
            Activation = settings.Activation("hidden_act", Activation.Relu),
            Names = new TransducerNames
            {
                Embedding = "decoder.embedding",
                Lstm = "decoder.lstm",
                Predicted = "decoder.decoder_projector",
                Encoded = "encoder_projector",
                Output = "joint.head",
            },
        };
    }

    /// <summary>Checks how sound becomes features, and returns the pre-emphasis.</summary>
    static float ReadFeatures(ModelFolder folder, int melBins)
    {
        using var processor = folder.OpenIfPresent("processor_config.json");
        if (processor?.Has("feature_extractor") == true) return ReadFeatures(processor.Section("feature_extractor"), melBins);
        using var older = folder.OpenIfPresent("preprocessor_config.json");
        return older is null ? new ConformerHeads().PreEmphasis : ReadFeatures(older, melBins);
    }

    static float ReadFeatures(SettingsFile settings, int melBins)
    {
        settings.OnlyIfPresent("feature_extractor_type", "\"ParakeetFeatureExtractor\"");
        settings.OnlyIfPresent("sampling_rate", "16000");
        settings.OnlyIfPresent("feature_size", $"{melBins}");
        settings.OnlyIfPresent("hop_length", "160");
        settings.OnlyIfPresent("n_fft", "512");
        settings.OnlyIfPresent("win_length", "400");
        settings.OnlyIfPresent("padding_value", "0");
        return settings.Has("preemphasis") ? (float)settings.Number("preemphasis", 0, 1) : new ConformerHeads().PreEmphasis;
    }
}
