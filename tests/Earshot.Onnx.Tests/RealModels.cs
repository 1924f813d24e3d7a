using Earshot.Onnx.Runtime;

namespace Earshot.Onnx.Tests;

/// <summary>Real model files of the test data.</summary>
static class RealModels
{
    public static string Silero() => TestData.Require("models/silero-vad/silero_vad.onnx");

    /// <summary>The speaker segmentation model; skips the test where the copy at hand is one that the runtime itself cannot read.</summary>
    public static string Pyannote()
    {
        NativeRuntime.Require();
        var path = TestData.Require("models/pyannote-segmentation-3.0/model.int8.onnx");
        try
        {
            using var session = OnnxSession.FromFile(path);
        }
        catch (OnnxRuntimeException e)
        {
            Assert.Skip($"This copy of the pyannote model is damaged. {e.Message}");
        }
        return path;
    }
}

/// <summary>A folder of a test's own, gone after it.</summary>
sealed class TemporaryFolder : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("earshot-onnx");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
