using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Convolutions, which ONNX has with channels before positions.
public sealed partial class OnnxBackend
{
    public override Tensor Convolve(Tensor x, Parameter weight, Parameter? bias, Convolution convolution)
    {
        var input = Unwrap(x);
        var path = Parent(weight.Name);
        int frames = convolution.Frames(x.Shape[1], weight);
        var signal = input.ChannelMajor ??= Node(path, "Transpose", [input.Value], ("perm", new long[] { 0, 2, 1 }));
        var pads = new long[] { convolution.PadLeft, convolution.PadRight };
        if (convolution.Reflect)
        {
            signal = Node(path, "Pad", [signal, Ints(0, 0, pads[0], 0, 0, pads[1])], ("mode", "reflect"));
            pads = [0, 0];
        }
        var filters = Initializer(weight.Name, _weights.Plain(weight, ComputeType));
        var attributes = new List<(string, OnnxAttribute)>
        {
            ("kernel_shape", new long[] { weight.Shape[2] }), ("strides", new long[] { convolution.Stride }), ("pads", pads),
            ("group", (long)convolution.Groups),
        };
        if (convolution.Dilation > 1) attributes.Add(("dilations", new long[] { convolution.Dilation }));
        var y = Node(path, "Conv", bias is null ? [signal, filters] : [signal, filters, Vector(bias)], [.. attributes]);
        var result = New(new Shape(x.Shape[0], frames, weight.Shape[0]), path);
        result.ChannelMajor = Activated(path, y, convolution.Activation);
        return result;
    }

    public override Tensor Convolve2d(Tensor x, Parameter weight, Parameter? bias, Convolution2d convolution)
    {
        var path = Parent(weight.Name);
        var image = Node(path, "Transpose", [Unwrap(x).Value], ("perm", new long[] { 0, 3, 1, 2 }));
        var filters = Initializer(weight.Name, _weights.Plain(weight, ComputeType));
        long padHeight = convolution.PadHeight, padWidth = convolution.PadWidth;
        var y = Node(path, "Conv", bias is null ? [image, filters] : [image, filters, Vector(bias)],
            ("kernel_shape", new long[] { weight.Shape[2], weight.Shape[3] }),
            ("strides", new long[] { convolution.StrideHeight, convolution.StrideWidth }),
            ("pads", new[] { padHeight, padWidth, padHeight, padWidth }), ("group", (long)convolution.Groups));
        y = Node(path, "Transpose", [Activated(path, y, convolution.Activation)], ("perm", new long[] { 0, 2, 3, 1 }));
        return New(convolution.Output(x.Shape, weight), path).With(y);
    }

    public override Tensor ConvolveTransposed(Tensor x, Parameter weight, Parameter? bias, ConvolutionTransposed convolution)
    {
        var path = Parent(weight.Name);
        var signal = ChannelMajorOf(Unwrap(x));
        var filters = Initializer(weight.Name, _weights.Plain(weight, ComputeType));
        var y = Node(path, "ConvTranspose", bias is null ? [signal, filters] : [signal, filters, Vector(bias)],
            ("kernel_shape", new long[] { weight.Shape[2] }), ("strides", new long[] { convolution.Stride }),
            ("pads", new long[] { convolution.Padding, convolution.Padding }),
            ("output_padding", new long[] { convolution.OutputPadding }));
        return ChannelMajor(new Shape(x.Shape[0], convolution.Frames(x.Shape[1], weight), weight.Shape[1]), path, Activated(
            path, y, convolution.Activation));
    }
}
