using Earshot.Checkpoints;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Tests.Export;

/// <summary>An exported model in a folder of its own that is removed afterwards.</summary>
sealed class ExportFolder : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("earshot-export-").FullName;

    public string Folder => Path.Combine(_root, "model");

    public static ExportFolder Of(WhisperConfig config, GraphOptions options)
    {
        var folder = new ExportFolder();
        var source = new WhisperExportSource(SmallWhisper.Weights(config), config, SmallWhisper.Generation(config));
        WhisperExporter.Export(source, folder.Folder, new WhisperExportOptions { Graph = options });
        return folder;
    }

    public static ExportFolder OfWhisperBase(GraphOptions options)
    {
        var folder = new ExportFolder();
        using var checkpoint = WhisperCheckpoint.Open(TestModels.WhisperBase);
        WhisperExporter.Export(WhisperExportSource.From(checkpoint), folder.Folder, new WhisperExportOptions { Graph = options });
        return folder;
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
