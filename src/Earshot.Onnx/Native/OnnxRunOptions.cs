namespace Earshot.Onnx.Native;

/// <summary>Settings of single runs, and the means to stop one; may be used again and again, by one run at a time.</summary>
public sealed unsafe class OnnxRunOptions : IDisposable
{
    readonly OrtHandle _handle;

    public OnnxRunOptions()
    {
        _ = OnnxEnvironment.Current;
        nint pointer;
        OrtApi.Check(OrtApi.CreateRunOptions(&pointer), "Run options could not be made");
        _handle = new OrtHandle(OrtKind.RunOptions, pointer);
    }

    internal OrtHandle Handle => _handle;

    /// <summary>Names the run in the log and in profiles.</summary>
    public OnnxRunOptions WithTag(string tag)
    {
        using var options = _handle.Lease();
        fixed (byte* text = NativeText.Utf8(tag))
            OrtApi.Check(OrtApi.RunOptionsSetRunTag(options.Pointer, text), "The run's tag could not be set");
        return this;
    }

    /// <summary>Sets how grave a message must be to be logged.</summary>
    public OnnxRunOptions WithLogSeverity(OnnxLogSeverity severity)
    {
        using var options = _handle.Lease();
        OrtApi.Check(OrtApi.RunOptionsSetRunLogSeverityLevel(options.Pointer, (int)severity), "The run's log severity could not be set");
        return this;
    }

    /// <summary>Sets one of the runtime's run configuration entries, such as <c>memory.enable_memory_arena_shrinkage</c>.</summary>
    public OnnxRunOptions WithEntry(string key, string value)
    {
        using var options = _handle.Lease();
        fixed (byte* k = NativeText.Utf8(key), v = NativeText.Utf8(value))
            OrtApi.Check(OrtApi.AddRunConfigEntry(options.Pointer, k, v), $"The run's entry '{key}' could not be set");
        return this;
    }

    /// <summary>Makes runs that use these options stop soon, and new ones fail at once, until <see cref="Resume"/>.</summary>
    public void Terminate()
    {
        using var options = _handle.Lease();
        OrtApi.Check(OrtApi.RunOptionsSetTerminate(options.Pointer), "The run could not be stopped");
    }

    /// <summary>Takes <see cref="Terminate"/> back.</summary>
    public void Resume()
    {
        using var options = _handle.Lease();
        OrtApi.Check(OrtApi.RunOptionsUnsetTerminate(options.Pointer), "The run options could not be reset");
    }

    public void Dispose() => _handle.Dispose();
}
