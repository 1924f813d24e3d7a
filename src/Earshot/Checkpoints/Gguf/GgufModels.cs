namespace Earshot.Checkpoints.Gguf;

/// <summary>What to tell of a GGUF file that is given where a speech model is expected.</summary>
static class GgufModels
{
    /// <summary>The refusal, which says what the file holds.</summary>
    /// <exception cref="CheckpointException">The file is damaged.</exception>
    public static ModelException NotOpened(string path)
    {
        using var file = GgufFile.Open(path);
        var metadata = file.Metadata;
        return new ModelException(
            $"'{path}' is a GGUF file with {Describe(metadata)}{NameOf(metadata)}, which hears no sound. For speech, give a speech " +
            $"model, such as {ModelNames.Base}, openai/whisper-large-v3-turbo, or a file for whisper.cpp (ggml-base.bin).");
    }

    /// <summary>What kind of model a file holds.</summary>
    public static string Describe(GgufMetadata metadata) => (metadata.FindString("general.type"), metadata.Architecture) switch
    {
        ("mmproj", _) or (_, "clip") => "a projector of images or sound for a language model",
        ("adapter", _) => "an adapter (LoRA) for a language model",
        ("imatrix", _) or (_, "imatrix") => "an importance matrix, made for quantising a model",
        (_, null) => "no model that it names",
        (_, var architecture) => $"a language model ({architecture})",
    };

    static string NameOf(GgufMetadata metadata) => metadata.FindString("general.name") is { Length: > 0 } name ? $", '{name}'" : "";
}
