using System.Runtime.InteropServices;

namespace Earshot.Onnx.Native;

/// <summary>A model loaded into ONNX Runtime; runs may be made on several threads at once.</summary>
public sealed unsafe class OnnxSession : IDisposable
{
    readonly OrtHandle _handle;
    readonly string _source;
    readonly string _failed;
    readonly Dictionary<string, byte[]> _inputNames;
    readonly Dictionary<string, byte[]> _outputNames;
    readonly string[] _allOutputs;

    OnnxSession(OrtHandle handle, string source, ProviderReport providers)
    {
        _handle = handle;
        _source = source;
        _failed = $"The model {source} failed to run";
        Providers = providers;
        using var session = handle.Lease();
        Inputs = Describe(session.Pointer, inputs: true);
        Outputs = Describe(session.Pointer, inputs: false);
        _inputNames = Inputs.ToDictionary(input => input.Name, input => NativeText.Utf8(input.Name));
        _outputNames = Outputs.ToDictionary(output => output.Name, output => NativeText.Utf8(output.Name));
        _allOutputs = [.. Outputs.Select(output => output.Name)];
    }

    /// <summary>The model's inputs, in its order.</summary>
    public IReadOnlyList<OnnxTensorDescription> Inputs { get; }

    /// <summary>The model's outputs, in its order.</summary>
    public IReadOnlyList<OnnxTensorDescription> Outputs { get; }

    /// <summary>What the session runs on.</summary>
    public ProviderReport Providers { get; }

    /// <summary>Loads a model; external data is found beside the file.</summary>
    /// <exception cref="OnnxRuntimeException">The runtime is absent or refused the model, or none of the wished providers is
    /// there.</exception>
    public static OnnxSession FromFile(string path, OnnxSessionOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new OnnxRuntimeException($"The model '{path}' does not exist.", OnnxErrorCode.NoSuchFile);
        var native = NativeText.Path(path);
        return Create($"'{path}'", options, (environment, sessionOptions) =>
        {
            nint pointer;
            fixed (byte* text = native) return (OrtApi.CreateSession(environment, text, sessionOptions, &pointer), pointer);
        });
    }

    /// <summary>Loads a model from memory, which is not needed afterwards.</summary>
    /// <exception cref="OnnxRuntimeException">The runtime is absent or refused the model, or none of the wished providers is
    /// there.</exception>
    public static OnnxSession FromBytes(ReadOnlyMemory<byte> model, OnnxSessionOptions? options = null) =>
        Create("in memory", options, (environment, sessionOptions) =>
        {
            nint pointer;
            using var pin = model.Pin();
            return (OrtApi.CreateSessionFromArray(environment, pin.Pointer, (nuint)model.Length, sessionOptions, &pointer), pointer);
        });

