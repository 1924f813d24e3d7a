using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

/// <summary>An edge of the graph that is being recorded, with a shape as it would be for the example sizes of the graph's inputs.</summary>
public sealed class OnnxTensor : Tensor
{
    readonly OnnxBackend _backend;
    GraphValue? _value;

    internal OnnxTensor(OnnxBackend backend, Shape shape, string path)
    {
        _backend = backend;
        Shape = shape;
        Path = path;
    }

    public override Backend Backend => _backend;

    public override Shape Shape { get; }

    public override DType Type => IsIndex ? DType.I64 : DType.F32;

    /// <summary>The edge; what is still to be done to it is recorded when it is first asked for.</summary>
    public GraphValue Value => _value ??= _backend.Finish(this);

    /// <summary>The scope of the parameter that it was made with, which names the nodes that follow.</summary>
    internal string Path { get; }

    internal bool IsIndex { get; init; }

    /// <summary>A product whose epilogue is not recorded yet, so that what reads it can take the epilogue over.</summary>
    internal UnfinishedProduct? Unfinished { get; init; }

    /// <summary>The same elements as (batch, size, time), as convolutions read and make them.</summary>
    internal GraphValue? ChannelMajor { get; set; }

    /// <summary>The elements as uint8 with scale and zero point, once a product asked for them.</summary>
    internal IReadOnlyList<GraphValue>? Quantized { get; set; }

    internal bool IsFinished => _value is not null;

    internal OnnxTensor With(GraphValue value)
    {
        _value = value;
        return this;
    }
}

/// <summary>A product before bias, activation and residual.</summary>
sealed record UnfinishedProduct(GraphValue Product, Parameter? Bias, Activation Activation, OnnxTensor? Residual)
{
    /// <summary>Whether only a bias, or nothing, is still to be added.</summary>
    public bool IsLinear => Activation == Activation.None && Residual is null;
}
