using Earshot.Features;

namespace Earshot.Checkpoints;

/// <summary>How samples become a model's input: <c>preprocessor_config.json</c> of models that hear samples.</summary>
static class SamplePreprocessor
{
    const string FileName = "preprocessor_config.json";

    /// <summary>Reads the file; where it is absent, samples are normalised, as its format's own default says.</summary>
    /// <exception cref="CheckpointException">A setting cannot be, or is not implemented.</exception>
    public static SampleSettings Load(ModelFolder folder)
    {
        using var settings = folder.OpenIfPresent(FileName);
        if (settings is null) return new SampleSettings(Normalize: true);
        settings.OnlyIfPresent("feature_extractor_type", "\"Wav2Vec2FeatureExtractor\"");
        settings.OnlyIfPresent("sampling_rate", "16000");
        settings.OnlyIfPresent("feature_size", "1");
        settings.OnlyIfPresent("padding_side", "\"right\"");
        settings.OnlyIfPresent("padding_value", "0");
        // It tells how recordings of different lengths are made one batch, which is not done here: each is computed by itself.
        settings.Flag("return_attention_mask", absent: false);
        return new SampleSettings(settings.Flag("do_normalize", absent: true));
    }
}
