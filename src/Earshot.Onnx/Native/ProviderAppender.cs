using System.Globalization;

namespace Earshot.Onnx.Native;

/// <summary>Appends an execution provider to a session's native options.</summary>
static unsafe class ProviderAppender
{
    /// <summary>Appends; returns why it could not, or null.</summary>
    public static string? Append(nint options, ExecutionProvider provider)
    {
        if (provider is CpuProvider) return null;
        var available = OnnxEnvironment.Current.AvailableProviders;
        if (!available.Contains(provider.RuntimeName))
            return $"this build of ONNX Runtime does not have it (it has {string.Join(", ", available.Select(Short))})";
        return provider switch
        {
            CudaProvider cuda => AppendCuda(options, cuda),
            TensorRtProvider tensorRt => AppendTensorRt(options, tensorRt),
            OtherProvider other => AppendOther(options, other),
            _ => $"there is no way to append a {provider.GetType().Name}",
        };
    }

    /// <summary>The runtime's text in one line of moderate length, without its own source positions, for use inside a sentence.</summary>
    public static string Sentence(string message)
    {
        var line = message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
        // "/path/of/the/build.cc:1988 Signature [ONNXRuntimeError] : 1 : FAIL : what failed": only the end is for the user.
        const string Marker = "[ONNXRuntimeError] : ";
        int marker = line.LastIndexOf(Marker, StringComparison.Ordinal);
        if (marker >= 0 && line.Split(" : ", 4) is { Length: 4 } parts) line = parts[3];
        return line.Length <= 300 ? line : string.Concat(line.AsSpan(0, 297), "...");
    }

    internal static Dictionary<string, string> Settings(CudaProvider cuda)
    {
        var settings = new Dictionary<string, string> { ["device_id"] = Text(cuda.Device) };
        if (cuda.ArenaLimit is { } limit) settings["gpu_mem_limit"] = Text(limit);
        foreach (var (key, value) in cuda.Settings) settings[key] = value;
        return settings;
    }

    internal static Dictionary<string, string> Settings(TensorRtProvider tensorRt)
    {
        var settings = new Dictionary<string, string>
        {
            ["device_id"] = Text(tensorRt.Device),
            ["trt_fp16_enable"] = tensorRt.Float16 ? "1" : "0",
        };
        if (tensorRt.EngineCachePath is { } path)
        {
            settings["trt_engine_cache_enable"] = "1";
            settings["trt_engine_cache_path"] = path;
        }
        if (tensorRt.WorkspaceBytes is { } bytes) settings["trt_max_workspace_size"] = Text(bytes);
        foreach (var (key, value) in tensorRt.Settings) settings[key] = value;
        return settings;
    }

    static string? AppendCuda(nint options, CudaProvider cuda)
    {
        nint native;
        if (Failure(OrtApi.CreateCudaOptions(&native)) is { } absent) return absent;
        try
        {
            var settings = new NativeTexts(Settings(cuda));
            return Failure(OrtApi.UpdateCudaOptions(native, settings.Keys, settings.Values, settings.Count))
                ?? Failure(OrtApi.AppendCuda(options, native));
        }
        finally
        {
            OrtApi.ReleaseCudaOptions(native);
        }
    }

    static string? AppendTensorRt(nint options, TensorRtProvider tensorRt)
    {
        nint native;
        if (Failure(OrtApi.CreateTensorRtOptions(&native)) is { } absent) return absent;
        try
        {
            var settings = new NativeTexts(Settings(tensorRt));
            return Failure(OrtApi.UpdateTensorRtOptions(native, settings.Keys, settings.Values, settings.Count))
                ?? Failure(OrtApi.AppendTensorRt(options, native));
        }
        finally
        {
            OrtApi.ReleaseTensorRtOptions(native);
        }
    }

    static string? AppendOther(nint options, OtherProvider other)
    {
        var settings = new NativeTexts(other.Settings);
        fixed (byte* name = NativeText.Utf8(other.AppendName))
            return Failure(OrtApi.AppendProvider(options, name, settings.Keys, settings.Values, settings.Count));
    }

    static string? Failure(nint status) => status == 0 ? null : $"ONNX Runtime said '{Sentence(OrtApi.Take(status).Message)}'";

    static string Short(string runtimeName) => runtimeName.Replace("ExecutionProvider", "", StringComparison.Ordinal).ToLowerInvariant();

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
