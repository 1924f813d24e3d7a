using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>
/// MMS's languages (Pratap et al. 2023, arXiv 2305.13516): <c>vocab.json</c> has letters of each, and <c>adapter.LANGUAGE.safetensors</c>
/// each layer's adapter and the head.
/// </summary>
sealed class Wav2Vec2Adapters : LanguageAdapters
{
    readonly ModelFolder _folder;
    readonly Wav2Vec2Config _config;
    readonly IReadOnlyList<string> _known;

    public Wav2Vec2Adapters(ModelFolder folder, Wav2Vec2Config config, string language)
    {
        (_folder, _config, Default) = (folder, config, language);
        // A name that is a path would be looked for elsewhere.
        _known = [.. CtcVocabulary.Languages(folder.Path).Where(name => name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))];
        Languages = [.. _known.Where(known => known == language || File.Exists(PathOf(known)))];
    }

    public override IReadOnlyList<string> Languages { get; }

    public override string Default { get; }

    public override string Find(string language)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(language);
        string[] found = [.. LanguageCodes.Match(language, _known)];
        if (found.Length == 0)
        {
            throw new ModelException(
                $"'{_folder.Name}' does not know the language '{language}'. It knows {Listed(_known)}; " +
                "give one of these codes (ISO 639-3), or choose another model.");
        }
        string[] here = [.. found.Where(Languages.Contains)];
        if (here.Length == 1) return here[0];
        throw new ModelException(found.Length > 1
            ? $"'{_folder.Name}' writes '{language}' in several ways: {string.Join(", ", found)}. Give one of them."
            : $"The weights of '{found[0]}' are not in '{_folder.Path}': expected 'adapter.{found[0]}.safetensors' there. " +
                $"Download it from the model's page; here are {Listed(Languages)}.");
    }

    public override LanguageAdapter Open(string language)
    {
        var vocabulary = CtcVocabulary.Load(_folder.Path, language);
        SpeechModel Of(int letters) => Wav2Vec2Family.Describe(_config with { VocabSize = letters }, _folder.Name) with
        {
            Tokenizer = vocabulary,
            Features = SamplePreprocessor.Load(_folder),
        };
        if (language == Default && !File.Exists(PathOf(language))) return new LanguageAdapter(Of(_config.VocabSize), new NoTensors(), null);
        var file = SafetensorsFile.Open(PathOf(language));
        try
        {
            Check(file);
            int letters = file.Find("lm_head.bias")!.Shape[0];
            if (vocabulary.VocabSize > letters || vocabulary.Blank != _config.PadTokenId)
            {
                throw new CheckpointException(
                    $"'{file.Location}' has a head for {letters} letters, and 'vocab.json' beside it {vocabulary.VocabSize} for " +
                    $"'{language}', with the blank {vocabulary.Blank}. Download both files again.");
            }
            return new LanguageAdapter(Of(letters), file, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    string PathOf(string language) => Path.Combine(_folder.Path, $"adapter.{language}.safetensors");

    void Check(SafetensorsFile file)
    {
        var expected = Enumerable.Range(0, _config.NumHiddenLayers)
            .SelectMany(i => from part in (string[])["norm", "linear_1", "linear_2"]
                             from kind in (string[])["weight", "bias"]
                             select $"{_config.Root}.encoder.layers.{i}.adapter_layer.{part}.{kind}")
            .Concat(["lm_head.weight", "lm_head.bias"]).ToHashSet(StringComparer.Ordinal);
        if (expected.FirstOrDefault(name => file.Find(name) is null) is { } missing)
        {
            throw new CheckpointException(
                $"{file.Location}: tensor '{missing}' is missing, of a language's adapter and head. Download the file again.");
        }
        if (file.Names.FirstOrDefault(name => !expected.Contains(name)) is { } other)
        {
            throw new CheckpointException(
                $"{file.Location}: tensor '{other}' is none of a language's adapter; expected adapters of " +
                $"{_config.NumHiddenLayers} layers and the head alone. The file is another model's.");
        }
        if (file.Find("lm_head.bias")!.Shape.Rank != 1)
            throw new CheckpointException($"{file.Location}: tensor 'lm_head.bias' is no vector. Download the file again.");
    }

    static string Listed(IReadOnlyList<string> languages) => languages.Count <= 20
        ? string.Join(", ", languages)
        : $"{string.Join(", ", languages.Take(20))} and {languages.Count - 20} more";

    sealed class NoTensors : ITensorStore
    {
        public string Location => "nothing";

        public IReadOnlyCollection<string> Names => [];

        public StoredTensor? Find(string name) => null;
    }
}
