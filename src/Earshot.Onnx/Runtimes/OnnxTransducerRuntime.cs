using System.Diagnostics;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// A transducer's predictor and joiner as graphs: one stretch of sound at a time unless more were asked for, in order of arrival. A stretch
/// is one turn, whose steps are runs; a cancellation stops the one under way.
/// </summary>
internal sealed class OnnxTransducerRuntime : TransducerRuntime, IDisposable
{
    readonly ModelGraph _predictor;
    readonly ModelGraph _joiner;
    readonly StatePlace _place;
    readonly CarriedLayout _carried;

    public OnnxTransducerRuntime(
        string folder, ExportManifest manifest, ModelParts parts, OnnxSessionOptions session, OnnxModelOptions options) : base(parts)
    {
        if (manifest is not { Predictor: { } predictor, Joiner: { } joiner })
            throw new CheckpointException($"'{folder}' was exported without a transducer, which this model has. Export it again.");
        // Positions that are joined at once differ in number, for which planning memory does not pay.
        var stepping = session with { MemoryPattern = false };
        var opened = new Stack<IDisposable>();
        try
        {
            opened.Push(_predictor = new ModelGraph(folder, predictor, stepping));
            opened.Push(_joiner = new ModelGraph(folder, joiner, stepping));
            opened.Push(_place = new StatePlace(_predictor.Session));
            Check();
            var states = ModelGraphs.PredictorStates(Shape);
            _carried = new CarriedLayout(_predictor, states, _place, (GraphNames.Predicted, _place.Info));
            opened.Push(_carried);
            _predictor.RequireOnlyInputs([GraphNames.InputIds, .. states.Select(state => state.Past)]);
        }
        catch
        {
            foreach (var part in opened) part.Dispose();
            throw;
        }
        Line = new RunLine("transducer", Math.Max(1, options.StepsAtOnce), options.Limits.Waiting);
    }

    public StageTimer Time { get; } = new();

    public ProviderReport Providers => _predictor.Session.Providers;

    /// <summary>Where stretches have their turns.</summary>
    public RunLine Line { get; }

    public override TransducerStream Begin() => new OnnxTransducerStream(this, new OnnxTransducerSteps(Shape, Bindings()));

    public void Dispose()
    {
        Line.Dispose();
        _carried.Dispose();
        _place.Dispose();
        _joiner.Dispose();
        _predictor.Dispose();
    }

    TransducerBindings Bindings()
    {
        var predictor = _predictor.Session.CreateBinding();
        return new TransducerBindings(
            predictor, _joiner.Session.CreateBinding(), new CarriedStates(predictor, _carried), _place.IsOnCpu);
    }

    void Check()
    {
        _predictor.RequireInput(GraphNames.InputIds, -1);
        _predictor.RequireOutput(GraphNames.Predicted, -1, Shape.Width);
        _joiner.RequireInput(GraphNames.Encoded, -1, Shape.EncodedWidth);
        _joiner.RequireInput(GraphNames.Predicted, -1, Shape.Width);
        _joiner.RequireOutput(GraphNames.Logits, -1, Shape.Outputs);
        _joiner.RequireOnlyInputs([GraphNames.Encoded, GraphNames.Predicted]);
    }
}

/// <summary>A recording that is written down in its turns.</summary>
internal sealed class OnnxTransducerStream : TransducerStream
{
    readonly OnnxTransducerRuntime _runtime;
    readonly OnnxTransducerSteps _steps;
    readonly Lock _gate = new();
    bool _runs;
    bool _disposed;

    public OnnxTransducerStream(OnnxTransducerRuntime runtime, OnnxTransducerSteps steps) : base(runtime.Shape) =>
        (_runtime, _steps) = (runtime, steps);

    protected override ValueTask RunSayAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken) => RunAsync(
        cancellation =>
        {
            _steps.Begin(default, positions: 0, cancellation);
            foreach (int token in tokens.Span) _steps.Say(token);
        }, cancellationToken);

    protected override ValueTask RunDecodeAsync(
        ReadOnlyMemory<float> encoded, int positions, List<TransducerToken> tokens, CancellationToken cancellationToken) => RunAsync(
        cancellation =>
        {
            _steps.Begin(encoded, positions, cancellation);
            Walk(positions, _steps, tokens);
        }, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            if (!_runs) _steps.Dispose();
        }
        base.Dispose(disposing);
    }

    // Never on the caller's thread: a stretch is many steps.
    ValueTask RunAsync(Action<CancellationToken> work, CancellationToken cancellationToken) =>
        _runtime.Line.RunAsync(new Turn(this, work), here: false, cancellationToken);

    void Run(Action<CancellationToken> work, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _runs = true;
        }
        try
        {
            long started = Stopwatch.GetTimestamp();
            work(cancellationToken);
            _runtime.Time.Add(started);
        }
        finally
        {
            // Memory that is computed with is not freed.
            lock (_gate)
            {
                _runs = false;
                if (_disposed) _steps.Dispose();
            }
        }
    }

    sealed class Turn(OnnxTransducerStream stream, Action<CancellationToken> work) : RunRequest
    {
        protected override void Execute(CancellationToken cancellationToken) => stream.Run(work, cancellationToken);
    }
}
