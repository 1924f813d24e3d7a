using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Models;

namespace Earshot.Cli.Models;

/// <summary>What a model is, for people choosing one. Programs read this: fields may be added, none changes its meaning.</summary>
internal sealed record ModelSummary
{
    public required string Folder { get; init; }

    public required string Architecture { get; init; }

    /// <summary>Its sizes by name.</summary>
    public required IReadOnlyDictionary<string, long> Sizes { get; init; }

    /// <summary>Values of a position, where it has such a size.</summary>
    public long? Width { get; init; }

    public long? EncoderLayers { get; init; }

    public long? DecoderLayers { get; init; }

    /// <summary>How many languages it knows; 1 where the model is English-only, 0 where that is not known.</summary>
    public required int Languages { get; init; }

    public required long Parameters { get; init; }

    public required long Bytes { get; init; }

    public required IReadOnlyList<ModelFile> Files { get; init; }

    /// <exception cref="CheckpointException">A file is missing or damaged.</exception>
    public static ModelSummary Of(string path)
    {
        var folder = new ModelFolder(path);
        var model = ModelFamilies.Open(folder);
        // Graphs hold weights packed and twice; the shape tells how many there are.
        if (OnnxLoading.IsOnlyExported(path)) return Of(path, model, RandomTensors.For(model.Parts, model.PrepareWeights));
        using var weights = folder.OpenWeights();
        return Of(path, model, weights);
    }

    static ModelSummary Of(string folder, SpeechModel model, ITensorStore weights)
    {
        var files = ModelFile.AllOf(folder).Select(ModelFile.Of).ToList();
        var sizes = model.Info.Sizes.ToDictionary(size => size.Name.Replace(' ', '_'), size => size.Value);
        return new ModelSummary
        {
            Folder = folder,
            Architecture = model.Info.Type,
            Sizes = sizes,
            Width = Size("width"),
            EncoderLayers = Size("encoder_layers"),
            DecoderLayers = Size("decoder_layers"),
            Languages = model.Info.Languages.Count,
            Parameters = weights.Names.Sum(name => weights.Find(name)!.Shape.Count),
            Bytes = files.Sum(file => file.Bytes),
            Files = files,
        };

        long? Size(string name) => sizes.TryGetValue(name, out long value) ? value : null;
    }
}

/// <summary>A file of a model; in the cache, what its link leads to.</summary>
internal sealed record ModelFile(string Name, long Bytes)
{
    /// <summary>The files of a model's folder by their names, or the one file that a model is.</summary>
    public static IReadOnlyList<FileInfo> AllOf(string path) => File.Exists(path)
        ? [new FileInfo(path)]
        : [.. new DirectoryInfo(path).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal)];

    public static ModelFile Of(FileInfo file) =>
        new(file.Name, file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : file.Length);
}
