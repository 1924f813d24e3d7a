namespace Earshot.Onnx.Tests;

/// <summary>Real model files of the test data.</summary>
static class RealModels
{
    public static string Silero() => TestData.Require("models/silero-vad/silero_vad.onnx");
}

/// <summary>A folder of a test's own, gone after it.</summary>
sealed class TemporaryFolder : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("earshot-onnx");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
