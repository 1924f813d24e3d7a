using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

// Convolutions as products of gathered rows, or where each channel is by itself directly.
public sealed unsafe partial class CpuBackend
{
    public override Tensor Convolve(Tensor x, Parameter weight, Parameter? bias, Convolution convolution)
    {
        RequireGroups(weight, x, convolution.Groups);
        int frames = convolution.Frames(x.Shape[1], weight);
        if (convolution.Reflect && convolution.Dilation > 1)
        {
            throw new ModelException($"{weight.Name}: a dilated convolution over reflected frames is not known.");
        }
        var weights = new LinearWeights(weight, bias);
        var y = New(new Shape(x.Shape[0], frames, weight.Shape[0]));
        var mark = Mark();
        if (convolution.Groups > 1) ConvolveGroups(x, weights, convolution, y);
        else if (convolution.Dilation > 1) Convolve(Patches(Cast(x), weight, convolution, frames), weights, convolution.Activation, y);
        else ConvolveWindows(x, weights, convolution, y);
        Free(mark);
        return y;
    }

    public override Tensor Convolve2d(Tensor x, Parameter weight, Parameter? bias, Convolution2d convolution)
    {
        RequireGroups(weight, x, convolution.Groups);
        var shape = convolution.Output(x.Shape, weight);
        var y = New(shape);
        var mark = Mark();
        var patches = new PatchRows
        {
            X = Cast(x).Floats,
            Height = x.Shape[1],
            Width = x.Shape[2],
            Size = x.Shape[3],
            KernelHeight = weight.Shape[2],
            KernelWidth = weight.Shape[3],
            StrideHeight = convolution.StrideHeight,
            StrideWidth = convolution.StrideWidth,
            PadHeight = convolution.PadHeight,
            PadWidth = convolution.PadWidth,
            DilationHeight = 1,
            OutputHeight = shape[1],
            OutputWidth = shape[2],
        };
        var weights = new LinearWeights(weight, bias);
        if (convolution.Groups == 1) Convolve(patches, weights, convolution.Activation, y);
        else if (IsDepthwise(weight, convolution.Groups)) ConvolveDepthwise(patches, weights, convolution.Activation, y);
        else ConvolveGroups(patches, weights, (convolution.Groups, x.Shape[0]), convolution.Activation, y);
        Free(mark);
        return y;
    }

    /// <summary>One product gives what each frame adds at each tap; each output then gathers what falls on it.</summary>
    public override Tensor ConvolveTransposed(Tensor x, Parameter weight, Parameter? bias, ConvolutionTransposed convolution)
    {
        Require(x.Shape.Rank == 3 && x.Shape[2] == weight.Shape[0], weight, x);
        var packed = _device.TransposedConvolutionMatrix(weight);
        var y = New(new Shape(x.Shape[0], convolution.Frames(x.Shape[1], weight), weight.Shape[1]));
        var mark = Mark();
        float* taps = New(x.Shape.WithLast(packed.Outputs)).Floats;
        var call = Call(x);
        call.Add(Target(packed, null, taps));
        MatrixProduct.Run(_device.Workers, call);
        TapSums.Run(_device.Workers, new TapSumCall
        {
            Taps = taps,
            Time = x.Shape[1],
            Kernel = weight.Shape[2],
            Size = weight.Shape[1],
            Outputs = y.Shape[1],
            Convolution = convolution,
            Bias = bias is null ? null : CpuDevice.Vector(bias).Pointer,
            Y = y.Floats,
        }, x.Shape[0]);
        Free(mark);
        return y;
    }

