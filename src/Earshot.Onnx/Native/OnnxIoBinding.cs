namespace Earshot.Onnx.Native;

/// <summary>
/// Inputs and outputs of a session bound to places beforehand, so that a loop of runs copies nothing: state stays on its device, outputs
/// land in memory the caller chose. Bound values belong to the caller, and are not given back while a run uses them. One thread at a time.
/// </summary>
public sealed unsafe class OnnxIoBinding : IDisposable
{
    readonly OnnxSession _session;
    readonly OrtHandle _handle;
    readonly Dictionary<string, OnnxValue> _inputs = [];
    readonly Dictionary<string, OnnxValue?> _outputs = [];
    readonly List<OrtHandle> _held = [];

    internal OnnxIoBinding(OnnxSession session, OrtHandle handle)
    {
        _session = session;
        _handle = handle;
    }

    internal OrtHandle Handle => _handle;

    /// <summary>Makes an input come from a value; it is read again at each run.</summary>
    public OnnxIoBinding BindInput(string name, OnnxValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var text = _session.InputName(name);
        using var binding = _handle.Lease();
        using var tensor = value.Handle.Lease();
        var status = OrtApi.BindInput(binding.Pointer, text, tensor.Pointer);
        if (status != 0) OrtApi.Check(status, $"The input '{name}' could not be bound to {value}");
        _inputs[name] = value;
        return this;
    }

    /// <summary>Makes an output go into a value, whose shape must be the output's.</summary>
    public OnnxIoBinding BindOutput(string name, OnnxValue value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var text = _session.OutputName(name);
        using var binding = _handle.Lease();
        using var tensor = value.Handle.Lease();
        var status = OrtApi.BindOutput(binding.Pointer, text, tensor.Pointer);
        if (status != 0) OrtApi.Check(status, $"The output '{name}' could not be bound to {value}");
        _outputs[name] = value;
        return this;
    }

    /// <summary>Makes an output go into new memory at a place, each run; read it with <see cref="TakeOutputs"/>.</summary>
    public OnnxIoBinding BindOutput(string name, OnnxMemoryInfo place)
    {
        ArgumentNullException.ThrowIfNull(place);
        var text = _session.OutputName(name);
        using var binding = _handle.Lease();
        using var info = place.Handle.Lease();
        OrtApi.Check(OrtApi.BindOutputToDevice(binding.Pointer, text, info.Pointer), $"The output '{name}' could not be bound to {place}");
        _outputs[name] = null;
        return this;
    }

    /// <summary>Runs the session; returns when the bound outputs can be read.</summary>
    /// <exception cref="OperationCanceledException">The run was cancelled; the outputs hold nothing of use.</exception>
    /// <exception cref="ObjectDisposedException">A bound value was given back.</exception>
    public void Run(OnnxRunOptions? options = null, CancellationToken cancellationToken = default)
    {
        try
        {
            foreach (var value in _inputs.Values) Hold(value);
            foreach (var value in _outputs.Values) Hold(value);
            _session.RunBound(this, options, cancellationToken);
        }
        finally
        {
            foreach (var handle in _held) handle.DangerousRelease();
            _held.Clear();
        }
    }

    /// <summary>Keeps a bound value from being given back while the run uses it.</summary>
    void Hold(OnnxValue? value)
    {
        if (value is null) return;
        bool added = false;
        value.Handle.DangerousAddRef(ref added);
        _held.Add(value.Handle);
    }

    /// <summary>
    /// The outputs of the last run, in the order they were bound; those bound to the caller's values are seen through new handles, valid
    /// while the caller's are.
    /// </summary>
    public OnnxOutputs TakeOutputs()
    {
        using var binding = _handle.Lease();
        nint allocator = OnnxAllocator.Default;
        nint* values;
        nuint count;
        OrtApi.Check(OrtApi.GetBoundOutputValues(binding.Pointer, allocator, &values, &count), "The bound outputs could not be had");
        if (count == 0) return new OnnxOutputs([], []);
        try
        {
            return OnnxOutputs.Adopt(OutputNames(binding.Pointer, allocator), new ReadOnlySpan<nint>(values, (int)count));
        }
        finally
        {
            OrtApi.Check(OrtApi.AllocatorFree(allocator, values), "The list of outputs could not be given back");
        }
    }

    /// <summary>Forgets all bound inputs and outputs.</summary>
    public void Clear()
    {
        using var binding = _handle.Lease();
        OrtApi.ClearBoundInputs(binding.Pointer);
        OrtApi.ClearBoundOutputs(binding.Pointer);
        _inputs.Clear();
        _outputs.Clear();
    }

    public void Dispose()
    {
        _handle.Dispose();
        _inputs.Clear();
        _outputs.Clear();
    }

    /// <summary>The names come as one run of characters without zeros, with a list of lengths.</summary>
    static string[] OutputNames(nint binding, nint allocator)
    {
        byte* characters;
        nuint* lengths;
        nuint count;
        OrtApi.Check(
            OrtApi.GetBoundOutputNames(binding, allocator, &characters, &lengths, &count), "The bound outputs' names could not be had");
        var names = new string[(int)count];
        int position = 0;
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = System.Text.Encoding.UTF8.GetString(characters + position, (int)lengths[i]);
            position += (int)lengths[i];
        }
        OrtApi.Check(OrtApi.AllocatorFree(allocator, characters), "The outputs' names could not be given back");
        OrtApi.Check(OrtApi.AllocatorFree(allocator, lengths), "The lengths of the outputs' names could not be given back");
        return names;
    }
}
