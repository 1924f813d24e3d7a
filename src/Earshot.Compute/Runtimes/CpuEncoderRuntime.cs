using System.Diagnostics;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>An encoder on the CPU backend: one window at a time, in order of arrival.</summary>
internal sealed class CpuEncoderRuntime : EncoderRuntime, IDisposable
{
    readonly ModelParts _parts;
    readonly Scope _root;
    readonly CpuDevice _device;
    readonly PlacePool _windows;
    readonly CpuDecoderRuntime? _memory;
    readonly CpuBackend _backend;
    readonly bool _ownsBackend;

    // Rows of a block of a long recording, and how many values of their width they take on their way through a layer.
    const int RowsOfBlock = 2048, ValuesOfBlock = 12;

    // Positions of a head's output that are made at a time.
    const int PositionsAtOnce = 2048;

    public CpuEncoderRuntime(ModelParts parts, Scope root, CpuDevice device, PlacePool windows, CpuDecoderRuntime? memory) : base(parts)
    {
        (_parts, _root, _device, _windows, _memory) = (parts, root, device, windows, memory);
        (_backend, _ownsBackend, Time) = (new CpuBackend(device), true, new StageTimer());
    }

    /// <summary>Another model's, on the same device with the same places, temporaries and clock.</summary>
    public CpuEncoderRuntime(ModelParts parts, Scope root, CpuEncoderRuntime shared) : base(parts)
    {
        (_parts, _root, _device, _windows) = (parts, root, shared._device, shared._windows);
        (_backend, Time) = (shared._backend, shared.Time);
    }

    public StageTimer Time { get; }

    /// <summary>Bytes that a long recording may take.</summary>
    public long LongBytes { get; init; }

    /// <summary>By its features, its positions and what comes of them, and a block on its way through a layer.</summary>
    public override int LongFrames
    {
        get
        {
            if (!Shape.HearsLong || _memory is not null) return 0;
            long fixedBytes = (long)RowsOfBlock * ValuesOfBlock * Shape.Width * sizeof(float);
            double perFrame = sizeof(float) * (Shape.InputSize
                + ((Shape.Width + (double)ValueWidth) * _parts.Encoder!.PositionsOf(Shape.MostFrames) / Shape.MostFrames));
            return (int)Math.Clamp((LongBytes - fixedBytes) / perFrame, 0, Shape.MostFrames);
        }
    }

    /// <summary>Windows that wait for a place in memory.</summary>
    public int Waiting => _windows.Waiting;

    public void Dispose()
    {
        if (_ownsBackend) _backend.Dispose();
    }

    protected override async ValueTask<EncodedAudio> RunAsync(
        ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken)
    {
        var place = await _windows.TakeAsync(1, cancellationToken).ConfigureAwait(false);
        bool kept = false;
        try
        {
            if (_memory is null)
            {
                var values = await EncodeAsync(features, frames, Finish, cancellationToken).ConfigureAwait(false);
                return new EncodedValues(values, PositionsOf(frames));
            }
            await EncodeAsync(features, frames, encoded => Store(encoded, place[0]), cancellationToken).ConfigureAwait(false);
            kept = true;
            return new CpuEncodedAudio(_windows, _memory, place[0], PositionsOf(frames));
        }
        finally
        {
            if (!kept) _windows.Return(place);
        }
    }

    protected override ValueTask<float[]> RunToArrayAsync(
        ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken) =>
        EncodeAsync(features, frames, encoded => CpuBackend.Read(encoded).ToArray(), cancellationToken);

    /// <summary>Encodes, and keeps what comes of it in a slot of the decoder's memory or gives it back.</summary>
    async ValueTask<float[]> EncodeAsync(
        ReadOnlyMemory<float> features, int frames, Func<Tensor, float[]> keep, CancellationToken cancellationToken)
    {
        float[] values = [];
        var encoder = _parts.Encoder!;
        await _device.RunAsync(_backend, () =>
        {
            long started = Stopwatch.GetTimestamp();
            _backend.FreeTemporaries();
            // Those of an hour are not copied.
            using var pinned = features.Pin();
            values = keep(encoder.Encode(_backend.Borrow(pinned, new Shape(1, frames, encoder.Shape.InputSize)), _root));
            Time.Add(started);
        }, cancellationToken).ConfigureAwait(false);
        return values;
    }

    /// <summary>What comes of the encoder's output; a head's, of which each position has its own, some positions at a time.</summary>
    float[] Finish(Tensor encoded)
    {
        int positions = encoded.Shape[1];
        if (_parts.Ctc is null || _parts.Transducer is not null || positions <= 2 * PositionsAtOnce)
            return CpuBackend.Read(_parts.Finish(encoded, _root)).ToArray();
        var values = new float[(long)positions * ValueWidth];
        for (int first = 0; first < positions; first += PositionsAtOnce)
        {
            var mark = _backend.Mark();
            var some = encoded.Slice(1, first..Math.Min(positions, first + PositionsAtOnce));
            CpuBackend.Read(_parts.Finish(some, _root)).CopyTo(values.AsSpan(first * ValueWidth));
            _backend.Free(mark);
            _backend.BetweenLayers?.Invoke();
        }
        return values;
    }

    float[] Store(Tensor encoded, int slot)
    {
        _memory!.Store(encoded, slot);
        return [];
    }
}

/// <summary>A slot of the decoder's memory.</summary>
internal sealed class CpuEncodedAudio(PlacePool windows, CpuDecoderRuntime owner, int slot, int positions) : EncodedAudio
{
    bool _disposed;

    public int Slot => _disposed ? throw new ObjectDisposedException(nameof(EncodedAudio)) : slot;

    public CpuDecoderRuntime Owner => owner;

    public override int Positions => positions;

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        windows.Return([slot]);
        base.Dispose(disposing);
    }
}
