namespace Earshot.Onnx.Native;

/// <summary>A session's options as the runtime holds them, with the providers that could be appended.</summary>
sealed unsafe class NativeSessionOptions : IDisposable
{
    readonly OrtHandle _handle;

    /// <summary>
    /// Makes options for the wished providers that are not in <paramref name="excluded"/> and can be appended; the others' reasons go into
    /// <paramref name="skipped"/>.
    /// </summary>
    public NativeSessionOptions(OnnxSessionOptions options, IReadOnlySet<ExecutionProvider> excluded, List<SkippedProvider> skipped)
    {
        _ = OnnxEnvironment.Current;
        nint pointer;
        OrtApi.Check(OrtApi.CreateSessionOptions(&pointer), "Session options could not be made");
        _handle = new OrtHandle(OrtKind.SessionOptions, pointer);
        try
        {
            Apply(pointer, options);
            foreach (var provider in options.Providers)
            {
                if (excluded.Contains(provider)) continue;
                if (ProviderAppender.Append(pointer, provider) is { } reason) skipped.Add(new SkippedProvider(provider, reason));
                else Used.Add(provider);
            }
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>The providers that were appended, in order.</summary>
    public List<ExecutionProvider> Used { get; } = [];

    public OrtLease Lease() => _handle.Lease();

    public void Dispose() => _handle.Dispose();

    static void Apply(nint native, OnnxSessionOptions options)
    {
        var cpu = options.Providers.OfType<CpuProvider>().FirstOrDefault();
        Set(OrtApi.SetSessionLogSeverityLevel(native, (int)options.LogSeverity), nameof(options.LogSeverity));
        Set(OrtApi.SetSessionGraphOptimizationLevel(native, (int)options.GraphOptimization), nameof(options.GraphOptimization));
        if ((cpu?.Threads ?? options.IntraOpThreads) is { } threads)
            Set(OrtApi.SetIntraOpNumThreads(native, threads), nameof(options.IntraOpThreads));
        if (options.InterOpThreads is { } interOp) Set(OrtApi.SetInterOpNumThreads(native, interOp), nameof(options.InterOpThreads));
        if (options.ParallelExecution) Set(OrtApi.SetSessionExecutionMode(native, 1), nameof(options.ParallelExecution));
        if (!options.MemoryPattern) Set(OrtApi.DisableMemPattern(native), nameof(options.MemoryPattern));
        if (cpu is { Arena: false }) Set(OrtApi.DisableCpuMemArena(native), nameof(CpuProvider.Arena));
        if (options.OptimizedModelPath is { } model)
        {
            fixed (byte* path = NativeText.Path(model))
                Set(OrtApi.SetOptimizedModelFilePath(native, path), nameof(options.OptimizedModelPath));
        }
        if (options.ProfilePrefix is { } profile)
            fixed (byte* path = NativeText.Path(profile)) Set(OrtApi.EnableProfiling(native, path), nameof(options.ProfilePrefix));
        foreach (var (symbol, size) in options.FreeDimensions)
        {
            fixed (byte* name = NativeText.Utf8(symbol))
                Set(OrtApi.AddFreeDimensionOverrideByName(native, name, size), $"{nameof(options.FreeDimensions)}['{symbol}']");
        }
        var entries = new Dictionary<string, string>(options.Entries);
        if (ByteProducts.Saturate) entries.TryAdd(ByteProducts.ExactEntry, "1");
        foreach (var (key, value) in entries)
        {
            fixed (byte* k = NativeText.Utf8(key), v = NativeText.Utf8(value))
                Set(OrtApi.AddSessionConfigEntry(native, k, v), $"{nameof(options.Entries)}['{key}']");
        }
    }

    static void Set(nint status, string option) => OrtApi.Check(status, $"The session option {option} was refused");
}