    // Neighbouring frames are neighbours in memory: a row of the product is a window that moves by the stride.
    void ConvolveWindows(Tensor x, in LinearWeights weights, Convolution convolution, CpuTensor y)
    {
        var packed = _device.ConvolutionMatrix(weights.Weight);
        var (batch, time, size) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        int padded = time + convolution.PadLeft + convolution.PadRight, outputs = y.Shape[1];
        var input = Cast(x);
        var frames = padded == time ? input : New(new Shape(batch, padded, size));
        for (int b = 0; b < batch; b++)
        {
            if (padded > time)
            {
                Pad(_device.Workers, input.Values.Slice(b * time * size, time * size), size, convolution, frames.Values.Slice(
                    b * padded * size, padded * size));
            }
            var call = new LinearCall
            {
                X = frames.Floats + (long)b * padded * size,
                XStride = (nint)convolution.Stride * size,
                Rows = outputs,
                Activation = convolution.Activation,
                Precision = RowPrecision,
            };
            call.Add(Target(packed, weights.Bias, y.Floats + (long)b * outputs * packed.Outputs));
            MatrixProduct.Run(_device.Workers, call);
        }
    }

    void Convolve(PatchRows patches, in LinearWeights weights, Activation activation, CpuTensor y)
    {
        var call = new LinearCall { Patches = &patches, Rows = (int)y.Shape.Rows, Activation = activation, Precision = RowPrecision };
        call.Add(Target(_device.ConvolutionMatrix(weights.Weight), weights.Bias, y.Floats));
        MatrixProduct.Run(_device.Workers, call);
    }

    void ConvolveGroups(Tensor x, in LinearWeights weights, Convolution convolution, CpuTensor y)
    {
        var input = Cast(x);
        int groups = convolution.Groups, batch = x.Shape[0], outputs = y.Shape[1];
        if (convolution.Reflect)
        {
            input = Padded(input, convolution);
            convolution = convolution with { PadLeft = 0, PadRight = 0 };
        }
        var patches = Patches(input, weights.Weight, convolution, outputs);
        if (IsDepthwise(weights.Weight, groups))
        {
            ConvolveDepthwise(patches, weights, convolution.Activation, y);
            return;
        }
        if (convolution.Dilation > 1)
        {
            ConvolveGroups(patches, weights, (groups, batch), convolution.Activation, y);
            return;
        }
        // A group's channels side by side, with the padding: windows of one group overlap, and are read where they are.
        int size = weights.Weight.Shape[1], time = input.Shape[1], padded = time + convolution.PadLeft + convolution.PadRight;
        float* frames = New(new Shape(padded, size)).Floats;
        new Span<float>(frames, padded * size).Clear();
        for (int b = 0; b < batch; b++)
        {
            for (int g = 0; g < groups; g++)
            {
                Movement.Copy(_device.Workers, GroupOf(input, b * time, time, (g, size), frames + (nint)convolution.PadLeft * size));
                var call = new LinearCall
                {
                    X = frames,
                    XStride = (nint)convolution.Stride * size,
                    Rows = outputs,
                    Activation = convolution.Activation,
                    Precision = RowPrecision,
                };
                call.Add(GroupTarget(weights, (g, groups), y, b * outputs));
                MatrixProduct.Run(_device.Workers, call);
            }
        }
    }

    void ConvolveGroups(PatchRows patches, in LinearWeights weights, (int Groups, int Batch) count, Activation activation, CpuTensor y)
    {
        int size = weights.Weight.Shape[1], rows = count.Batch * patches.Height * patches.Width;
        var input = new Frames { X = patches.X, Time = rows, Size = patches.Size };
        float* channels = New(new Shape(rows, size)).Floats;
        patches.X = channels;
        patches.Size = size;
        for (int g = 0; g < count.Groups; g++)
        {
            Movement.Copy(_device.Workers, new CopyCall
            {
                X = input.X + (nint)g * size,
                XStride = input.Size,
                Y = channels,
                YStride = size,
                Rows = rows,
                Size = size,
            });
            var call = new LinearCall { Patches = &patches, Rows = (int)y.Shape.Rows, Activation = activation, Precision = RowPrecision };
            call.Add(GroupTarget(weights, (g, count.Groups), y, 0));
            MatrixProduct.Run(_device.Workers, call);
        }
    }

