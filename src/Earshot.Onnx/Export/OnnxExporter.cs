using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Export;

/// <summary>What is exported: a model's parts with the tensors that they read.</summary>
/// <param name="ModelType">Its kind, as in its <c>config.json</c>; graphs are named after it.</param>
public sealed record ExportSource(ModelParts Parts, ITensorStore Weights, string ModelType)
{
    /// <summary>The model's name for the manifest; null: that of its folder, or of where the weights come from.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// The folder whose settings and vocabulary files are copied, by the rule of <see cref="CompanionFiles"/>; null where there is none.
    /// </summary>
    public string? Folder { get; init; }

    /// <summary>Texts of files to write where there is no folder, by their names: settings of a model that was never on disk.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>Writes what else goes beside <see cref="Files"/> into a folder, such as a vocabulary; null for nothing.</summary>
    public Action<string>? WriteTo { get; init; }
}

/// <summary>How a model is exported.</summary>
public sealed record ExportOptions
{
    /// <summary>
    /// How graphs are recorded. Where the precision is int8 and nothing is said of what to keep in float,
    /// <see cref="ModelParts.IsCoarseInInt8"/> decides.
    /// </summary>
    public GraphOptions Graph { get; init; } = new();

    /// <summary>
    /// Whether a second decoder graph, over the same weights, returns the attention that word times are read from, where the decoder has
    /// heads for it.
    /// </summary>
    public bool WordTimes { get; init; } = true;

    internal GraphOptions Recording(ModelParts parts) =>
        Graph is { Precision: GraphPrecision.Int8, KeepInFloat: null } ? Graph with { KeepInFloat = parts.IsCoarseInInt8 } : Graph;
}

/// <summary>How far an export is.</summary>
public readonly record struct ExportProgress(string Stage, double Fraction);

/// <summary>
/// Exports a model as a folder of ONNX graphs with one file of weights, its settings and vocabulary files, and
/// <c>earshot.json</c>. Weights are converted as they are written, so no more than a piece of one is in memory.
/// </summary>
public static class OnnxExporter
{
    /// <summary>The file of all larger weights.</summary>
    public const string WeightsName = "model.onnx_data";

