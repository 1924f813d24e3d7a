using System.Diagnostics;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// An encoder, with what finishes its output or fills the decoder's memory, as a graph: a window at a time unless more were asked for, in
/// order of arrival.
/// </summary>
internal sealed class OnnxEncoderRuntime : EncoderRuntime, IDisposable
{
    readonly ModelGraph _graph;
    readonly RunLine _line;
    readonly PlacePool _windows;
    readonly string _finished;

    public OnnxEncoderRuntime(
        string folder, ExportManifest manifest, ModelParts parts, OnnxSessionOptions session, OnnxModelOptions options) : base(parts)
    {
        _graph = ModelGraph.Open(folder, manifest.Encoder, "an encoder", session, graph => Check(graph, parts));
        _finished = GraphNames.Finished(parts);
        _line = new RunLine("encoder", Math.Max(1, options.EncodersAtOnce), options.Limits.Waiting);
        _windows = new PlacePool(options.Limits.Windows, options.Limits.Waiting, "windows of audio at once");
    }

    /// <summary>The decoder that attends to what is encoded; null where none does.</summary>
    public OnnxDecoderRuntime? Memory { get; init; }

    public StageTimer Time { get; } = new();

    public ProviderReport Providers => _graph.Session.Providers;

    public void Dispose()
    {
        _line.Dispose();
        _graph.Dispose();
    }

    protected override async ValueTask<EncodedAudio> RunAsync(
        ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken)
    {
        if (Memory is null)
        {
            using var outputs = await EncodeAsync(features, frames, new Wanted([_finished], OnnxMemoryInfo.Cpu), cancellationToken)
                .ConfigureAwait(false);
            return new EncodedValues(Values(outputs[0], PositionsOf(frames), ValueWidth), PositionsOf(frames));
        }
        var place = await _windows.TakeAsync(1, cancellationToken).ConfigureAwait(false);
        try
        {
            var outputs = await EncodeAsync(features, frames, new Wanted(Memory.MemoryOutputs, Memory.Layout.Place), cancellationToken)
                .ConfigureAwait(false);
            return new OnnxEncodedAudio(Memory, outputs, PositionsOf(frames), _windows, place);
        }
        catch
        {
            _windows.Return(place);
            throw;
        }
    }

    protected override async ValueTask<float[]> RunToArrayAsync(
        ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken)
    {
        using var outputs = await EncodeAsync(
            features, frames, new Wanted([GraphNames.LastHiddenState], OnnxMemoryInfo.Cpu), cancellationToken).ConfigureAwait(false);
        return outputs[0].ToArray<float>();
    }

    async ValueTask<OnnxOutputs> EncodeAsync(ReadOnlyMemory<float> features, int frames, Wanted wanted, CancellationToken cancellationToken)
    {
        var request = new EncodeRequest(this, features, frames, wanted);
        // Never on the caller's thread: it takes a second.
        await _line.RunAsync(request, here: false, cancellationToken).ConfigureAwait(false);
        return request.Outputs!;
    }

    static float[] Values(OnnxValue value, int positions, int width)
    {
        if (value.Shape is [1, var made, var values] && made == positions && values == width) return value.ToArray<float>();
        throw new ModelException($"The encoder's graph gave {value}; expected (1, {positions}, {width}). Export the model again.");
    }

    void Check(ModelGraph graph, ModelParts parts)
    {
        int inputs = Shape.InputSize;
        if (inputs == 1) graph.RequireInput(GraphNames.InputValues, -1, -1);
        else graph.RequireInput(GraphNames.InputFeatures, -1, inputs, -1);
        graph.RequireOutput(GraphNames.LastHiddenState, -1, -1, Shape.Width);
        if (parts.HasMemory)
        {
            var decoder = parts.Decoder!.Shape;
            for (int layer = 0; layer < decoder.Layers; layer++)
            {
                graph.RequireOutput(
                    GraphNames.PresentKey(layer, "encoder"), -1, decoder.Heads.KeyValue, -1, decoder.Width / decoder.Heads.KeyValue);
                graph.RequireOutput(
                    GraphNames.PresentValue(layer, "encoder"), -1, decoder.Heads.KeyValue, -1, decoder.Width / decoder.Heads.KeyValue);
            }
        }
        else
        {
            graph.RequireOutput(GraphNames.Finished(parts), -1, -1, parts.FinishedWidth);
        }
    }

    /// <summary>The outputs asked for, and where they go.</summary>
    readonly record struct Wanted(IReadOnlyList<string> Outputs, OnnxMemoryInfo Place);

    sealed class EncodeRequest(OnnxEncoderRuntime runtime, ReadOnlyMemory<float> features, int frames, Wanted wanted) : RunRequest
    {
        public OnnxOutputs? Outputs { get; private set; }

        protected override void Execute(CancellationToken cancellationToken)
        {
            long started = Stopwatch.GetTimestamp();
            int inputs = runtime.Shape.InputSize;
            using var input = inputs == 1 ? OnnxValue.CopyOf(features.Span, 1, frames) : BySize(features.Span, inputs);
            using var binding = runtime._graph.Session.CreateBinding();
            binding.BindInput(GraphNames.EncoderInput(inputs), input);
            foreach (var output in wanted.Outputs) binding.BindOutput(output, wanted.Place);
            binding.Run(cancellationToken: cancellationToken);
            Outputs = binding.TakeOutputs();
            runtime.Time.Add(started);
        }

        // (frames, inputs) as (1, inputs, frames).
        OnnxValue BySize(ReadOnlySpan<float> values, int inputs)
        {
            var value = OnnxValue.Allocate(OnnxElementType.Float32, 1, inputs, frames);
            FrameOrder.BySize(values, inputs, value.Span<float>());
            return value;
        }
    }
}

/// <summary>A window's cross-attention keys and values, where the decoder runs.</summary>
internal sealed class OnnxEncodedAudio(
    OnnxDecoderRuntime owner, OnnxOutputs outputs, int positions, PlacePool windows, int[] place) : EncodedAudio
{
    bool _disposed;

    public OnnxDecoderRuntime Owner => owner;

    public override int Positions => positions;

    /// <summary>Keys and values by layer, in turn.</summary>
    public OnnxOutputs Outputs => _disposed ? throw new ObjectDisposedException(nameof(EncodedAudio)) : outputs;

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        outputs.Dispose();
        windows.Return(place);
        base.Dispose(disposing);
    }
}
