using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

// Convolutional and recurrent networks over sequences.
public sealed unsafe partial class CpuBackend
{
    /// <summary>Outputs that a long sequence is computed in at a time.</summary>
    internal int OutputsOfBlock { get; set; } = 2048;

    public override Tensor InBlocks(Tensor x, TimeBlocks blocks, Shape outputs, Func<Tensor, Tensor> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        int time = x.Shape[1], count = outputs[1];
        if (OutputsOf(x, blocks, count) is not { } each) return function(x);
        var y = New(outputs);
        for (int first = 0, end; first < count; first = end)
        {
            end = Math.Min(count, first + each);
            var mark = Mark();
            int from = Math.Max(0, first - blocks.Halo), to = end + blocks.Halo;
            int endFrame = to >= count ? time : to * blocks.Stride;
            var block = Cast(function(Slice(x, 1, (from * blocks.Stride)..endFrame)));
            block.Values.Slice((first - from) * y.Size, (end - first) * y.Size).CopyTo(y.Values[(first * y.Size)..]);
            Free(mark);
            BetweenLayers?.Invoke();
        }
        return y;
    }

    public override Tensor UpdateInBlocks(Tensor x, TimeBlocks blocks, Func<Tensor, Tensor> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        var whole = Cast(x);
        int count = x.Shape[1], size = whole.Size, halo = blocks.Halo;
        if (OutputsOf(x, blocks, count) is not { } each) return base.UpdateInBlocks(x, blocks, function);
        var all = Mark();
        // What lies before a block, as it was before the last one took its place.
        var past = New(new Shape(1, Math.Max(1, halo), size));
        for (int first = 0, end; first < count; first = end)
        {
            end = Math.Min(count, first + each);
            var mark = Mark();
            int before = Math.Min(first, halo), to = Math.Min(count, end + halo);
            var rows = whole.Values[(first * size)..(to * size)];
            Tensor block;
            if (before == 0) block = Slice(x, 1, first..to);
            else
            {
                var copy = New(new Shape(1, before + to - first, size));
                past.Values[^(before * size)..].CopyTo(copy.Values);
                rows.CopyTo(copy.Values[(before * size)..]);
                block = copy;
            }
            var result = Cast(function(block));
            if (halo > 0 && end < count) whole.Values[((end - halo) * size)..(end * size)].CopyTo(past.Values);
            result.Values.Slice(before * size, (end - first) * size).CopyTo(rows);
            Free(mark);
            BetweenLayers?.Invoke();
        }
        Free(all);
        return x;
    }

    /// <summary>Outputs of each block; null where all are computed at once.</summary>
    int? OutputsOf(Tensor x, in TimeBlocks blocks, int count)
    {
        int most = blocks.Most > 0 ? Math.Min(OutputsOfBlock, blocks.Most) : OutputsOfBlock;
        if (x.Shape[0] != 1 || count <= 2L * most || blocks.Halo > most) return null;
        // About even, so that the last is no remainder.
        int each = (count - 1) / ((count - 1) / most + 1) + 1;
        return each + (blocks.Multiple - each % blocks.Multiple) % blocks.Multiple;
    }

    const string RecurrentUse = "recurrent";

    public override Tensor Affine(Tensor x, Parameter scale, Parameter shift, Activation activation) =>
        Place([x], scale, shift, activation);

    public override Tensor ConcatAffine(ReadOnlySpan<Tensor> parts, Parameter scale, Parameter shift, Activation activation) =>
        Place(parts, scale, shift, activation);

    public override Tensor InstanceNorm(Tensor x, NormWeights weights, float epsilon, Activation activation)
    {
        var y = New(x.Shape);
        var call = new InstanceNormCall
        {
            X = FramesOf(x),
            Weight = CpuDevice.Vector(weights.Weight).Pointer,
            Bias = CpuDevice.Vector(weights.Bias).Pointer,
            Epsilon = epsilon,
            Activation = activation,
            Y = y.Floats,
        };
        var isa = _device.Workers.Kernels.Isa;
        if (isa.Wide) _device.Workers.Run(new InstanceNormWork<Lanes512> { Call = call }, call.X.Batch);
        else if (isa.Set >= InstructionSet.Avx2) _device.Workers.Run(new InstanceNormWork<Lanes256> { Call = call }, call.X.Batch);
        else _device.Workers.Run(new InstanceNormWork<Lanes128> { Call = call }, call.X.Batch);
        return y;
    }

    public override Tensor MaxPool(Tensor x, int size)
    {
        if (size < 1 || x.Shape[1] < size) throw new ModelException($"{x.Shape[1]} frames cannot be pooled by {size}.");
        var y = New(new Shape(x.Shape[0], x.Shape[1] / size, x.Shape[2]));
        FrameOperations.MaxPool(_device.Workers, FramesOf(x), size, y.Floats);
        return y;
    }

    public override Tensor AveragePool(Tensor x, int size)
    {
        if (size < 1 || x.Shape[1] < 1) throw new ModelException($"{x.Shape[1]} frames cannot be pooled by {size}.");
        var y = New(new Shape(x.Shape[0], (x.Shape[1] + size - 1) / size, x.Shape[2]));
        FrameOperations.AveragePool(_device.Workers, FramesOf(x), size, y.Floats);
        return y;
    }