    /// <summary>Runs the model: <c>session.Run([("input", value)])</c>. Outputs that are not asked for by name are all returned.</summary>
    /// <exception cref="OnnxRuntimeException">A name is not one of the model's, or the run failed.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public OnnxOutputs Run(
        ReadOnlySpan<(string Name, OnnxValue Value)> inputs,
        IReadOnlyList<string>? outputs = null,
        OnnxRunOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        outputs ??= _allOutputs;
        var results = new nint[outputs.Count];
        using var session = _handle.Lease();
        using var run = new CancellableRun(options, cancellationToken);
        run.Check(Invoke(session.Pointer, run.Pointer, inputs, outputs, results), _failed);
        return OnnxOutputs.Adopt(outputs, results);
    }

    /// <summary>Makes a binding of inputs and outputs, which keeps this session alive until it is disposed.</summary>
    public OnnxIoBinding CreateBinding()
    {
        using var session = _handle.Lease();
        nint pointer;
        OrtApi.Check(OrtApi.CreateIoBinding(session.Pointer, &pointer), "A binding could not be made");
        return new OnnxIoBinding(this, new OrtHandle(OrtKind.IoBinding, pointer, _handle));
    }

    /// <summary>An allocator of the session's memory at a place, such as a CUDA device's.</summary>
    public OnnxAllocator CreateAllocator(OnnxMemoryInfo place)
    {
        ArgumentNullException.ThrowIfNull(place);
        using var session = _handle.Lease();
        using var info = place.Handle.Lease();
        nint pointer;
        OrtApi.Check(OrtApi.CreateAllocator(session.Pointer, info.Pointer, &pointer), $"The session has no allocator for {place}");
        return new OnnxAllocator(new OrtHandle(OrtKind.Allocator, pointer, _handle));
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>An input's name for the runtime, where it does not move while the session lives.</summary>
    internal byte* InputName(string name) => NameOf(_inputNames, name, "input");

    /// <summary>An output's name for the runtime, where it does not move while the session lives.</summary>
    internal byte* OutputName(string name) => NameOf(_outputNames, name, "output");

    internal void RunBound(OnnxIoBinding binding, OnnxRunOptions? options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var session = _handle.Lease();
        using var bound = binding.Handle.Lease();
        using var run = new CancellableRun(options, cancellationToken);
        OrtApi.Check(OrtApi.SynchronizeBoundInputs(bound.Pointer), "The bound inputs could not be brought to their devices");
        run.Check(OrtApi.RunWithBinding(session.Pointer, run.Pointer, bound.Pointer), _failed);
        OrtApi.Check(OrtApi.SynchronizeBoundOutputs(bound.Pointer), "The bound outputs could not be brought from their devices");
    }

    nint Invoke(
        nint session, nint options, ReadOnlySpan<(string Name, OnnxValue Value)> inputs, IReadOnlyList<string> outputs, nint[] results)
    {
        var inputNames = stackalloc byte*[inputs.Length + 1];
        var values = stackalloc nint[inputs.Length + 1];
        var outputNames = stackalloc byte*[outputs.Count + 1];
        int leased = 0;
        try
        {
            for (int i = 0; i < outputs.Count; i++) outputNames[i] = NameOf(_outputNames, outputs[i], "output");
            for (; leased < inputs.Length; leased++)
            {
                var (name, value) = inputs[leased];
                inputNames[leased] = NameOf(_inputNames, name, "input");
                bool added = false;
                value.Handle.DangerousAddRef(ref added);
                values[leased] = value.Handle.DangerousGetHandle();
            }
            fixed (nint* made = results)
                return OrtApi.Run(session, options, inputNames, values, (nuint)inputs.Length, outputNames, (nuint)outputs.Count, made);
        }
        finally
        {
            for (int i = 0; i < leased; i++) inputs[i].Value.Handle.DangerousRelease();
        }
    }

    /// <summary>The name where it does not move; the arrays are pinned and live as long as the session.</summary>
    byte* NameOf(Dictionary<string, byte[]> names, string name, string what)
    {
        if (names.TryGetValue(name, out var bytes)) return (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0);
        throw new OnnxRuntimeException(
            $"The model {_source} has no {what} '{name}'; it has {string.Join(", ", names.Keys)}.", OnnxErrorCode.InvalidArgument);
    }

    /// <summary>
    /// Makes a session with the wished providers; one whose device fails only now is left out and the rest is tried again.
    /// </summary>
    static OnnxSession Create(string source, OnnxSessionOptions? options, Func<nint, nint, (nint Status, nint Session)> create)
    {
        options ??= new OnnxSessionOptions();
        var environment = OnnxEnvironment.Current;
        var excluded = new HashSet<ExecutionProvider>(ReferenceEqualityComparer.Instance);
        var failed = new List<SkippedProvider>();
        while (true)
        {
            var skipped = new List<SkippedProvider>(failed);
            using var native = new NativeSessionOptions(options, excluded, skipped);
            if (native.Used.Count == 0) throw NoProvider(options.Providers, skipped);
            (nint Status, nint Session) made;
            using (var lease = native.Lease()) made = create(environment.Pointer, lease.Pointer);
            if (made.Status == 0)
            {
                return new OnnxSession(
                    new OrtHandle(OrtKind.Session, made.Session), source, Report(options.Providers, native.Used, skipped));
            }
            var (code, message) = OrtApi.Take(made.Status);
            // The first accelerator is the one that fails to start; where it is innocent, the others fail next and the last error is
            // thrown.
            var blamed = native.Used.Find(provider => provider is not CpuProvider);
            if (blamed is null || native.Used.Count == 1)
                throw new OnnxRuntimeException($"The model {source} could not be loaded: {message}", code);
            excluded.Add(blamed);
            failed.Add(new SkippedProvider(blamed, $"ONNX Runtime said '{ProviderAppender.Sentence(message)}'"));
        }
    }

    static ProviderReport Report(ProviderPreference wish, IReadOnlyList<ExecutionProvider> used, List<SkippedProvider> skipped) =>
        new(used, [.. wish.Select(provider => skipped.Find(skip => ReferenceEquals(skip.Provider, provider))).OfType<SkippedProvider>()]);

    static OnnxRuntimeException NoProvider(ProviderPreference wish, List<SkippedProvider> skipped)
    {
        var reasons = string.Join("; ", skipped.Select(skip => $"{skip.Provider.Name}: {skip.Reason}"));
        return new OnnxRuntimeException(
            $"None of the wished execution providers ({wish}) can be used: {reasons}. Add cpu to the wish to fall back to the processor.",
            OnnxErrorCode.ExecutionProviderFail);
    }

    static List<OnnxTensorDescription> Describe(nint session, bool inputs)
    {
        nuint count;
        OrtApi.Check(
            inputs ? OrtApi.SessionGetInputCount(session, &count) : OrtApi.SessionGetOutputCount(session, &count),
            "The model's inputs and outputs could not be counted");
        var descriptions = new List<OnnxTensorDescription>((int)count);
        nint allocator = OnnxAllocator.Default;
        for (nuint i = 0; i < count; i++)
        {
            byte* name;
            nint type;
            OrtApi.Check(
                inputs
                    ? OrtApi.SessionGetInputName(session, i, allocator, &name)
                    : OrtApi.SessionGetOutputName(session, i, allocator, &name), "A name could not be read");
            var text = OnnxAllocator.TakeText(name);
            OrtApi.Check(
                inputs ? OrtApi.SessionGetInputTypeInfo(session, i, &type) : OrtApi.SessionGetOutputTypeInfo(session, i, &type),
                $"The type of '{text}' could not be read");
            descriptions.Add(OnnxTypeReader.Read(text, type));
        }
        return descriptions;
    }
}
