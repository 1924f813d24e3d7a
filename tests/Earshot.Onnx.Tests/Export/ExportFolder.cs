using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Export;

/// <summary>An exported model in a folder of its own that is removed afterwards.</summary>
sealed class ExportFolder : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("earshot-export-").FullName;

    public string Folder => Path.Combine(_root, "model");

    public static ExportFolder Of(ModelParts parts, GraphOptions? options = null, SmallSizes? sizes = null) =>
        Of(parts, SmallModel.Weights(sizes), options);

    public static ExportFolder Of(ModelParts parts, ITensorStore weights, GraphOptions? options = null)
    {
        var folder = new ExportFolder();
        OnnxExporter.Export(
            new ExportSource(parts, weights, "small"), folder.Folder, new ExportOptions { Graph = options ?? new GraphOptions() });
        return folder;
    }

    public OnnxModelRuntime Open(ModelParts parts, OnnxModelOptions? options = null) => OnnxModelRuntime.Open(Folder, parts, options);

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
