using System.Collections.Concurrent;
using System.Diagnostics;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;

namespace Earshot.Models;

/// <summary>How many transcriptions a runtime serves at once, and how they are batched.</summary>
public sealed record RuntimeLimits
{
    /// <summary>Windows of audio in memory at once.</summary>
    public int Windows { get; init; } = 16;

    /// <summary>Hypotheses decoded at once, beams counted each.</summary>
    public int Rows { get; init; } = 64;

    /// <summary>Windows that may wait to be encoded; more are refused, so that a server under load says so instead of falling behind.</summary>
    public int Waiting { get; init; } = 256;

    /// <summary>The longest that a decoding step waits for steps of others to be computed with it.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMilliseconds(2);
}

/// <summary>
/// Whisper on the CPU backend. Windows are encoded one at a time with all threads, in order of arrival; decoding steps of
/// concurrent transcriptions are merged into one batch, with results equal to running alone.
/// </summary>
public sealed class CpuWhisperRuntime : WhisperRuntime
{
    readonly CpuDevice _device;
    readonly bool _ownsDevice;
    readonly Scope _root;
    readonly Scope _model;
    readonly ConcurrentBag<CpuBackend> _encoders = [];
    readonly SemaphoreSlim _encoding = new(1);
    readonly int _mostWaiting;
    int _waiting;
    readonly CpuBackend _decoder;
    readonly StageTimer _encodeTime = new();
    readonly StageTimer _stepTime = new();
    readonly List<int> _tokens = [];
    readonly List<int> _positions = [];
    readonly List<int> _wanted = [];
    bool _disposed;

    /// <summary>Opens a model over a checkpoint's tensors; weights are packed for the device as they are first used.</summary>
    /// <exception cref="CheckpointException">The tensors do not fit the configuration.</exception>
    public CpuWhisperRuntime(ITensorStore tensors, WhisperConfig config, GenerationConfig generation, CpuDevice? device = null, RuntimeLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        Config = config;
        Generation = generation;
        _ownsDevice = device is null;
        _device = device ?? new CpuDevice();
        _root = new Scope(tensors);
        _model = WhisperModel.ModelScope(_root);
        _decoder = new CpuBackend(_device);
        limits ??= new RuntimeLimits();
        _mostWaiting = limits.Waiting;
        Slots = new IndexPool(limits.Windows, "windows of audio at once");
        Rows = new IndexPool(limits.Rows, "hypotheses at once");
        var heads = new Heads(config.DecoderAttentionHeads);
        State = new WhisperDecoderState
        {
            Past = [.. Enumerable.Range(0, config.DecoderLayers).Select(_ => _decoder.CreateCache(limits.Rows, config.MaxTargetPositions, config.DModel, heads))],
            Audio = [.. Enumerable.Range(0, config.DecoderLayers).Select(_ => _decoder.CreateMemory(limits.Windows, config.MaxSourcePositions, config.DModel, heads))],
        };
        Scheduler = new StepScheduler(Execute, CpuDevice.StepRows, limits.LongestWait);
    }

    public override WhisperConfig Config { get; }

    public override GenerationConfig Generation { get; }

    public override RuntimeTimes? Times => new RuntimeTimes(_encodeTime.Elapsed, _encodeTime.Count, _stepTime.Elapsed, _stepTime.Count);

    /// <summary>The device that computes.</summary>
    public CpuDevice Device => _device;

    /// <summary>Bytes of the weights packed so far.</summary>
    public long PackedBytes => _device.PackedBytes(_root);

    /// <summary>Windows that wait for a place in memory.</summary>
    internal int Waiting => Volatile.Read(ref _waiting);

    internal IndexPool Slots { get; }

    internal IndexPool Rows { get; }

    internal WhisperDecoderState State { get; }

    internal StepScheduler Scheduler { get; }

    public override EncodedAudio Encode(ReadOnlySpan<float> features, int frames, CancellationToken cancellationToken = default)
    {
        if (frames <= 0 || frames % 2 != 0 || frames > 2 * Config.MaxSourcePositions || features.Length != (long)frames * Config.NumMelBins)
        {
            throw new ModelException($"Features of {frames} frames and {features.Length} values were given; expected an even number of at most {2 * Config.MaxSourcePositions} frames of {Config.NumMelBins} mels.");
        }
        int slot = Queue(cancellationToken);
        try
        {
            _encoding.Wait(cancellationToken);
            try
            {
                long started = Stopwatch.GetTimestamp();
                if (!_encoders.TryTake(out var backend)) backend = new CpuBackend(_device);
                var encoded = EncodeOn(backend, features, frames);
                WhisperModel.Remember(encoded, State.Audio, slot, _model / "decoder", Config);
                backend.FreeTemporaries();
                _encoders.Add(backend);
                _encodeTime.Add(started);
            }
            finally
            {
                _encoding.Release();
            }
            return new CpuEncodedAudio(this, slot, frames / 2);
        }
        catch
        {
            Slots.Return([slot]);
            throw;
        }
    }