    /// <summary>
    /// Writes the model to <paramref name="folder"/>. A new folder is made beside its place and renamed when complete. Where the folder is
    /// the checkpoint's own, the graphs are added to it, and weights whose type and order the graphs can use stay in the checkpoint's
    /// files.
    /// </summary>
    /// <exception cref="ModelException">There is no part that could be exported, or a part cannot be recorded as asked.</exception>
    /// <exception cref="CheckpointException">The weights do not fit the parts, or the folder is there already or cannot be
    /// written.</exception>
    public static ExportManifest Export(
        ExportSource source, string folder, ExportOptions? options = null, IProgress<ExportProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new ExportOptions();
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        bool inPlace = source.Folder is not null && folder == Path.TrimEndingDirectorySeparator(Path.GetFullPath(source.Folder));
        if (!inPlace && Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new CheckpointException($"The folder '{folder}' is not empty. Export to a new folder, or remove what is there.");
        try
        {
            return inPlace
                ? ExportBeside(source, folder, options, progress, cancellationToken)
                : ExportNew(source, folder, options, progress, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"The model cannot be exported to '{folder}': {e.Message}", e);
        }
    }

    static ExportManifest ExportNew(
        ExportSource source, string folder, ExportOptions options, IProgress<ExportProgress>? progress, CancellationToken cancellationToken)
    {
        var partial = $"{folder}.{Guid.NewGuid():N}.partial";
        Directory.CreateDirectory(partial);
        try
        {
            if (source.Folder is not null) CompanionFiles.Copy(source.Folder, partial);
            else
            {
                WriteFiles(source.Files, partial);
                source.WriteTo?.Invoke(partial);
            }
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

    static ExportManifest ExportBeside(
        ExportSource source, string folder, ExportOptions options, IProgress<ExportProgress>? progress, CancellationToken cancellationToken)
    {
        if (ExportManifest.IsIn(folder))
        {
            throw new CheckpointException(
                $"The folder '{folder}' already holds an exported model. " +
                $"Remove its '{ExportManifest.FileName}' and graphs, or export to another folder.");
        }
        var manifest = Describe(source, options);
        string[] made = [WeightsName, .. manifest.Graphs, ExportManifest.FileName];
        if (made.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) is { } present)
            throw new CheckpointException($"The folder '{folder}' already has a file '{present}'. Remove it, or export to another folder.");
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

    static ExportManifest WriteGraphs(
        ExportSource source, string folder, ExportOptions options, string? referTo, IProgress<ExportProgress>? progress,
        CancellationToken cancellationToken)
    {
        progress?.Report(new ExportProgress("graphs", 0));
        var manifest = Describe(source, options);
        var graphs = new ModelGraphs(
            source.ModelType, source.Parts, source.Weights, options.Recording(source.Parts), new OnnxWeights { ReferenceFolder = referTo });
        var models = Record(graphs, manifest);
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

    // The embedding before the decoder: a table that is read by rows is then shared with the decoder's last product.
    static List<(string Name, OnnxModel Model)> Record(ModelGraphs graphs, ExportManifest manifest)
    {
        var models = new List<(string, OnnxModel)>();
        if (manifest.Encoder is { } encoder) models.Add((encoder, graphs.Encoder()));
        if (manifest.StreamingEncoder is { } streaming) models.Add((streaming, graphs.StreamingEncoder()));
        if (manifest.Embedding is { } embedding) models.Add((embedding, graphs.Embedding()));
        if (manifest.Decoder is { } decoder) models.Add((decoder, graphs.Decoder()));
        if (manifest.AligningDecoder is { } aligning) models.Add((aligning, graphs.Decoder(manifest.Heads)));
        if (manifest.SpeakerEncoder is { } speaker) models.Add((speaker, graphs.SpeakerEncoder()));
        if (manifest.Segmentation is { } segmentation) models.Add((segmentation, graphs.Segmentation()));
        if (manifest.Predictor is { } predictor) models.Add((predictor, graphs.Predictor()));
        if (manifest.Joiner is { } joiner) models.Add((joiner, graphs.Joiner()));
        if (manifest.Voice is { } voice) models.Add((voice, graphs.Voice()));
        return models;
    }

    static ExportManifest Describe(ExportSource source, ExportOptions options)
    {
        var parts = source.Parts;
        bool aligns = options.WordTimes && parts.Decoder is { Shape: { MemoryPositions: > 0, AlignmentHeads.Count: > 0 } };
        var manifest = new ExportManifest
        {
            ModelType = source.ModelType,
            Precision = options.Graph.Precision,
            Target = options.Graph.Target,
            Source = source.Name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(source.Folder ?? source.Weights.Location)),
            Encoder = parts.Encoder is null ? null : "encoder_model.onnx",
            StreamingEncoder = parts.Encoder is IStreamingEncoder ? "streaming_encoder_model.onnx" : null,
            Decoder = parts.Decoder is null ? null : "decoder_model.onnx",
            Embedding = parts.Decoder is { Shape.MemoryPositions: 0 } ? "embed_tokens.onnx" : null,
            AligningDecoder = aligns ? "decoder_aligning_model.onnx" : null,
            AlignmentHeads = aligns ? [.. parts.Decoder!.Shape.AlignmentHeads.Select(head => new[] { head.Layer, head.Head })] : [],
            SpeakerEncoder = parts.SpeakerEncoder is null ? null : "speaker_encoder_model.onnx",
            Segmentation = parts.Segmentation is null ? null : "segmentation_model.onnx",
            Predictor = parts.Transducer is null ? null : "predictor_model.onnx",
            Joiner = parts.Transducer is null ? null : "joiner_model.onnx",
            Voice = parts.Voice is null ? null : "voice_model.onnx",
        };
        if (manifest.Graphs.Count == 0)
            throw new ModelException($"The model '{manifest.Source}' of type '{source.ModelType}' has no part that could be exported.");
        return manifest;
    }

    static void WriteFiles(IReadOnlyDictionary<string, string> files, string folder)
    {
        foreach (var (name, text) in files)
        {
            if (name.Length == 0 || name != Path.GetFileName(name) || name is "." or "..")
                throw new CheckpointException($"A file '{name}' was to be written beside the graphs; expected a plain file name.");
            File.WriteAllText(Path.Combine(folder, name), text);
        }
    }

    sealed class WeightsProgress(IProgress<ExportProgress> progress) : IProgress<double>
    {
        public void Report(double value) => progress.Report(new ExportProgress("weights", value));
    }
}
