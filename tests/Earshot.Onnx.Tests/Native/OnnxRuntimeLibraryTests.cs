using Earshot.Onnx.Native;

namespace Earshot.Onnx.Tests.Native;

public sealed class OnnxRuntimeLibraryTests
{
    [Fact]
    public void Says_where_it_looked_and_how_to_get_the_library()
    {
        var folder = Directory.CreateTempSubdirectory("earshot-onnx");
        try
        {
            var error = Assert.Throws<OnnxRuntimeException>(() => OnnxRuntimeLibrary.Load(folder.FullName, out _));
            Assert.Equal(OnnxErrorCode.NotFound, error.Code);
            Assert.Contains(folder.FullName, error.Message, StringComparison.Ordinal);
            Assert.Contains(
                "Reference the package Microsoft.ML.OnnxRuntime, or Microsoft.ML.OnnxRuntime.Gpu.Linux", error.Message,
                StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_file_that_is_no_library_is_named_with_the_reason()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "not a library");
            var error = Assert.Throws<OnnxRuntimeException>(() => OnnxRuntimeLibrary.Load(file, out _));
            Assert.Contains($"{file} (found, but it could not be loaded", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void The_environment_knows_its_version_and_providers()
    {
        NativeRuntime.Require();
        var environment = OnnxEnvironment.Current;
        Assert.True(Version.Parse(environment.Version) >= new Version(1, 17));
        Assert.Contains("CPUExecutionProvider", environment.AvailableProviders);
        Assert.Same(environment, OnnxEnvironment.Current);
        TestContext.Current.SendDiagnosticMessage(
            $"{environment.LibraryPath} {environment.Version}: " +
            $"{string.Join(", ", environment.AvailableProviders)}; {environment.BuildInfo}");
    }
}
