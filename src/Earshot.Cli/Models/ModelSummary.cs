using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Onnx.Export;
using Earshot.Tokenizers;

namespace Earshot.Cli.Models;

/// <summary>What a model is, for people choosing one.</summary>
internal sealed record ModelSummary
{
    public required string Folder { get; init; }

    public required string Architecture { get; init; }

    public required int Width { get; init; }

    public required int EncoderLayers { get; init; }

    public required int DecoderLayers { get; init; }

    /// <summary>How many languages the vocabulary has tokens for; 1 where the model is English-only.</summary>
    public required int Languages { get; init; }

    public required long Parameters { get; init; }

    public required long Bytes { get; init; }

    public required IReadOnlyList<ModelFile> Files { get; init; }

    /// <exception cref="CheckpointException">A file is missing or damaged.</exception>
    public static ModelSummary Of(string folder)
    {
        if (OnnxLoading.IsOnlyExported(folder))
        {
            var exported = ExportedModel.Open(folder);
            // Graphs hold weights packed and twice; the shape tells how many there are.
            return Of(folder, exported.Config, exported.Tokenizer, new RandomWeights(exported.Config));
        }
        using var checkpoint = WhisperCheckpoint.Open(folder);
        return Of(folder, checkpoint.Config, checkpoint.Tokenizer, checkpoint.Weights);
    }

    static ModelSummary Of(string folder, WhisperConfig config, WhisperTokenizer tokenizer, ITensorStore weights)
    {
        var files = new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).Select(ModelFile.Of).ToList();
        return new ModelSummary
        {
            Folder = folder,
            Architecture = ModelArchitecture.Whisper,
            Width = config.DModel,
            EncoderLayers = config.EncoderLayers,
            DecoderLayers = config.DecoderLayers,
            Languages = config.IsMultilingual ? tokenizer.Languages.Count : 1,
            Parameters = weights.Names.Sum(name => weights.Find(name)!.Shape.Count),
            Bytes = files.Sum(file => file.Bytes),
            Files = files,
        };
    }
}

/// <summary>A file of a model; in the cache, what its link leads to.</summary>
internal sealed record ModelFile(string Name, long Bytes)
{
    public static ModelFile Of(FileInfo file) =>
        new(file.Name, file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : file.Length);
}
