using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// A model on the CPU backend. Windows are encoded one at a time with all threads, in order of arrival; decoding steps of concurrent
/// callers are merged into one batch, with results equal to running alone; what is encoded lets them pass between its layers.
/// </summary>
public sealed class CpuModelRuntime : ModelRuntime
{
    readonly CpuDevice _device;
    readonly bool _ownsDevice;
    readonly Scope _root;
    readonly CpuEncoderRuntime? _encoder;
    readonly CpuDecoderRuntime? _decoder;
    readonly Lazy<CpuStreamingEncoderRuntime>? _streaming;
    readonly CpuTransducerRuntime? _transducer;
    readonly CpuVoiceRuntime? _voice;
    bool _disposed;

    /// <summary>Opens a model over a checkpoint's tensors; weights are packed for the device as they are first used.</summary>
    /// <param name="parts">What the model is made of.</param>
    /// <param name="tensors">Its weights; they stay their owner's, and are read until this is disposed of.</param>
    /// <param name="device">What computes; one of its own where it is null.</param>
    public CpuModelRuntime(ModelParts parts, ITensorStore tensors, CpuDevice? device = null, RuntimeLimits? limits = null) : base(parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(tensors);
        limits ??= new RuntimeLimits();
        _ownsDevice = device is null;
        _device = device ?? new CpuDevice();
        _root = new Scope(tensors);
        var windows = new PlacePool(limits.Windows, limits.Waiting, "windows of audio at once");
        _decoder = parts.Decoder is null ? null : new CpuDecoderRuntime(parts, _root, _device, limits);
        _streaming = parts.Encoder is IStreamingEncoder ? new(() => new CpuStreamingEncoderRuntime(parts, _root, _device, limits)) : null;
        if (parts.Encoder is not null)
        {
            _encoder = new CpuEncoderRuntime(parts, _root, _device, windows, parts.HasMemory ? _decoder : null)
            {
                LongBytes = limits.LongAudioBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4,
            };
        }
        _transducer = parts.Transducer is null ? null : new CpuTransducerRuntime(parts, _root, _device);
        _voice = parts.Voice is null ? null : new CpuVoiceRuntime(parts, _root, _device);
    }

    // What encodes shares its temporaries: a device encodes one window at a time.
    CpuModelRuntime(ModelParts parts, ITensorStore tensors, CpuModelRuntime shared) : base(parts)
    {
        if (parts is { Decoder: not null } or { Transducer: not null } or { Voice: not null } || shared._encoder is not { } encoder)
            throw new ModelException("Only a model of an encoder and what finishes its output can exchange some of its weights.");
        (_device, _root) = (shared._device, new Scope(tensors, shared._root));
        _encoder = new CpuEncoderRuntime(parts, _root, encoder) { LongBytes = encoder.LongBytes };
    }

    public override EncoderRuntime? Encoder => _encoder;

    public override StreamingEncoderRuntime? Streaming => _streaming?.Value;

    public override DecoderRuntime? Decoder => _decoder;

    public override TransducerRuntime? Transducer => _transducer;

    public override VoiceRuntime? Voice => _voice;

    public override RuntimeTimes? Times => new RuntimeTimes(
        Elapsed(_encoder?.Time), _encoder?.Time.Count ?? 0,
        Elapsed(_decoder?.Time) + Elapsed(_transducer?.Time), (_decoder?.Time.Count ?? 0) + (_transducer?.Time.Count ?? 0))
    {
        Speaking = Elapsed(_voice?.Time),
        Pieces = _voice?.Time.Count ?? 0,
    };

    public override ModelRuntime With(ModelParts parts, ITensorStore tensors)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(tensors);
        return new CpuModelRuntime(parts, tensors, this);
    }

    /// <summary>The device that computes.</summary>
    public CpuDevice Device => _device;

    /// <summary>Bytes of the weights packed so far.</summary>
    public long PackedBytes => _device.PackedBytes(_root);

    /// <summary>Windows that wait for a place in memory.</summary>
    internal int Waiting => _encoder?.Waiting ?? 0;

    protected override void Dispose(bool disposing)
    {
        if (_disposed || !disposing) return;
        _disposed = true;
        // After what is under way: memory that is computed with is not freed.
        _device.Scheduler.Post(() =>
        {
            _decoder?.Dispose();
            _encoder?.Dispose();
            if (_streaming is { IsValueCreated: true }) _streaming.Value.Dispose();
            _transducer?.Dispose();
            _voice?.Dispose();
            _device.Unload(_root);
        });
        if (_ownsDevice) _device.Dispose();
        base.Dispose(disposing);
    }

    static TimeSpan Elapsed(StageTimer? timer) => timer?.Elapsed ?? default;
}