    /// <summary>The encoder's output itself, (frames / 2, DModel), for inspection and tests.</summary>
    public float[] EncodeToArray(ReadOnlySpan<float> features, int frames)
    {
        using var backend = new CpuBackend(_device);
        return CpuBackend.Read(EncodeOn(backend, features, frames)).ToArray();
    }

    public override WhisperDecoder CreateDecoder(EncodedAudio audio, int rows, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        var window = audio as CpuEncodedAudio ?? throw new ModelException($"Audio encoded by {audio?.GetType().Name ?? "nothing"} cannot be decoded by {nameof(CpuWhisperRuntime)}.");
        return new CpuWhisperDecoder(this, window, Rows.Take(rows, cancellationToken));
    }

    /// <summary>Runs one sequence through the decoder with nothing else in the step, its cross-attention observed.</summary>
    internal void Observe(StepRequest request, AlignmentProbe probe, Action read) => Scheduler.Alone(() =>
    {
        State.Probe = probe;
        try
        {
            Execute([request]);
            read();
        }
        finally
        {
            State.Probe = null;
        }
    });

    protected override void Dispose(bool disposing)
    {
        if (_disposed || !disposing) return;
        _disposed = true;
        State.Dispose();
        _decoder.Dispose();
        foreach (var encoder in _encoders) encoder.Dispose();
        _encoding.Dispose();
        _device.Unload(_root);
        if (_ownsDevice) _device.Dispose();
        base.Dispose(disposing);
    }

    // A place in memory for a window, when one is free.
    int Queue(CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _waiting) > _mostWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            throw new ModelException($"{_mostWaiting} windows are waiting to be encoded already, as many as this model was opened for; try again later, or open it with a larger {nameof(RuntimeLimits)}.{nameof(RuntimeLimits.Waiting)}.");
        }
        try
        {
            return Slots.Take(1, cancellationToken)[0];
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    Tensor EncodeOn(CpuBackend backend, ReadOnlySpan<float> features, int frames)
    {
        backend.FreeTemporaries();
        return WhisperModel.Encode(backend.Input(features, new Shape(1, frames, Config.NumMelBins)), _model / "encoder", Config);
    }

    void Execute(List<StepRequest> batch)
    {
        long started = Stopwatch.GetTimestamp();
        _tokens.Clear();
        _positions.Clear();
        _wanted.Clear();
        State.Layout.Clear();
        foreach (var request in batch)
        {
            foreach (var (row, position, token, logits) in request.Tokens)
            {
                if (logits) _wanted.Add(_tokens.Count);
                _tokens.Add(token);
                _positions.Add(position);
                State.Layout.Add(row, position, request.Slot);
            }
        }
        _decoder.FreeTemporaries();
        var shape = new Shape(_tokens.Count);
        var tokens = _decoder.Indices(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens), shape);
        var positions = _decoder.Indices(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_positions), shape);
        var hidden = WhisperModel.Decode(tokens, positions, State, _model / "decoder", Config);
        if (_wanted.Count == 0)
        {
            _stepTime.Add(started);
            return;
        }
        if (_wanted.Count < _tokens.Count) hidden = hidden.SelectRows(_decoder.Indices(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_wanted), new Shape(_wanted.Count)));
        HandOut(CpuBackend.Read(WhisperModel.Logits(hidden, _root, _model / "decoder", Config)), batch);
        _stepTime.Add(started);
    }

    void HandOut(ReadOnlySpan<float> logits, List<StepRequest> batch)
    {
        foreach (var request in batch)
        {
            int count = request.LogitRows * Config.VocabSize;
            if (request.Logits.Length < count) request.Logits = new float[count];
            logits[..count].CopyTo(request.Logits);
            logits = logits[count..];
        }
    }
}

/// <summary>A slot of the runtime's attention memory.</summary>
internal sealed class CpuEncodedAudio(CpuWhisperRuntime runtime, int slot, int positions) : EncodedAudio
{
    bool _disposed;

    public int Slot => _disposed ? throw new ObjectDisposedException(nameof(EncodedAudio)) : slot;

    public override int Positions => positions;

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        runtime.Slots.Return([slot]);
        base.Dispose(disposing);
    }
}
