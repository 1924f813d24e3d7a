using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Export;

/// <summary>What is exported: a checkpoint's weights with their configuration.</summary>
public sealed record WhisperExportSource(ITensorStore Weights, WhisperConfig Config, GenerationConfig Generation)
{
    /// <summary>The folder whose configuration and tokenizer files are copied; null where there is none, then the configuration is written anew.</summary>
    public string? Folder { get; init; }

    public static WhisperExportSource From(WhisperCheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return new WhisperExportSource(checkpoint.Weights, checkpoint.Config, checkpoint.Generation) { Folder = checkpoint.Folder };
    }
}

/// <summary>How a model is exported.</summary>
public sealed record WhisperExportOptions
{
    /// <summary>How graphs are recorded. Where the precision is int8 and nothing is said of what to keep in float, <see cref="WhisperGraphs.IsCoarseInInt8"/> decides.</summary>
    public GraphOptions Graph { get; init; } = new();

    internal GraphOptions Recording => Graph is { Precision: GraphPrecision.Int8, KeepInFloat: null } ? Graph with { KeepInFloat = WhisperGraphs.IsCoarseInInt8 } : Graph;

    /// <summary>Whether a second decoder graph, over the same weights, returns the attention that word times are read from.</summary>
    public bool WordTimes { get; init; } = true;
}

/// <summary>How far an export is.</summary>
public readonly record struct ExportProgress(string Stage, double Fraction);

/// <summary>
/// Exports Whisper as a folder of ONNX graphs with one file of weights, the configuration and tokenizer files, and
/// <c>earshot.json</c>. Weights are converted as they are written, so no more than a piece of one is in memory.
/// </summary>
public static class WhisperExporter
{
    /// <summary>The file of all larger weights.</summary>
    public const string WeightsName = "model.onnx_data";

    static readonly string[] s_companions =
    [
        WhisperConfig.FileName, GenerationConfig.FileName, PreprocessorConfig.FileName, "vocabulary.bin", "tokenizer.json", "tokenizer_config.json",
        "vocab.json", "merges.txt", "added_tokens.json", "normalizer.json", "special_tokens_map.json",
    ];

    /// <summary>
    /// Writes the model to <paramref name="folder"/>. A new folder is made beside its place and renamed when complete. Where the folder is
    /// the checkpoint's own, the graphs are added to it, and weights whose type and order the graphs can use stay in the checkpoint's files.
    /// </summary>
    /// <exception cref="CheckpointException">The weights do not fit the configuration, or the folder is there already or cannot be written.</exception>
    public static ExportManifest Export(WhisperExportSource source, string folder, WhisperExportOptions? options = null, IProgress<ExportProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new WhisperExportOptions();
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        bool inPlace = source.Folder is not null && folder == Path.TrimEndingDirectorySeparator(Path.GetFullPath(source.Folder));
        if (!inPlace && Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()) throw new CheckpointException($"The folder '{folder}' is not empty. Export to a new folder, or remove what is there.");
        try
        {
            return inPlace ? ExportBeside(source, folder, options, progress, cancellationToken) : ExportNew(source, folder, options, progress, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"The model cannot be exported to '{folder}': {e.Message}", e);
        }
    }

    static ExportManifest ExportNew(WhisperExportSource source, string folder, WhisperExportOptions options, IProgress<ExportProgress>? progress, CancellationToken cancellationToken)
    {
        var partial = $"{folder}.{Guid.NewGuid():N}.partial";
        Directory.CreateDirectory(partial);
        try
        {
            if (source.Folder is not null) CopyCompanions(source.Folder, partial);
            else ConfigurationFiles.Write(source.Config, partial);
            var manifest = WriteGraphs(source, partial, options, referTo: null, progress, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (Directory.Exists(folder)) Directory.Delete(folder); // empty, as was checked
            Directory.Move(partial, folder);
            return manifest;
        }
        finally
        {
            if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
        }
    }

    static ExportManifest ExportBeside(WhisperExportSource source, string folder, WhisperExportOptions options, IProgress<ExportProgress>? progress, CancellationToken cancellationToken)
    {
        if (ExportManifest.IsIn(folder)) throw new CheckpointException($"The folder '{folder}' already holds an exported model. Remove its '{ExportManifest.FileName}' and graphs, or export to another folder.");
        var manifest = Describe(source, options);
        string[] made = [WeightsName, manifest.Encoder, manifest.Decoder, .. manifest.AligningDecoder is null ? Array.Empty<string>() : [manifest.AligningDecoder], ExportManifest.FileName];
        if (made.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) is { } present) throw new CheckpointException($"The folder '{folder}' already has a file '{present}'. Remove it, or export to another folder.");
        try
        {
            return WriteGraphs(source, folder, options, folder, progress, cancellationToken);
        }
        catch
        {
            foreach (var name in made) File.Delete(Path.Combine(folder, name));
            throw;
        }
    }

    static ExportManifest WriteGraphs(WhisperExportSource source, string folder, WhisperExportOptions options, string? referTo, IProgress<ExportProgress>? progress, CancellationToken cancellationToken)
    {
        progress?.Report(new ExportProgress("graphs", 0));
        var manifest = Describe(source, options);
        var graphs = new WhisperGraphs(source.Weights, source.Config, options.Recording, new OnnxWeights { ReferenceFolder = referTo });
        var models = new List<(string Name, OnnxModel Model)> { (manifest.Encoder, graphs.Encoder()), (manifest.Decoder, graphs.Decoder()) };
        if (manifest.AligningDecoder is { } aligning) models.Add((aligning, graphs.Decoder(source.Generation.AlignmentHeads)));
        var weights = progress is null ? null : new WeightsProgress(progress);
        WeightFile.Write([.. models.Select(model => model.Model)], Path.Combine(folder, WeightsName), weights, cancellationToken);
        foreach (var (name, model) in models)
        {
            cancellationToken.ThrowIfCancellationRequested();
            model.Save(Path.Combine(folder, name));
        }
        manifest.Save(folder);
        progress?.Report(new ExportProgress("done", 1));
        return manifest;
    }

    static ExportManifest Describe(WhisperExportSource source, WhisperExportOptions options) => new()
    {
        Precision = options.Graph.Precision,
        Target = options.Graph.Target,
        Source = source.Config.NameOrPath ?? Path.GetFileName(source.Folder ?? source.Weights.Location),
        AligningDecoder = options.WordTimes ? "decoder_aligning_model.onnx" : null,
        AlignmentHeads = options.WordTimes ? [.. source.Generation.AlignmentHeads.Select(head => new[] { head.Layer, head.Head })] : [],
    };

    static void CopyCompanions(string from, string to)
    {
        foreach (var name in s_companions)
        {
            var file = Path.Combine(from, name);
            if (File.Exists(file)) File.Copy(file, Path.Combine(to, name));
        }
    }

    sealed class WeightsProgress(IProgress<ExportProgress> progress) : IProgress<double>
    {
        public void Report(double value) => progress.Report(new ExportProgress("weights", value));
    }
}
