namespace Earshot.Compute;

/// <summary>
/// A convolution over time: x (batch, time, in), weight (out, in / groups, kernel), whose taps are <paramref name="Dilation"/> frames
/// apart. Outputs and inputs are cut into as many groups, and an output reads the inputs of its own.
/// </summary>
public readonly record struct Convolution(
    int Stride = 1,
    int PadLeft = 0,
    int PadRight = 0,
    bool Reflect = false,
    Activation Activation = Activation.None,
    int Dilation = 1,
    int Groups = 1)
{
    /// <summary>Frames that come out of some frames that go in.</summary>
    /// <exception cref="ModelException">There are fewer frames than the kernel needs.</exception>
    public int Frames(int time, Parameter weight)
    {
        int kernel = weight.Shape[2], left = time + PadLeft + PadRight - (kernel - 1) * Dilation - 1;
        if (left >= 0) return left / Stride + 1;
        throw new ModelException(
            $"{weight.Name}: {time} frames are fewer than the kernel of " +
            $"{kernel}{(Dilation > 1 ? $" with dilation {Dilation}" : "")} needs.");
    }
}

/// <summary>
/// A convolution over images: x (batch, height, width, in), weight (out, in / groups, kernel height, kernel width); padding on both
/// sides, with zeros. Groups as of <see cref="Convolution"/>.
/// </summary>
public readonly record struct Convolution2d(
    int StrideHeight = 1,
    int StrideWidth = 1,
    int PadHeight = 0,
    int PadWidth = 0,
    Activation Activation = Activation.None,
    int Groups = 1)
{
    /// <summary>The shape that comes out.</summary>
    /// <exception cref="ModelException">The image is smaller than the kernel.</exception>
    public Shape Output(Shape x, Parameter weight)
    {
        int height = x[1] + 2 * PadHeight - weight.Shape[2], width = x[2] + 2 * PadWidth - weight.Shape[3];
        if (height < 0 || width < 0)
        {
            throw new ModelException($"{weight.Name}: an image of shape {x} is smaller than the kernel of {weight.Shape} needs.");
        }
        return new Shape(x[0], height / StrideHeight + 1, width / StrideWidth + 1, weight.Shape[0]);
    }
}

/// <summary>
/// What undoes a strided convolution's shape: x (batch, time, in), weight (in, out, kernel); each frame adds its kernel to the output,
/// <paramref name="Stride"/> frames after the one before. <paramref name="Padding"/> frames are cut off on both sides, and
/// <paramref name="OutputPadding"/> are added at the end.
/// </summary>
public readonly record struct ConvolutionTransposed(
    int Stride = 1,
    int Padding = 0,
    int OutputPadding = 0,
    Activation Activation = Activation.None)
{
    /// <summary>Frames that come out of some frames that go in.</summary>
    /// <exception cref="ModelException">More frames are cut off than there are.</exception>
    public int Frames(int time, Parameter weight)
    {
        int frames = (time - 1) * Stride - 2 * Padding + weight.Shape[2] + OutputPadding;
        return frames > 0 ? frames : throw new ModelException($"{weight.Name}: {time} frames less {Padding} on both sides leave none.");
    }
}
