using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>A transducer's graphs bound to one recording, and what the predictor carries.</summary>
/// <param name="IsOnCpu">Whether they run on the processor: what is on a device gets a copy when it is bound.</param>
internal sealed record TransducerBindings(OnnxIoBinding Predictor, OnnxIoBinding Joiner, CarriedStates States, bool IsOnCpu) : IDisposable
{
    public void Dispose()
    {
        States.Dispose();
        Joiner.Dispose();
        Predictor.Dispose();
    }
}

/// <summary>
/// Steps of one recording: a run of the predictor for each token, whose output stays where it runs, and a run of the joiner for several
/// positions.
/// </summary>
internal sealed class OnnxTransducerSteps : TransducerSteps, IDisposable
{
    readonly TransducerBindings _bound;
    readonly long[] _token = new long[1];
    readonly OnnxValue _tokenValue;
    OnnxValue? _encoded;
    OnnxValue? _logits;
    ReadOnlyMemory<float> _sound;
    CancellationToken _cancellation;

    public OnnxTransducerSteps(TransducerShape shape, TransducerBindings bound) : base(shape)
    {
        _bound = bound;
        _tokenValue = OnnxValue.FromMemory<long>(_token, 1);
        bound.Predictor.BindInput(GraphNames.InputIds, _tokenValue);
    }

    /// <summary>Before a stretch of encoded sound, (positions, encoder's width), or before tokens are told.</summary>
    public void Begin(ReadOnlyMemory<float> encoded, int positions, CancellationToken cancellationToken)
    {
        (_sound, _cancellation) = (encoded, cancellationToken);
        Start(positions);
    }

    public void Dispose()
    {
        _bound.Dispose();
        _tokenValue.Dispose();
        _encoded?.Dispose();
        _logits?.Dispose();
    }

    protected override void Predict(int token)
    {
        _token[0] = token;
        if (!_bound.IsOnCpu) _bound.Predictor.BindInput(GraphNames.InputIds, _tokenValue);
        _bound.Predictor.Run(cancellationToken: _cancellation);
        _bound.Joiner.BindInput(GraphNames.Predicted, _bound.States.Advance()); // (1, width), for all positions
    }

    protected override void Join(int first, int count)
    {
        int width = Shape.EncodedWidth;
        bool made = ReusedValue.Make(ref _encoded, OnnxElementType.Float32, [count, width]);
        _sound.Span.Slice(first * width, count * width).CopyTo(_encoded!.Span<float>());
        if (made || !_bound.IsOnCpu) _bound.Joiner.BindInput(GraphNames.Encoded, _encoded);
        if (ReusedValue.Make(ref _logits, OnnxElementType.Float32, [count, Shape.Outputs]))
            _bound.Joiner.BindOutput(GraphNames.Logits, _logits!);
        _bound.Joiner.Run(cancellationToken: _cancellation);
    }

    protected override ReadOnlySpan<float> Joined() => _logits!.Span<float>();
}
