using Earshot.Onnx.Export;
using Earshot.Onnx.Graph;

namespace Earshot.Cli.Inspection;

/// <summary>An ONNX file's parts.</summary>
internal sealed record OnnxReport
{
    public required string File { get; init; }

    public required long IrVersion { get; init; }

    /// <summary>Versions of operator sets by domain.</summary>
    public required IReadOnlyDictionary<string, long> OperatorSets { get; init; }

    public required string Producer { get; init; }

    public required IReadOnlyList<OnnxValueReport> Inputs { get; init; }

    public required IReadOnlyList<OnnxValueReport> Outputs { get; init; }

    /// <summary>How many nodes of each operator there are, most first; those of subgraphs included.</summary>
    public required IReadOnlyList<OperatorReport> Operators { get; init; }

    public required IReadOnlyList<ConstantsReport> Constants { get; init; }

    /// <summary>The graph as text, a line a node; null where not asked for.</summary>
    public IReadOnlyList<string>? Operations { get; init; }

    /// <exception cref="OnnxModelException">The file is damaged.</exception>
    public static OnnxReport Of(string path, bool operations)
    {
        var model = OnnxModel.Load(path);
        var graphs = model.Graph.SelfAndSubgraphs().ToList();
        return new OnnxReport
        {
            File = path,
            IrVersion = model.IrVersion,
            OperatorSets = model.OperatorSets.ToDictionary(set => set.Key.Length == 0 ? "ai.onnx" : set.Key, set => set.Value),
            Producer = $"{model.ProducerName} {model.ProducerVersion}".Trim(),
            Inputs = [.. model.Graph.Inputs.Select(OnnxValueReport.Of)],
            Outputs = [.. model.Graph.Outputs.Select(OnnxValueReport.Of)],
            Operators = [.. graphs.SelectMany(graph => graph.Nodes)
                .CountBy(node => node.Domain.Length == 0 ? node.OpType : $"{node.Domain}.{node.OpType}")
                .OrderByDescending(count => count.Value).ThenBy(count => count.Key, StringComparer.Ordinal)
                .Select(count => new OperatorReport(count.Key, count.Value))],
            Constants = [.. graphs.SelectMany(graph => graph.Initializers).Select(value => value.Initializer!)
                .GroupBy(tensor => (tensor.Type, File: tensor.File is { } file ? Path.GetFileName(file) : null))
                .OrderBy(group => group.Key.File, StringComparer.Ordinal).ThenBy(group => group.Key.Type)
                .Select(group =>
                    new ConstantsReport(group.Key.Type.ToString(), group.Count(), group.Sum(tensor => tensor.ByteLength), group.Key.File))],
            Operations = operations ? model.ToString().TrimEnd('\n').Split('\n') : null,
        };
    }
}

/// <summary>An input or output; its shape is null where not even the number of dimensions is known.</summary>
internal sealed record OnnxValueReport(string Name, string Type, IReadOnlyList<string>? Shape)
{
    public static OnnxValueReport Of(GraphValue value) =>
        new(value.Name, value.Type.ToString(), value.Shape?.Select(dimension => dimension.ToString()).ToList());
}

internal sealed record OperatorReport(string Name, int Count);

/// <summary>Constants of a type; <paramref name="File"/> is the data file that holds them, null for the model's own.</summary>
internal sealed record ConstantsReport(string Type, int Count, long Bytes, string? File);

/// <summary>An exported model's folder.</summary>
internal sealed record ExportReport
{
    public required string Folder { get; init; }

    public required string Source { get; init; }

    public required string Precision { get; init; }

    public required string Target { get; init; }

    public required IReadOnlyList<OnnxReport> Graphs { get; init; }

    /// <exception cref="EarshotException">A file is missing or damaged.</exception>
    public static ExportReport Of(string folder, bool operations)
    {
        var manifest = ExportManifest.Load(folder);
        string?[] graphs = [manifest.Encoder, manifest.Decoder, manifest.AligningDecoder];
        return new ExportReport
        {
            Folder = folder,
            Source = manifest.Source,
            Precision = manifest.Precision.ToString(),
            Target = manifest.Target.ToString(),
            Graphs = [.. graphs.OfType<string>().Select(graph => OnnxReport.Of(Path.Combine(folder, graph), operations))],
        };
    }
}
