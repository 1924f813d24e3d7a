using Earshot.Checkpoints;
using Earshot.Tokenizers;

namespace Earshot.Onnx.Export;

/// <summary>An exported Whisper's folder, read but for its graphs: everything that a transcription needs beside the runtime.</summary>
public sealed class ExportedModel
{
    WhisperTokenizer? _tokenizer;

    ExportedModel(string folder, ExportManifest manifest)
    {
        Folder = folder;
        Manifest = manifest;
        Config = WhisperConfig.Load(folder);
        Generation = GenerationConfig.Load(folder, Config);
        // The aligning graph's heads are what it was exported with, whatever the files beside it say.
        if (manifest.AligningDecoder is not null) Generation = Generation with { AlignmentHeads = [.. manifest.AlignmentHeads.Select(pair => new AlignmentHead(pair[0], pair[1]))] };
        Preprocessor = PreprocessorConfig.Load(folder, Config);
    }

    public string Folder { get; }

    public ExportManifest Manifest { get; }

    public WhisperConfig Config { get; }

    public GenerationConfig Generation { get; }

    public PreprocessorConfig Preprocessor { get; }

    /// <summary>The tokenizer, read when it is first asked for.</summary>
    /// <exception cref="CheckpointException">The folder has none: the model was exported from weights without one.</exception>
    public WhisperTokenizer Tokenizer => _tokenizer ??= WhisperTokenizer.Load(Folder, Config.VocabSize);

    /// <summary>Reads an exported folder.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged.</exception>
    public static ExportedModel Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return new ExportedModel(folder, ExportManifest.Load(folder));
    }

    internal string PathOf(string graph) => Path.Combine(Folder, graph);
}
