using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// Streams of sound through the graph of one chunk: a chunk at a time unless more were asked for, in order of arrival. What a stream
/// carries stays where the graph runs.
/// </summary>
internal sealed class OnnxStreamingEncoderRuntime : StreamingEncoderRuntime, IDisposable
{
    readonly ModelGraph _graph;
    readonly StatePlace _place;
    readonly CarriedLayout _carried;
    readonly PlacePool _streams;

    public OnnxStreamingEncoderRuntime(
        string folder, string file, ModelParts parts, OnnxSessionOptions session, OnnxModelOptions options) : base(parts)
    {
        var states = StatesOf((IStreamingEncoder)parts.Encoder!);
        // Where a past grows, every run has shapes of its own, for which planning memory does not pay.
        bool grows = states.Any(state => state.Sizes.Skip(1).Contains(-1));
        var opened = new Stack<IDisposable>();
        try
        {
            opened.Push(_graph = new ModelGraph(folder, file, session with { MemoryPattern = session.MemoryPattern && !grows }));
            opened.Push(_place = new StatePlace(_graph.Session));
            var (input, output) = (GraphNames.EncoderInput(Shape.InputSize), GraphNames.Finished(parts));
            ReadOnlySpan<long> chunk = Shape.InputSize == 1 ? [-1, Stream.ChunkFrames] : [-1, Shape.InputSize, Stream.ChunkFrames];
            _graph.RequireInput(input, chunk);
            _graph.RequireOutput(output, -1, parts.FinishedFrom(Stream.ChunkPositions), ValueWidth);
            opened.Push(_carried = new CarriedLayout(_graph, states, _place, (output, OnnxMemoryInfo.Cpu)));
            _graph.RequireOnlyInputs([input, .. states.Select(state => state.Past)]);
        }
        catch
        {
            foreach (var part in opened) part.Dispose();
            throw;
        }
        Line = new RunLine("streaming encoder", Math.Max(1, options.EncodersAtOnce), options.Limits.Waiting);
        _streams = new PlacePool(options.Limits.Rows, options.Limits.Waiting, "streams at once");
    }

    /// <summary>Where chunks have their turns.</summary>
    public RunLine Line { get; }

    public override async ValueTask<EncoderStream> BeginAsync(CancellationToken cancellationToken = default)
    {
        int[] place = await _streams.TakeAsync(1, cancellationToken).ConfigureAwait(false);
        try
        {
            var binding = _graph.Session.CreateBinding();
            return new OnnxEncoderStream(this, binding, new CarriedStates(binding, _carried), place);
        }
        catch
        {
            _streams.Return(place);
            throw;
        }
    }

    public void Return(int[] place) => _streams.Return(place);

    public void Dispose()
    {
        Line.Dispose();
        _carried.Dispose();
        _place.Dispose();
        _graph.Dispose();
    }

    // As the encoder asks a recording for them.
    static IReadOnlyList<CarriedTensor> StatesOf(IStreamingEncoder encoder)
    {
        var backend = new OnnxBackend("states");
        using var state = encoder.CreateState(backend, streams: 1);
        return backend.Carried;
    }
}

/// <summary>A stream's chunks, in their turns. After a chunk that was cancelled the stream is as before it.</summary>
internal sealed class OnnxEncoderStream(
    OnnxStreamingEncoderRuntime runtime, OnnxIoBinding binding, CarriedStates states, int[] place) : EncoderStream(runtime)
{
    readonly Lock _gate = new();
    OnnxValue? _sound;
    bool _isAtWork; // a chunk runs or waits
    bool _disposed;

    protected override async ValueTask<float[]> RunAsync(ReadOnlyMemory<float> features, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_isAtWork) throw new ModelException("A stream's chunk is still being encoded. Wait for it, then push the next.");
            _isAtWork = true;
        }
        var turn = new Turn(this, features);
        try
        {
            await runtime.Line.RunAsync(turn, here: false, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // Memory that is computed with is not freed.
            lock (_gate)
            {
                _isAtWork = false;
                if (_disposed) Free();
            }
        }
        return turn.Values!;
    }

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            if (!_isAtWork) Free();
        }
        runtime.Return(place);
        base.Dispose(disposing);
    }

    float[] Encode(ReadOnlySpan<float> features, CancellationToken cancellationToken)
    {
        int inputs = runtime.Shape.InputSize, frames = runtime.Stream.ChunkFrames;
        ReusedValue.Make(ref _sound, OnnxElementType.Float32, inputs == 1 ? [1, frames] : [1, inputs, frames]);
        FrameOrder.BySize(features, inputs, _sound!.Span<float>());
        binding.BindInput(GraphNames.EncoderInput(inputs), _sound);
        binding.Run(cancellationToken: cancellationToken);
        return states.Advance().ToArray<float>();
    }

    void Free()
    {
        states.Dispose();
        binding.Dispose();
        _sound?.Dispose();
    }

    sealed class Turn(OnnxEncoderStream stream, ReadOnlyMemory<float> features) : RunRequest
    {
        public float[]? Values { get; private set; }

        protected override void Execute(CancellationToken cancellationToken) => Values = stream.Encode(features.Span, cancellationToken);
    }
}
