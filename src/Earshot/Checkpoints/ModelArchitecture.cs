namespace Earshot.Checkpoints;

/// <summary>The kinds of model that can be opened, as <c>model_type</c> in <c>config.json</c> names them.</summary>
public static class ModelArchitecture
{
    /// <summary>Whisper and its distillations.</summary>
    public const string Whisper = "whisper";

    /// <summary>The <c>model_type</c> of a model folder.</summary>
    /// <exception cref="CheckpointException">The folder has no <c>config.json</c>, or it does not tell.</exception>
    /// <exception cref="ModelException">The model is of a kind that is not supported.</exception>
    public static string Detect(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new CheckpointException($"There is no folder '{folder}', which should hold a model. Check the path.");
        // Formats of other programs have no config.json, or another one: they are told by their weights.
        if (!Directory.EnumerateFiles(folder, "*.safetensors*").Any() && !File.Exists(Path.Combine(folder, "earshot.json")) && ForeignWeights.InFolder(folder) is { } foreign) throw foreign;
        using var settings = SettingsFile.Open(Path.Combine(folder, WhisperConfig.FileName), "tells the model's kind and its sizes");
        var type = settings.OptionalText("model_type") ?? throw settings.Wrong("model_type", $"the model's kind, such as \"{Whisper}\"", "nothing");
        return type == Whisper ? type : throw new ModelException($"'{settings.Path}' describes a model of type '{type}'; supported: {Whisper}. Choose a Whisper model, such as openai/whisper-large-v3-turbo.");
    }
}
