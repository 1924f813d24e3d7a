using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Checkpoints.Nemo;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>NeMo's archives, and folders that were made of one.</summary>
static class NemoModels
{
    static readonly string[] s_holders = ["decoder", "joint"], s_vocabularies = ["labels", "vocabulary"];

    /// <exception cref="CheckpointException">A file is missing or damaged, files contradict each other, or a setting is not
    /// implemented.</exception>
    public static SpeechModel Open(ModelFolder folder)
    {
        using var archive = NemoArchive.Find(folder.Path) is { } path ? NemoArchive.Open(path) : null;
        using var settings = archive?.ReadConfig() ?? folder.OpenConfig();
        var (config, heads) = NemoSettings.Read(settings);
        int vocabulary = heads.Transducer?.Shape.VocabSize ?? heads.Ctc!.VocabSize;
        var tokenizer = OpenTokenizer(folder, archive, settings);
        RequireFit(tokenizer, vocabulary - 1, folder.Path);
        return ConformerFamily.Describe(config, heads, NameOf(folder), NemoArchive.ModelType) with
        {
            Tokenizer = tokenizer,
            Files = archive is null
                ? new Dictionary<string, string>()
                : new Dictionary<string, string> { [ModelFolder.ConfigName] = settings.Root.GetRawText() },
        };
    }

    static string NameOf(ModelFolder folder) =>
        NemoArchive.IsArchive(folder.Name) ? Path.GetFileNameWithoutExtension(folder.Name) : folder.Name;

    /// <exception cref="CheckpointException">The tokenizer is another model's.</exception>
    public static void RequireFit(Tokenizer tokenizer, int most, string path)
    {
        if (tokenizer.VocabSize > most)
            throw new CheckpointException(
                $"The tokenizer in '{path}' has {tokenizer.VocabSize} tokens, the model beside it only {most}. " +
                "The files belong to different models: download all of them again.");
    }

    static NemoTokenizer OpenTokenizer(ModelFolder folder, NemoArchive? archive, SettingsFile settings)
    {
        if (!settings.Has("tokenizer")) return Labels(settings);
        var section = settings.Section("tokenizer");
        const string type = "type";
        return section.OptionalText(type) switch
        {
            "bpe" => SentencePiece(folder, archive, section, NemoTokenizer.FileName),
            "agg" => Aggregate(folder, archive, section),
            var other => throw section.Wrong(type, "bpe (SentencePiece) or agg", other ?? "nothing"),
        };
    }

    static NemoTokenizer Aggregate(ModelFolder folder, NemoArchive? archive, SettingsFile section)
    {
        const string key = "langs";
        var parts = new List<NemoTokenizer>();
        foreach (var (language, value) in section.Section(key).Root.EnumerateObject().Select(item => (item.Name, item.Value)))
        {
            var part = section.AsSection(value, $"{key}.{language}");
            part.Only("type", "\"bpe\"");
            parts.Add(SentencePiece(folder, archive, part, $"{language}.{NemoTokenizer.FileName}"));
        }
        return parts.Count > 0 ? NemoTokenizer.Of(parts) : throw section.Wrong(key, "tokenizers by language", "none");
    }

    static NemoTokenizer SentencePiece(ModelFolder folder, NemoArchive? archive, SettingsFile section, string fileName)
    {
        const string key = "model_path", purpose = "holds the tokenizer";
        if (archive is null)
        {
            var file = Path.Combine(folder.Path, fileName);
            return NemoTokenizer.Of(fileName, File.Exists(file) ? File.ReadAllBytes(file) : throw new CheckpointException(
                $"There is no '{file}', which {purpose}. Download or convert the model again."), file);
        }
        var name = section.OptionalText(key) ?? throw section.Wrong(key, "a file of the archive", "nothing");
        if (name.StartsWith("nemo:", StringComparison.Ordinal)) name = name[5..];
        return NemoTokenizer.Of(fileName, archive.ReadMember(name, purpose), $"{archive.Path}: {name}");
    }

    // A token for each character, in one of the places where such models list them.
    static NemoTokenizer Labels(SettingsFile settings)
    {
        var holders = new[] { settings }.Concat(
            s_holders.Where(settings.Has).Select(settings.Section));
        foreach (var holder in holders)
        {
            foreach (var key in s_vocabularies.Where(holder.Has))
            {
                return NemoTokenizer.Of(
                    [.. holder.Array(holder.Root.GetProperty(key), key).Select(item => item.ValueKind == JsonValueKind.String
                        ? item.GetString()!
                        : throw holder.Wrong(key, "a list of texts", item.GetRawText()))]);
            }
        }
        throw settings.Wrong("tokenizer", "a tokenizer, or characters in 'labels'", "nothing");
    }
}
