using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// Streams of sound on the CPU backend. Chunks of different streams that wait when the device is free are encoded as one batch, so that the
/// weights are read once for all; each stream gets what it would get alone.
/// </summary>
internal sealed class CpuStreamingEncoderRuntime : StreamingEncoderRuntime, IDisposable
{
    readonly ModelParts _parts;
    readonly IStreamingEncoder _encoder;
    readonly Scope _root;
    readonly CpuDevice _device;
    readonly CpuBackend _backend;
    readonly EncoderState _state;
    readonly PlacePool _places;
    readonly Lock _gate = new();
    readonly List<Chunk> _waiting = [];
    bool _scheduled;

    public CpuStreamingEncoderRuntime(ModelParts parts, Scope root, CpuDevice device, RuntimeLimits limits) : base(parts)
    {
        (_parts, _encoder, _root, _device) = (parts, (IStreamingEncoder)parts.Encoder!, root, device);
        // However many streams come together: a row's bits are those of its stream alone.
        _backend = new CpuBackend(device) { RowPrecision = RowPrecision.Sequence };
        _state = _encoder.CreateState(_backend, limits.Rows);
        _places = new PlacePool(limits.Rows, limits.Waiting, "streams at once");
    }

    public override async ValueTask<EncoderStream> BeginAsync(CancellationToken cancellationToken = default)
    {
        int[] place = await _places.TakeAsync(1, cancellationToken).ConfigureAwait(false);
        return new CpuStream(this, place[0]);
    }

    public void Dispose()
    {
        _state.Dispose();
        _backend.Dispose();
    }

    async ValueTask<float[]> EncodeAsync(Chunk chunk, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool schedules;
        lock (_gate)
        {
            _waiting.Add(chunk);
            schedules = !_scheduled;
            _scheduled = true;
        }
        // One job takes all that wait when its turn comes.
        if (schedules) _ = _device.RunAsync(_backend, EncodeWaiting, CancellationToken.None);
        return await chunk.Values.Task.ConfigureAwait(false);
    }

    void EncodeWaiting()
    {
        Chunk[] batch;
        lock (_gate)
        {
            batch = [.. _waiting];
            _waiting.Clear();
            _scheduled = false;
        }
        try
        {
            Encode(batch);
        }
        catch (Exception exception)
        {
            foreach (var chunk in batch)
                chunk.Values.TrySetException(new ModelException($"Encoding a chunk failed: {exception.Message}", exception));
        }
    }

    void Encode(Chunk[] batch)
    {
        int each = Stream.ChunkFrames * Shape.InputSize;
        var features = new float[batch.Length * each];
        _state.Streams.Clear();
        for (int i = 0; i < batch.Length; i++)
        {
            if (batch[i].IsFirst) _state.Reset(batch[i].Stream);
            batch[i].Features.Span.CopyTo(features.AsSpan(i * each));
            _state.Streams.Add(batch[i].Stream);
        }
        _backend.FreeTemporaries();
        var encoded = _encoder.EncodeChunk(
            _backend.Input(features, new Shape(batch.Length, Stream.ChunkFrames, Shape.InputSize)), _state, _root);
        var values = CpuBackend.Read(_parts.Finish(encoded, _root));
        int own = values.Length / batch.Length;
        for (int i = 0; i < batch.Length; i++) batch[i].Values.TrySetResult(values.Slice(i * own, own).ToArray());
    }

    sealed record Chunk(int Stream, ReadOnlyMemory<float> Features, bool IsFirst)
    {
        public TaskCompletionSource<float[]> Values { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    sealed class CpuStream(CpuStreamingEncoderRuntime runtime, int place) : EncoderStream(runtime)
    {
        bool _hasBegun;
        bool _disposed;

        protected override ValueTask<float[]> RunAsync(ReadOnlyMemory<float> features, CancellationToken cancellationToken)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var chunk = new Chunk(place, features, !_hasBegun);
            _hasBegun = true;
            return runtime.EncodeAsync(chunk, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            if (_disposed) return;
            _disposed = true;
            runtime._places.Return([place]);
            base.Dispose(disposing);
        }
    }
}