    public override Tensor RepeatFrames(Tensor x, int times, Tensor like)
    {
        int time = like.Shape[1];
        if (times < 1 || (long)x.Shape[1] * times < time)
            throw new ModelException($"{x.Shape[1]} frames, each {times} times, do not fill {time} frames.");
        var y = New(new Shape(x.Shape[0], time, x.Shape[2]));
        FrameOperations.RepeatFrames(_device.Workers, FramesOf(x), times, time, y.Floats);
        return y;
    }

    public override Tensor MeanAndDeviation(Tensor x)
    {
        if (x.Shape[1] < 2) throw new ModelException($"The deviation of {x.Shape[1]} frames is not defined; expected at least two.");
        var y = New(new Shape(x.Shape[0], 2 * x.Shape[2]));
        FrameOperations.MeanAndDeviation(_device.Workers, FramesOf(x), y.Floats);
        return y;
    }

    public override Tensor LogSoftmax(Tensor x)
    {
        var y = New(x.Shape);
        FrameOperations.LogSoftmax(_device.Workers, RowsOf(x), y.Floats);
        return y;
    }

    public override Tensor Lstm(Tensor x, LstmWeights forward, LstmWeights? backward)
    {
        Require(x.Shape[2] == forward.Input.Shape[1], forward.Input, x);
        int batch = x.Shape[0], time = x.Shape[1], size = forward.Hidden.Shape[1], ways = backward is null ? 1 : 2;
        var y = New(new Shape(batch, time, ways * size));
        var mark = Mark();
        var call = new LstmCall
        {
            Forward = Way(forward),
            Ways = ways,
            Batch = batch,
            Time = time,
            Size = size,
            X = Cast(x).Floats,
            Inputs = x.Shape[2],
            Precision = RowPrecision,
            Workers = _device.Workers,
            Y = y.Floats,
        };
        if (backward is { } back) call.Backward = Way(back);
        call.Cut(_device.Workers.Threads);
        if (call.Parts < _device.Workers.Threads)
        {
            // Too few to keep all threads busy: what can be done by all is done before.
            call.Forward.Gates = Cast(Linear(x, forward.Input, forward.InputBias, default)).Floats;
            if (backward is { } other) call.Backward.Gates = Cast(Linear(x, other.Input, other.InputBias, default)).Floats;
        }
        call.Scratch = New(new Shape(call.Parts, call.ScratchFloats)).Floats;
        var isa = _device.Workers.Kernels.Isa;
        if (isa.Wide) _device.Workers.Run(new LstmWork<Lanes512> { Call = call }, call.Parts);
        else if (isa.Set >= InstructionSet.Avx2) _device.Workers.Run(new LstmWork<Lanes256> { Call = call }, call.Parts);
        else _device.Workers.Run(new LstmWork<Lanes128> { Call = call }, call.Parts);
        Free(mark);
        return y;
    }

    public override Tensor Keep(Tensor result, ArenaMark mark)
    {
        void* from = Cast(result).Pointer;
        var (shape, type) = (result.Shape, result.Type);
        Free(mark);
        // What was freed is still there; the result moves down, perhaps over itself.
        var kept = New(shape, type);
        Buffer.MemoryCopy(from, kept.Pointer, shape.Count * sizeof(float), shape.Count * sizeof(float));
        BetweenLayers?.Invoke();
        return kept;
    }

    // Errors of a recurrence add up from step to step: its weights stay float32 whatever the others are.
    LstmWay Way(in LstmWeights weights) => new()
    {
        Input = Target(_device.Matrix(weights.Input), weights.InputBias, null),
        Hidden = weights.Hidden.Prepare(
            _device, RecurrentUse, parameter => PackedMatrix.Pack(new LinearSource(parameter.Stored), WeightFormat.F32, _device.Workers)),
        HiddenBias = CpuDevice.Vector(weights.HiddenBias).Pointer,
    };

    CpuTensor Place(ReadOnlySpan<Tensor> parts, Parameter? scale, Parameter? shift, Activation activation)
    {
        nint* starts = stackalloc nint[parts.Length];
        int* sizes = stackalloc int[parts.Length];
        int size = 0;
        for (int p = 0; p < parts.Length; p++)
        {
            if (parts[p].Shape.Rows != parts[0].Shape.Rows)
                throw new ModelException($"Shapes {parts[0].Shape} and {parts[p].Shape} do not fit side by side.");
            starts[p] = (nint)Cast(parts[p]).Pointer;
            sizes[p] = parts[p].Shape[^1];
            size += sizes[p];
        }
        if (scale is not null && scale.Shape.Count != size)
            throw new ModelException($"{scale.Name}: {scale.Shape} does not fit {size} elements.");
        var y = New(parts[0].Shape.WithLast(size));
        var call = new AffineCall
        {
            Starts = starts,
            Sizes = sizes,
            Parts = parts.Length,
            Rows = (int)y.Shape.Rows,
            Size = size,
            Scale = scale is null ? null : CpuDevice.Vector(scale).Pointer,
            Shift = shift is null ? null : CpuDevice.Vector(shift).Pointer,
            Activation = activation,
            Y = y.Floats,
        };
        FrameOperations.Affine(_device.Workers, call);
        return y;
    }

    static Frames FramesOf(Tensor x) => new() { X = Cast(x).Floats, Batch = x.Shape[0], Time = x.Shape[1], Size = x.Shape[2] };

    static Frames RowsOf(Tensor x) => new() { X = Cast(x).Floats, Batch = 1, Time = (int)x.Shape.Rows, Size = x.Shape[^1] };
}
