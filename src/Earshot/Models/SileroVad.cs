using Earshot.Compute;
using Earshot.Compute.Cpu;

namespace Earshot.Models;

/// <summary>Silero's weights on a device, packed once for all streams that share them.</summary>
public sealed class SileroWeights(ITensorStore tensors, CpuDevice device) : IDisposable
{
    /// <summary>The tensors (<c>silero_vad_16k.safetensors</c>) as the model reads them.</summary>
    internal Scope Root { get; } = new(tensors);

    internal CpuDevice Device => device;

    /// <summary>To be called when no stream uses them any more.</summary>
    public void Dispose() => device.Unload(Root);
}

/// <summary>
/// Tells how likely each 32 ms of a stream of 16 kHz samples holds speech. It remembers what came before: one instance a
/// stream. Not safe on several threads at once.
/// </summary>
public sealed class SileroVad : IDisposable
{
    // Windows whose sounds are computed together; only the recurrent step goes one by one.
    const int Batch = 64;
    const int Framed = SileroVadModel.ContextSize + SileroVadModel.WindowSize;

    readonly CpuBackend _backend;
    readonly SileroWeights _weights;
    readonly bool _ownsWeights;
    readonly RecurrentState _state;
    readonly float[] _pending = new float[Framed];
    readonly float[] _windows = new float[Batch * Framed];
    int _filled;

    /// <summary>Opens the detector over its tensors (<c>silero_vad_16k.safetensors</c>), for one stream.</summary>
    public SileroVad(ITensorStore tensors, CpuDevice device) : this(new SileroWeights(tensors, device)) => _ownsWeights = true;

    /// <summary>A stream's detector over weights that others share.</summary>
    public SileroVad(SileroWeights weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        _weights = weights;
        _backend = new CpuBackend(weights.Device);
        _state = _backend.CreateRecurrentState(1, SileroVadModel.HiddenSize);
    }

    /// <summary>Samples that one probability stands for.</summary>
    public static int WindowSize => SileroVadModel.WindowSize;

    /// <summary>Forgets the stream so far.</summary>
    public void Reset()
    {
        _state.Reset();
        Array.Clear(_pending);
        _filled = 0;
    }

    /// <summary>Takes any number of samples and adds a probability for each window that they complete.</summary>
    public void Process(ReadOnlySpan<float> samples, ICollection<float> probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        int windows = 0;
        while (!samples.IsEmpty)
        {
            int count = Math.Min(SileroVadModel.WindowSize - _filled, samples.Length);
            samples[..count].CopyTo(_pending.AsSpan(SileroVadModel.ContextSize + _filled));
            samples = samples[count..];
            _filled += count;
            if (_filled < SileroVadModel.WindowSize) break;
            TakeWindow(windows++);
            if (windows == Batch)
            {
                Decide(windows, probabilities);
                windows = 0;
            }
        }
        if (windows > 0) Decide(windows, probabilities);
    }

    /// <summary>The stream has ended: the last, incomplete window counts as if silence followed.</summary>
    public void Finish(ICollection<float> probabilities)
    {
        if (_filled > 0) Process(new float[SileroVadModel.WindowSize - _filled], probabilities);
    }

    public void Dispose()
    {
        if (_ownsWeights) _weights.Dispose();
        _state.Dispose();
        _backend.Dispose();
    }

    void TakeWindow(int index)
    {
        _pending.CopyTo(_windows.AsSpan(index * Framed));
        // The end of this window is the context of the next.
        _pending.AsSpan(SileroVadModel.WindowSize).CopyTo(_pending);
        _filled = 0;
    }

    void Decide(int windows, ICollection<float> probabilities)
    {
        _backend.FreeTemporaries();
        var samples = _backend.Input(_windows.AsSpan(0, windows * Framed), new Shape(windows, Framed, 1));
        var sounds = CpuBackend.Read(SileroVadModel.Encode(samples, _weights.Root));
        for (int i = 0; i < windows; i++)
        {
            var mark = _backend.Mark();
            var sound = _backend.Input(
                sounds.Slice(i * SileroVadModel.HiddenSize, SileroVadModel.HiddenSize), new Shape(1, SileroVadModel.HiddenSize));
            probabilities.Add(CpuBackend.Read(SileroVadModel.Decide(sound, _state, _weights.Root))[0]);
            _backend.Free(mark);
        }
    }
}
