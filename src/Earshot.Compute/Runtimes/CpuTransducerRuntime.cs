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

/// <summary>A recording that is written down in its turns.</summary>
internal sealed class CpuTransducerStream(CpuTransducerRuntime runtime) : TransducerStream(runtime.Shape)
{
    readonly CpuTransducerSteps _steps = new(runtime);

    protected override async ValueTask RunSayAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken) =>
        await runtime.RunAsync(() =>
        {
            _steps.Begin();
            foreach (int token in tokens.Span) _steps.Say(token);
        }, cancellationToken).ConfigureAwait(false);

    protected override async ValueTask RunDecodeAsync(
        ReadOnlyMemory<float> encoded, int positions, List<TransducerToken> tokens, CancellationToken cancellationToken) =>
        await runtime.RunAsync(() =>
        {
            _steps.Begin(encoded.Span, positions);
            Walk(positions, _steps, tokens);
        }, cancellationToken).ConfigureAwait(false);

    protected override void Dispose(bool disposing)
    {
        _steps.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>The predictor's states of one recording, and what was computed last.</summary>
internal sealed class CpuTransducerSteps(CpuTransducerRuntime runtime) : TransducerSteps(runtime.Shape), IDisposable
{
    readonly RecurrentState[] _states = runtime.Shape.CreateStates(runtime.Backend, rows: 1);
    readonly float[] _predicted = new float[runtime.Shape.Width];
    readonly CpuBackend _backend = runtime.Backend;
    Tensor? _encoded;
    Tensor? _logits;
    ArenaMark _mark;

    /// <summary>Before tokens are told.</summary>
    public void Begin()
    {
        _mark = _backend.Mark();
        Start(positions: 0);
    }

    /// <summary>Before a stretch of encoded sound, (positions, encoder's width).</summary>
    public void Begin(ReadOnlySpan<float> encoded, int positions)
    {
        _encoded = runtime.Transducer.ProjectEncoded(
            _backend.Input(encoded, new Shape(positions, Shape.EncodedWidth)), runtime.Root);
        _mark = _backend.Mark();
        Start(positions);
    }

    public void Dispose()
    {
        foreach (var state in _states) state.Dispose();
    }

    protected override void Predict(int token)
    {
        Pass();
        var predicted = runtime.Transducer.Predict(_backend.Indices([token], new Shape(1)), _states, runtime.Root);
        CpuBackend.Read(predicted).CopyTo(_predicted);
    }

    protected override void Join(int first, int count)
    {
        Pass();
        var predicted = _backend.Input(_predicted, new Shape(1, Shape.Width));
        _logits = runtime.Transducer.Join(_encoded!.Slice(0, first..(first + count)), predicted, runtime.Root);
    }

    protected override ReadOnlySpan<float> Joined() => CpuBackend.Read(_logits!);

    // What was computed for the last step is not needed any more; others' steps may pass, and whoever waits may have given up.
    void Pass()
    {
        _backend.Free(_mark);
        _backend.BetweenLayers?.Invoke();
    }
}
