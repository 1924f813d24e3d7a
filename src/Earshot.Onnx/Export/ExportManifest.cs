using System.Text.Json;
using System.Text.Json.Serialization;
using Earshot.Compute.Parts;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Export;

/// <summary>What an exported folder holds: its <c>earshot.json</c>.</summary>
public sealed record ExportManifest
{
    /// <summary>The file's name in the folder.</summary>
    public const string FileName = "earshot.json";

    /// <summary>The format that this version writes and reads.</summary>
    public const string CurrentFormat = "earshot-onnx-1";

    const long MaxLength = 1 << 20;

    public string Format { get; init; } = CurrentFormat;

    /// <summary>The model's kind, as in its <c>config.json</c>; empty where nobody said it.</summary>
    public string ModelType { get; init; } = "";

    public GraphPrecision Precision { get; init; }

    public GraphTarget Target { get; init; }

    /// <summary>The model that was exported, for people to read.</summary>
    public string Source { get; init; } = "";

    /// <summary>The encoder's file, or null where there is none; so with all others.</summary>
    public string? Encoder { get; init; }

    /// <summary>The file of the graph that hears a stream's next chunk, where the encoder hears streams.</summary>
    public string? StreamingEncoder { get; init; }

    /// <summary>The decoder's file.</summary>
    public string? Decoder { get; init; }

    /// <summary>The file of the graph that makes a decoder's embeddings of tokens, where the decoder takes embeddings.</summary>
    public string? Embedding { get; init; }

    /// <summary>The file of the decoder that also returns the alignment heads' attention.</summary>
    public string? AligningDecoder { get; init; }

    /// <summary>The speaker encoder's file.</summary>
    public string? SpeakerEncoder { get; init; }

    /// <summary>The segmentation's file.</summary>
    public string? Segmentation { get; init; }

    /// <summary>The voice's file.</summary>
    public string? Voice { get; init; }

    /// <summary>The file of a transducer's predictor.</summary>
    public string? Predictor { get; init; }

    /// <summary>The file of a transducer's joiner.</summary>
    public string? Joiner { get; init; }

    /// <summary>The heads in the aligning decoder's output, as pairs of layer and head.</summary>
    public IReadOnlyList<int[]> AlignmentHeads { get; init; } = [];

    /// <summary>The same heads, as decoders name them.</summary>
    [JsonIgnore]
    public IReadOnlyList<AlignmentHead> Heads => [.. AlignmentHeads.Select(pair => new AlignmentHead(pair[0], pair[1]))];

    /// <summary>The files of all graphs that there are.</summary>
    [JsonIgnore]
    internal IReadOnlyList<string> Graphs =>
    [
        .. new[]
        {
            Encoder, StreamingEncoder, Embedding, Decoder, AligningDecoder, SpeakerEncoder, Segmentation, Predictor, Joiner, Voice,
        }.OfType<string>()
    ];

    /// <summary>Whether a folder holds an exported model.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads a folder's manifest.</summary>
    /// <exception cref="CheckpointException">It is missing, damaged, of another version, or names files outside the folder.</exception>
    public static ExportManifest Load(string folder)
    {
        var path = Path.Combine(folder, FileName);
        var file = new FileInfo(path);
        if (!file.Exists)
        {
            throw new CheckpointException(
                $"'{folder}' has no '{FileName}', so it is no exported model. Export one with target ONNX, or open the checkpoint itself.");
        }
        if (file.Length > MaxLength)
            throw new CheckpointException($"'{path}' is {file.Length} bytes long; expected a JSON file of at most {MaxLength}.");
        ExportManifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(File.ReadAllBytes(path), ManifestJson.Default.ExportManifest);
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new CheckpointException($"'{path}' cannot be read: {e.Message} Export the model again.", e);
        }
        if (manifest is null || manifest.Format != CurrentFormat)
        {
            throw new CheckpointException(
                $"'{path}' has the format '{manifest?.Format}'; expected '{CurrentFormat}'. Export the model again with this version.");
        }
        manifest.Check(path);
        return manifest;
    }

    /// <summary>Writes the manifest into a folder.</summary>
    internal void Save(string folder) =>
        File.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Default.ExportManifest));

    void Check(string path)
    {
        foreach (var name in Graphs)
        {
            if (name.Length == 0 || name != Path.GetFileName(name) || name is "." or "..")
                throw new CheckpointException($"'{path}' names the graph '{name}'; expected a file name in the same folder.");
        }
        if (AlignmentHeads is null || AlignmentHeads.Any(pair => pair is not { Length: 2 }))
            throw new CheckpointException($"'{path}': 'alignment_heads' should be pairs of a layer and a head. Export the model again.");
    }
}

[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExportManifest))]
sealed partial class ManifestJson : JsonSerializerContext;
