using System.Text.Json.Nodes;
using Earshot.Checkpoints.Gguf;

namespace Earshot.Cli.Inspection;

/// <summary>What <c>inspect</c> tells of a GGUF file, or of all parts of one.</summary>
internal sealed record GgufReport
{
    public required string Model { get; init; }

    /// <summary>The architecture as the file names it; null where it does not.</summary>
    public string? Architecture { get; init; }

    public required IReadOnlyList<GgufFileReport> Files { get; init; }

    /// <summary>Metadata of the first file, in its order; of long arrays the first items and how many there are.</summary>
    public required JsonObject Metadata { get; init; }

    public required long Parameters { get; init; }

    public required int TensorCount { get; init; }

    public required long WeightBytes { get; init; }

    /// <summary>What all elements would take as float32, and as bfloat16.</summary>
    public required long WeightsAsF32 { get; init; }

    public required long WeightsAsBF16 { get; init; }

    /// <summary>How tensors are stored, the form with most bytes first.</summary>
    public required IReadOnlyList<GgufTypeReport> Types { get; init; }

    /// <summary>Every tensor, where asked for.</summary>
    public IReadOnlyList<TensorReport>? Tensors { get; init; }

    /// <exception cref="CheckpointException">The file is damaged, or a part is missing.</exception>
    public static GgufReport Of(string path, bool tensors)
    {
        using var model = GgufCheckpoint.Open(path);
        var all = model.Parts.SelectMany(part => part.Tensors).ToList();
        long parameters = all.Sum(tensor => tensor.Shape.Count);
        return new GgufReport
        {
            Model = path,
            Architecture = model.Metadata.Architecture,
            Files = [.. model.Parts.Select(part => new GgufFileReport(
                Path.GetFileName(part.Location), part.Version, part.Alignment, part.Tensors.Count, part.Length))],
            Metadata = MetadataOf(model.Metadata),
            Parameters = parameters,
            TensorCount = all.Count,
            WeightBytes = all.Sum(tensor => tensor.Bytes),
            WeightsAsF32 = 4 * parameters,
            WeightsAsBF16 = 2 * parameters,
            Types = [.. all.GroupBy(tensor => tensor.Type.Name).Select(group => new GgufTypeReport(
                group.Key, group.Count(), group.Sum(tensor => tensor.Shape.Count), group.Sum(tensor => tensor.Bytes)))
                .OrderByDescending(type => type.Bytes)],
            Tensors = tensors
                ? [.. all.Select(tensor => new TensorReport(tensor.Name, tensor.Type.Name, tensor.Shape.ToArray(), tensor.Bytes))]
                : null,
        };
    }

    static JsonObject MetadataOf(GgufMetadata metadata)
    {
        var values = new JsonObject();
        foreach (var key in metadata.Keys) values[key] = GgufValues.ToJson(metadata.Find(key)!);
        return values;
    }
}

/// <summary>A file of a GGUF model.</summary>
internal sealed record GgufFileReport(string Name, int Version, int Alignment, int Tensors, long Bytes);

/// <summary>Tensors of one type.</summary>
internal sealed record GgufTypeReport(string Type, int Tensors, long Elements, long Bytes);
