using System.Diagnostics;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// A transducer on the CPU backend: one stretch of sound at a time, in order of arrival; between its steps others' decoding steps pass.
/// </summary>
internal sealed class CpuTransducerRuntime(ModelParts parts, Scope root, CpuDevice device) : TransducerRuntime(parts), IDisposable
{
    public Scope Root => root;

    // However a recording is cut: a position's bits are its own.
    public CpuBackend Backend { get; } = new(device) { RowPrecision = RowPrecision.Step };

    public StageTimer Time { get; } = new();

    public override TransducerStream Begin() => new CpuTransducerStream(this);

    public void Dispose() => Backend.Dispose();

    /// <summary>Does something in its turn, with temporaries of its own.</summary>
    public Task RunAsync(Action work, CancellationToken cancellationToken) => device.RunAsync(Backend, () =>
    {
        long started = Stopwatch.GetTimestamp();
        Backend.FreeTemporaries();
        work();
        Time.Add(started);
    }, cancellationToken);
}

/// <summary>The predictor's states of one recording.</summary>
internal sealed class CpuTransducerStream(CpuTransducerRuntime runtime) : TransducerStream(runtime.Shape), ITransducerSteps
{
    // Most positions are blank, after which the text is the same: the joiner's weights are read once for several positions.
    const int JoinedAtOnce = 4;

    readonly RecurrentState[] _states = runtime.Shape.CreateStates(runtime.Backend, rows: 1);
    readonly float[] _predicted = new float[runtime.Shape.Width];
    readonly CpuBackend _backend = runtime.Backend;
    bool _isStarted;
    Tensor? _encoded;
    Tensor? _logits;
    int _first;
    int _joined;
    ArenaMark _mark;

    ReadOnlySpan<float> ITransducerSteps.Logits(int position)
    {
        if (position < _first || position >= _first + _joined) Join(position);
        return CpuBackend.Read(_logits!).Slice((position - _first) * Shape.Outputs, Shape.Outputs);
    }

    void ITransducerSteps.Say(int token) => Say(token);

    protected override async ValueTask RunSayAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken) =>
        await runtime.RunAsync(() =>
        {
            Start();
            foreach (int token in tokens.Span) Say(token);
        }, cancellationToken).ConfigureAwait(false);

    protected override async ValueTask RunDecodeAsync(
        ReadOnlyMemory<float> encoded, int positions, List<TransducerToken> tokens, CancellationToken cancellationToken) =>
        await runtime.RunAsync(() =>
        {
            _encoded = runtime.Transducer.ProjectEncoded(
                _backend.Input(encoded.Span, new Shape(positions, Shape.EncodedWidth)), runtime.Root);
            Start();
            Walk(positions, this, tokens);
        }, cancellationToken).ConfigureAwait(false);

    protected override void Dispose(bool disposing)
    {
        foreach (var state in _states) state.Dispose();
        base.Dispose(disposing);
    }

    void Start()
    {
        _mark = _backend.Mark();
        _joined = 0;
        if (!_isStarted) Say(Shape.Blank);
        _isStarted = true;
    }

    void Say(int token)
    {
        Pass();
        _joined = 0;
        var predicted = runtime.Transducer.Predict(_backend.Indices([token], new Shape(1)), _states, runtime.Root);
        CpuBackend.Read(predicted).CopyTo(_predicted);
    }

    void Join(int position)
    {
        Pass();
        (_first, _joined) = (position, Math.Min(JoinedAtOnce, _encoded!.Shape[0] - position));
        var predicted = _backend.Input(_predicted, new Shape(1, Shape.Width));
        _logits = runtime.Transducer.Join(_encoded.Slice(0, position..(position + _joined)), predicted, runtime.Root);
    }

    // What was computed for the last step is not needed any more; others' steps may pass, and whoever waits may have given up.
    void Pass()
    {
        _backend.Free(_mark);
        _backend.BetweenLayers?.Invoke();
    }
}