    void ConvolveDepthwise(in PatchRows patches, in LinearWeights weights, Activation activation, CpuTensor y) =>
        Depthwise.Run(_device.Workers, new DepthwiseCall
        {
            Patches = patches,
            Weight = CpuDevice.DepthwiseWeights(weights.Weight).Pointer,
            Bias = weights.Bias is null ? null : CpuDevice.Vector(weights.Bias).Pointer,
            Activation = activation,
            Y = y.Floats,
            Rows = (int)y.Shape.Rows,
        });

    LinearTarget GroupTarget(in LinearWeights weights, (int Index, int Count) group, CpuTensor y, int firstRow)
    {
        var packed = _device.GroupMatrices(weights.Weight, group.Count)[group.Index];
        int first = group.Index * packed.Outputs;
        return new LinearTarget
        {
            Weights = packed,
            Bias = weights.Bias is null ? null : CpuDevice.Vector(weights.Bias).Pointer + first,
            Y = y.Floats + (nint)firstRow * y.Size + first,
            YStride = y.Size,
        };
    }

    CpuTensor Padded(CpuTensor x, Convolution convolution)
    {
        var (batch, time, size) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        int padded = time + convolution.PadLeft + convolution.PadRight;
        var frames = New(new Shape(batch, padded, size));
        for (int b = 0; b < batch; b++)
        {
            Pad(_device.Workers, x.Values.Slice(b * time * size, time * size), size, convolution, frames.Values.Slice(
                b * padded * size, padded * size));
        }
        return frames;
    }

    static CopyCall GroupOf(CpuTensor x, int firstRow, int rows, (int Index, int Size) group, float* destination) => new()
    {
        X = x.Floats + (nint)firstRow * x.Size + (nint)group.Index * group.Size,
        XStride = x.Size,
        Y = destination,
        YStride = group.Size,
        Rows = rows,
        Size = group.Size,
    };

    // Zeros around the frames and gaps between those that the kernel reads.
    static PatchRows Patches(CpuTensor x, Parameter weight, Convolution convolution, int outputs) => new()
    {
        X = x.Floats,
        Height = x.Shape[1],
        Width = 1,
        Size = x.Shape[2],
        KernelHeight = weight.Shape[2],
        KernelWidth = 1,
        StrideHeight = convolution.Stride,
        StrideWidth = 1,
        PadHeight = convolution.PadLeft,
        DilationHeight = convolution.Dilation,
        OutputHeight = outputs,
        OutputWidth = 1,
    };

    static bool IsDepthwise(Parameter weight, int groups) => weight.Shape[1] == 1 && weight.Shape[0] == groups;

    static void RequireGroups(Parameter weight, Tensor x, int groups)
    {
        Require(x.Shape.Rank == weight.Shape.Rank && groups >= 1 && x.Shape[^1] == (long)weight.Shape[1] * groups, weight, x);
        if (weight.Shape[0] % groups != 0)
        {
            throw new ModelException($"{weight.Name}: {weight.Shape[0]} outputs cannot be cut into {groups} groups.");
        }
    }

    static void Pad(WorkerPool pool, ReadOnlySpan<float> frames, int size, Convolution convolution, Span<float> padded)
    {
        int time = frames.Length / size, left = convolution.PadLeft;
        Elementwise.Copy(pool, frames, padded[(left * size)..]);
        for (int i = 0; i < left; i++) Fill(padded.Slice(i * size, size), frames, convolution.Reflect ? left - i : -1, size);
        for (int i = 0; i < convolution.PadRight; i++)
        {
            Fill(padded.Slice((left + time + i) * size, size), frames, convolution.Reflect ? time - 2 - i : -1, size);
        }
    }

    static void Fill(Span<float> frame, ReadOnlySpan<float> frames, int source, int size)
    {
        if (source < 0) frame.Clear();
        else frames.Slice(source * size, size).CopyTo(frame);
    }
}
