using Earshot.Onnx.Native;

namespace Earshot.Onnx.Tests.Native;

public sealed class ExecutionProvidersTests
{
    [Fact]
    public void A_wish_is_read_in_order_with_its_settings()
    {
        var wish = ProviderPreference.Parse(
            "TensorRT fp16 cache=/tmp/engines workspace=2GB trt_dla_enable=0, cuda device=1 arena=512MB, cpu threads=4 arena=off");
        Assert.Equal("tensorrt, cuda, cpu", wish.ToString());
        var tensorRt = Assert.IsType<TensorRtProvider>(wish[0]);
        Assert.True(tensorRt.Float16);
        Assert.Equal("/tmp/engines", tensorRt.EngineCachePath);
        Assert.Equal(2L << 30, tensorRt.WorkspaceBytes);
        var cuda = Assert.IsType<CudaProvider>(wish[1]);
        Assert.Equal((1, 512L << 20), (cuda.Device, cuda.ArenaLimit));
        Assert.Equal(new CpuProvider { Threads = 4, Arena = false }, wish[2]);
    }

    [Fact]
    public void Settings_become_the_providers_own_keys()
    {
        var tensorRt = ProviderAppender.Settings(
            new TensorRtProvider { Device = 1, Float16 = true, EngineCachePath = "/tmp/engines", WorkspaceBytes = 5 });
        Assert.Equal(
            "device_id=1 trt_engine_cache_enable=1 trt_engine_cache_path=/tmp/engines trt_fp16_enable=1 trt_max_workspace_size=5",
            string.Join(' ', tensorRt.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}")));
        var cuda = ProviderAppender.Settings(
            new CudaProvider { ArenaLimit = 7, Settings = new Dictionary<string, string> { ["use_tf32"] = "0" } });
        Assert.Equal(["0", "7", "0"], [cuda["device_id"], cuda["gpu_mem_limit"], cuda["use_tf32"]]);
    }

    [Theory]
    [InlineData("", "names at least one")]
    [InlineData("gpu", "There is no execution provider 'gpu'; there are tensorrt, cuda, cpu, coreml")]
    [InlineData("cpu, cpu", "twice")]
    [InlineData("cpu threads=many", "expected a number")]
    [InlineData("cpu fast", "cpu has threads and arena")]
    [InlineData("cuda device=1 device=2", "the same setting twice")]
    [InlineData("tensorrt fast=1", "tensorrt has device, fp16")]
    [InlineData("cuda arena=99999999999GB", "expected a number")]
    public void A_bad_wish_says_what_is_wrong(string wish, string reason)
    {
        var error = Assert.Throws<OnnxRuntimeException>(() => ProviderPreference.Parse(wish));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_provider_that_is_not_there_falls_to_the_next_with_the_reason()
    {
        NativeRuntime.Require();
        var absent = Absent();
        using var session = OnnxSession.FromFile(
            TestData.Require("models/silero-vad/silero_vad.onnx"),
            new OnnxSessionOptions { Providers = ProviderPreference.Parse($"{absent}, cpu threads=1") });
        Assert.Equal("cpu", Assert.Single(session.Providers.Used).Name);
        Assert.Equal(absent, Assert.Single(session.Providers.Skipped).Provider.Name);
        Assert.StartsWith($"Runs on cpu; {absent} is not used because ", session.Providers.ToString(), StringComparison.Ordinal);
        TestContext.Current.SendDiagnosticMessage(session.Providers.ToString());
    }

    [Fact]
    public void A_wish_for_exactly_one_that_is_not_there_is_an_error()
    {
        NativeRuntime.Require();
        var path = TestData.Require("models/silero-vad/silero_vad.onnx");
        var options = new OnnxSessionOptions { Providers = ProviderPreference.Parse(Absent()) };
        var error = Assert.Throws<OnnxRuntimeException>(() => OnnxSession.FromFile(path, options));
        Assert.Equal(OnnxErrorCode.ExecutionProviderFail, error.Code);
        Assert.EndsWith("Add cpu to the wish to fall back to the processor.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cuda_and_tensorrt_are_used_or_their_absence_is_explained()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(
            TestData.Require("models/silero-vad/silero_vad.onnx"),
            new OnnxSessionOptions { Providers = ProviderPreference.Parse("tensorrt fp16, cuda, cpu") });
        Assert.Equal(3, session.Providers.Used.Count + session.Providers.Skipped.Count);
        Assert.All(session.Providers.Skipped, skipped => Assert.NotEmpty(skipped.Reason));
        TestContext.Current.SendDiagnosticMessage(session.Providers.ToString());
    }

    [Fact]
    public void A_device_that_fails_to_start_falls_to_the_next()
    {
        NativeRuntime.Require();
        Assert.SkipUnless(
            OnnxEnvironment.Current.AvailableProviders.Contains("WebGpuExecutionProvider"), "This build of ONNX Runtime has no WebGPU.");
        using var session = OnnxSession.FromFile(
            TestData.Require("models/silero-vad/silero_vad.onnx"),
            new OnnxSessionOptions { Providers = ProviderPreference.Parse("webgpu, cpu") });
        Assert.Equal("cpu", session.Providers.Used[^1].Name);
        TestContext.Current.SendDiagnosticMessage(session.Providers.ToString());
    }

    /// <summary>A provider that no one platform has together with the others.</summary>
    static string Absent() => OperatingSystem.IsMacOS() ? "dml" : "coreml";
}
