using Earshot.Compute;

namespace Earshot.Onnx.Recording;

// Inputs that the model sees in another form than the graph's caller.
public sealed partial class OnnxBackend
{
    /// <summary>A float32 input of samples, (batch, samples), which the model sees as (batch, samples, 1).</summary>
    public Tensor InputOfSamples(string name, Shape example, params ReadOnlySpan<OnnxDimension> shape)
    {
        var tensor = New(new Shape(example[0], example[1], 1), "");
        var samples = Cast("", _builder.Input(name, OnnxElementType.Float32, shape), ComputeType);
        tensor.ChannelMajor = Node("", "Unsqueeze", [samples, Ints(1)]);
        return tensor;
    }
}
