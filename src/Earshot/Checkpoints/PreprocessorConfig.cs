using System.Globalization;
using Earshot.Features;

namespace Earshot.Checkpoints;

/// <summary>
/// How audio becomes log-mel features: <c>preprocessor_config.json</c> of a <c>WhisperFeatureExtractor</c>. What the features here cannot
/// be is refused by its key, so that nothing in the file is silently not obeyed.
/// </summary>
public sealed record PreprocessorConfig
{
    /// <summary>The file that holds this configuration.</summary>
    public const string FileName = "preprocessor_config.json";

    const int SampleRate = 16_000;

    /// <summary>Mel channels.</summary>
    public required int FeatureSize { get; init; }

    /// <summary>Frames of one window: 3000 of 10 ms.</summary>
    public required int FramesPerChunk { get; init; }

    /// <summary>Samples of one window: 480000 in 30 s at 16 kHz.</summary>
    public int SamplesPerChunk => FramesPerChunk * LogMelSpectrogram.HopLength;

    /// <summary>What computes them.</summary>
    public FeatureSettings Features => new LogMelSettings(FeatureSize) { EndAligned = EndAligned };

    /// <summary>Whether a window is the end of what was heard: normalised, and filled with silence in front.</summary>
    public bool EndAligned { get; init; }

    /// <summary>
    /// Reads <c>preprocessor_config.json</c> of a model folder; where it is absent, the features are what the encoder takes.
    /// </summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="melBins">Mel channels that the encoder takes.</param>
    /// <param name="frames">Frames of a window that the encoder takes.</param>
    /// <exception cref="CheckpointException">A setting cannot be, contradicts the encoder, or is not implemented.</exception>
    public static PreprocessorConfig Load(ModelFolder folder, int melBins, int frames) => Load(folder, melBins, frames, endAligned: false);

    /// <param name="endAligned">What <see cref="EndAligned"/> is of models of this kind.</param>
    internal static PreprocessorConfig Load(ModelFolder folder, int melBins, int frames, bool endAligned)
    {
        ArgumentNullException.ThrowIfNull(folder);
        using var settings = folder.OpenIfPresent(FileName);
        if (settings is not null) Check(settings, melBins, frames, endAligned);
        return new PreprocessorConfig { FeatureSize = melBins, FramesPerChunk = frames, EndAligned = endAligned };
    }

    static void Check(SettingsFile settings, int melBins, int frames, bool endAligned)
    {
        settings.OnlyIfPresent("feature_extractor_type", "\"WhisperFeatureExtractor\"");
        settings.OnlyIfPresent("sampling_rate", $"{SampleRate}");
        settings.OnlyIfPresent("hop_length", $"{LogMelSpectrogram.HopLength}");
        settings.OnlyIfPresent("n_fft", $"{LogMelSpectrogram.FftSize}");
        var side = endAligned ? "\"left\"" : "\"right\"";
        settings.OnlyIfPresent("do_normalize", endAligned ? "true" : "false");
        settings.OnlyIfPresent("dither", "0");
        settings.OnlyIfPresent("padding_side", side);
        if (endAligned) settings.OnlyIfPresent("truncation_side", side);
        settings.OnlyIfPresent("padding_value", "0");
        Fits(settings, "feature_size", melBins, $"{melBins}, as 'num_mel_bins' in {ModelFolder.ConfigName} says");
        var length = $"as 'max_source_positions' in {ModelFolder.ConfigName} says: {frames} frames";
        Fits(settings, "nb_max_frames", frames, $"{frames}, {length}");
        Fits(settings, "n_samples", frames * LogMelSpectrogram.HopLength, $"{frames * LogMelSpectrogram.HopLength}, {length}");
        double seconds = (double)frames * LogMelSpectrogram.HopLength / SampleRate;
        Fits(settings, "chunk_length", seconds, string.Create(CultureInfo.InvariantCulture, $"{seconds:0.##}, {length}"));
    }

    static void Fits(SettingsFile settings, string key, double value, string expected)
    {
        if (settings.OptionalInteger(key, 1, int.MaxValue) is { } got && got != value) throw settings.Wrong(key, expected, $"{got}");
    }
}
