using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>The sizes of a CAM++ speaker embedding model: <c>config.json</c>, its names in Pascal case.</summary>
public sealed record CamPlusConfig
{
    /// <summary>Mel channels of the features.</summary>
    public required int FeatDim { get; init; }

    /// <summary>Values of an embedding.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>Channels that each dense layer adds.</summary>
    public required int GrowthRate { get; init; }

    /// <summary>Channels inside a dense layer, in units of <see cref="GrowthRate"/>.</summary>
    public required int BnSize { get; init; }

    /// <summary>Channels of the first layer over time.</summary>
    public required int InitChannels { get; init; }

    /// <summary>Channels of the two-dimensional convolutions.</summary>
    public required int HeadChannels { get; init; }

    /// <summary>Residual blocks of each stage of the head; a stage halves the mel channels.</summary>
    public required IReadOnlyList<int> HeadBlocks { get; init; }

    public required IReadOnlyList<CamPlusBlock> Blocks { get; init; }

    /// <summary>By what the mask's inner layer is narrower.</summary>
    public required int CamReduction { get; init; }

    /// <summary>Frames whose mean is the context of each of them.</summary>
    public required int CamSegmentLength { get; init; }

    public required double BatchNormEps { get; init; }

    /// <summary>Mel channels that the head leaves: each of its stages and its last convolution halve them.</summary>
    public int HeadMels => Enumerable.Range(0, HeadBlocks.Count + 1).Aggregate(FeatDim, (mels, _) => (mels + 1) / 2);

    /// <summary>Channels inside a dense layer.</summary>
    public int BottleneckChannels => BnSize * GrowthRate;

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="CheckpointException">The file is missing, a value in it cannot be, or asks for what is not implemented.</exception>
    public static CamPlusConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        using var settings = SettingsFile.Open(Path.Combine(folder, ModelFolder.ConfigName), "tells the model's kind and its sizes");
        settings.Only("architecture", "\"CAMPPlus\"");
        settings.Only("sample_rate", "16000");
        settings.Only("stats_pooling", "\"mean+std(unbiased)\"");
        settings.Only("dense_nonlinearity", "\"batchnorm without affine, no relu\"");
        int features = settings.Integer("feat_dim", 8, 512);
        CheckFeatures(settings.Section("fbank"), features);
        var config = Read(settings, features);
        if (config.BottleneckChannels % config.CamReduction != 0)
        {
            throw settings.Wrong(
                "cam_reduction", $"a divisor of the {config.BottleneckChannels} channels of a layer", $"{config.CamReduction}");
        }
        return config;
    }

    static CamPlusConfig Read(SettingsFile settings, int features) => new()
    {
        FeatDim = features,
        EmbeddingSize = settings.Integer("embedding_size", 1, 4096),
        GrowthRate = settings.Integer("growth_rate", 1, 1024),
        BnSize = settings.Integer("bn_size", 1, 64),
        InitChannels = settings.Integer("init_channels", 2, 4096),
        HeadChannels = settings.Integer("head_channels", 1, 1024),
        HeadBlocks = settings.OptionalIntegers("head_blocks", 1, 64) is { Length: > 0 and <= 8 } blocks
            ? blocks
            : throw settings.Wrong("head_blocks", "one to eight numbers of blocks", "another list"),
        Blocks = settings.Has("blocks") ? ReadBlocks(settings) : throw settings.Wrong("blocks", "an array of dense blocks", "nothing"),
        CamReduction = settings.Integer("cam_reduction", 1, 1024),
        CamSegmentLength = settings.Integer("cam_segment_length", 1, 1 << 20),
        BatchNormEps = settings.Number("batch_norm_eps", 0, 1),
    };

    static List<CamPlusBlock> ReadBlocks(SettingsFile settings)
    {
        var blocks = new List<CamPlusBlock>();
        foreach (var item in settings.Array(settings.Root.GetProperty("blocks"), "blocks"))
        {
            var block = settings.AsSection(item, $"blocks[{blocks.Count}]");
            int kernel = block.Integer("kernel_size", 1, 63);
            if (kernel % 2 == 0) throw block.Wrong("kernel_size", "an odd number", $"{kernel}");
            blocks.Add(new CamPlusBlock(block.Integer("num_layers", 1, 256), kernel, block.Integer("dilation", 1, 256)));
        }
        return blocks.Count is > 0 and <= 16 ? blocks : throw settings.Wrong("blocks", "one to sixteen dense blocks", $"{blocks.Count}");
    }

    // The features are those of Features.KaldiFbank; another choice would make other embeddings.
    static void CheckFeatures(SettingsFile fbank, int features)
    {
        fbank.Only("num_mel_bins", $"{features}");
        fbank.Only("frame_length_ms", "25");
        fbank.Only("frame_shift_ms", "10");
        fbank.Only("window", "\"povey\"");
        fbank.Only("preemphasis", "0.97");
        fbank.Only("remove_dc_offset", "true");
        fbank.Only("dither", "0");
        fbank.Only("n_fft", "512");
        fbank.Only("use_power", "true");
        fbank.Only("use_log", "true");
        fbank.Only("log_floor", "1.1920928955078125e-07");
        fbank.Only("low_freq", "20");
        fbank.Only("high_freq", "8000");
        fbank.Only("snip_edges", "true");
        fbank.Only("use_energy", "false");
        fbank.Only("input_scale", "1");
        fbank.Only("mean_normalisation", "\"per utterance over time\"");
    }
}

/// <summary>A dense block: layers, each a convolution over time.</summary>
public sealed record CamPlusBlock(int NumLayers, int KernelSize, int Dilation);
