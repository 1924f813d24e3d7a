using System.Text.RegularExpressions;
using Earshot.Checkpoints.Nemo;
using Earshot.Checkpoints.Torch;

namespace Earshot.Checkpoints;

/// <summary>Which files of a repository on the hub are a model; other formats of the same weights stay where they are.</summary>
static partial class HubSelection
{
    static readonly HashSet<string> s_wanted = new(StringComparer.Ordinal)
    {
        ModelFolder.ConfigName, "generation_config.json", PreprocessorConfig.FileName,
        ModelFolder.VocabularyName, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt",
        "added_tokens.json", "normalizer.json", "tokenizer.model", "chat_template.jinja",
    };

    static readonly string[] s_wordLists = ["vocabulary.json", "vocabulary.txt"];

    /// <summary>
    /// Settings, tokenizer and weights of a folder's model (safetensors, else CTranslate2's, else PyTorch's); NeMo's archive; or the one
    /// file that a tag names, or that is the only one, with its parts. The second value is that file's name; null where the model is the
    /// folder.
    /// </summary>
    /// <exception cref="CheckpointException">There is no model that is opened here, or several.</exception>
    public static (IReadOnlyList<string> Files, string? First) Of(IReadOnlyList<string> files, HubModelName model, string? tag)
    {
        if (tag is null && Folder(files) is { } folder) return (folder, null);
        // An archive has its settings and tokenizer in it.
        if (tag is null && files.Where(NemoArchive.IsArchive).ToList() is [var archive] && !archive.Contains('/', StringComparison.Ordinal))
            return ([archive], null);
        var models = ModelFileChoice.ModelsAmong(files.Select(file => (file, (long?)null)));
        if (tag is null && models.Count == 0) throw NoModel(files, model);
        var chosen = ModelFileChoice.Pick(models, model.ToString(), tag);
        return (chosen.Files, chosen.Name);
    }

    static List<string>? Folder(IReadOnlyList<string> files)
    {
        var selected = files.Where(s_wanted.Contains).ToList();
        if (!selected.Contains(ModelFolder.ConfigName)) return null;
        if (files.Contains(SafetensorsCheckpoint.FileName)) return [.. selected, SafetensorsCheckpoint.FileName];
        if (files.Contains(SafetensorsCheckpoint.IndexName))
            return [.. selected, SafetensorsCheckpoint.IndexName, .. files.Where(file => ShardName().IsMatch(file))];
        var words = s_wordLists.Where(files.Contains).ToList();
        if (words.Count > 0 && files.Contains(CTranslate2File.FileName)) return [.. selected, .. words, CTranslate2File.FileName];
        if (files.Contains(TorchCheckpoint.FileName)) return [.. selected, TorchCheckpoint.FileName];
        return files.Contains(TorchCheckpoint.IndexName)
            ? [.. selected, TorchCheckpoint.IndexName, .. files.Where(file => TorchShardName().IsMatch(file))]
            : null;
    }

    static CheckpointException NoModel(IReadOnlyList<string> files, HubModelName model) => files.Contains(ModelFolder.ConfigName)
        ? new(
            $"'{model}' has no safetensors weights{ForeignWeights.Among(files)}. Choose a revision or a model with " +
            $"'{SafetensorsCheckpoint.FileName}', or convert it: in Python, `model.save_pretrained(folder, safe_serialization=True)`.")
        : new(
            $"'{model}' has no '{ModelFolder.ConfigName}'{ForeignWeights.Among(files)}, so it is not a model in Hugging Face format. " +
            "Choose one that is, such as openai/whisper-large-v3-turbo.");

    [GeneratedRegex(@"^model-\d{5}-of-\d{5}\.safetensors\z")]
    private static partial Regex ShardName();

    [GeneratedRegex(@"^pytorch_model-\d{5}-of-\d{5}\.bin\z")]
    private static partial Regex TorchShardName();
}
