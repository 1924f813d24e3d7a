namespace Earshot.Checkpoints;

/// <summary>How audio becomes features: <c>preprocessor_config.json</c>, with Whisper's own values where it is silent.</summary>
public sealed record PreprocessorConfig
{
    /// <summary>The file that holds this configuration.</summary>
    public const string FileName = "preprocessor_config.json";

    /// <summary>Mel channels.</summary>
    public int FeatureSize { get; init; } = 80;

    /// <summary>Samples a second.</summary>
    public int SamplingRate { get; init; } = 16000;

    /// <summary>Samples from one frame to the next.</summary>
    public int HopLength { get; init; } = 160;

    /// <summary>Samples of one frame's Fourier transform.</summary>
    public int NFft { get; init; } = 400;

    /// <summary>Seconds of one window.</summary>
    public int ChunkLength { get; init; } = 30;

    /// <summary>Samples of one window: 480000 in 30 s at 16 kHz.</summary>
    public int SamplesPerChunk => SamplingRate * ChunkLength;

    /// <summary>Frames of one window: 3000 of 10 ms.</summary>
    public int FramesPerChunk => SamplesPerChunk / HopLength;

    /// <summary>Reads <c>preprocessor_config.json</c> of a model folder; where it is absent, Whisper's values with the model's number of mel channels.</summary>
    /// <exception cref="CheckpointException">A value cannot be, or contradicts <paramref name="config"/>.</exception>
    public static PreprocessorConfig Load(string folder, WhisperConfig config)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        using var settings = SettingsFile.OpenIfPresent(Path.Combine(folder, FileName));
        if (settings is null) return new PreprocessorConfig { FeatureSize = config.NumMelBins };
        var preprocessor = new PreprocessorConfig
        {
            FeatureSize = settings.OptionalInteger("feature_size", 1, 1024) ?? config.NumMelBins,
            SamplingRate = settings.OptionalInteger("sampling_rate", 1000, 384_000) ?? 16000,
            HopLength = settings.OptionalInteger("hop_length", 1, 1 << 16) ?? 160,
            NFft = settings.OptionalInteger("n_fft", 2, 1 << 16) ?? 400,
            ChunkLength = settings.OptionalInteger("chunk_length", 1, 3600) ?? 30,
        };
        if (preprocessor.FeatureSize != config.NumMelBins)
            throw settings.Wrong("feature_size", $"{config.NumMelBins}, as 'num_mel_bins' in {WhisperConfig.FileName} says", $"{preprocessor.FeatureSize}");
        return preprocessor;
    }
}
