using System.Numerics.Tensors;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>
/// Computes now, on the processor. It holds the temporaries of one line of work, so each concurrent line has its own, over
/// one shared <see cref="CpuDevice"/>. Not safe on several threads at once.
/// </summary>
public sealed unsafe partial class CpuBackend : Backend, IDisposable
{
    readonly CpuDevice _device;
    readonly Arena _arena = new();
    readonly List<CpuTensor> _tensors = [];
    int _used;

    public CpuBackend(CpuDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
    }

    public CpuDevice Device => _device;

    /// <summary>Bytes of temporaries held.</summary>
    public long TemporaryBytes => _arena.Capacity;

    /// <summary>A tensor of values, copied.</summary>
    public Tensor Input(ReadOnlySpan<float> values, Shape shape)
    {
        var tensor = New(shape);
        if (values.Length != shape.Count) throw new ModelException($"{values.Length} values were given for shape {shape}, which holds {shape.Count}.");
        values.CopyTo(tensor.Values);
        return tensor;
    }

    /// <summary>A tensor of indices, such as tokens, copied.</summary>
    public Tensor Indices(ReadOnlySpan<int> values, Shape shape)
    {
        if (values.Length != shape.Count) throw new ModelException($"{values.Length} indices were given for shape {shape}, which holds {shape.Count}.");
        var tensor = New(shape, DType.I32);
        values.CopyTo(new Span<int>(tensor.Pointer, values.Length));
        return tensor;
    }

    /// <summary>The numbers of a tensor that this backend made, valid until the temporaries are freed.</summary>
    public static ReadOnlySpan<float> Read(Tensor tensor) => Own(tensor).Values;

    /// <summary>Frees all temporaries: every tensor made so far becomes invalid.</summary>
    public void FreeTemporaries()
    {
        _arena.Clear();
        _used = 0;
    }

    /// <summary>Frees the temporaries made since a mark.</summary>
    public void Free(Mark mark)
    {
        _arena.ReturnTo(mark.Bytes, mark.Blocks);
        _used = mark.Tensors;
    }

    public override Tensor Linear(Tensor x, Parameter weight, Parameter? bias, Epilogue epilogue)
    {
        var call = Call(x);
        call.Add(Target(x, new LinearWeights(weight, bias), out var y));
        call.Activation = epilogue.Activation;
        if (epilogue.Residual is { } residual)
        {
            if (residual.Shape.Count != y.Shape.Count) throw new ModelException($"A residual of shape {residual.Shape} cannot be added to {y.Shape}.");
            call.Residual = Own(residual).Floats;
            call.ResidualStride = call.YStride;
        }
        MatrixProduct.Run(_device.Workers, call);
        return y;
    }

    public override void Linear(Tensor x, ReadOnlySpan<LinearWeights> layers, Span<Tensor> results)
    {
        var call = Call(x);
        for (int i = 0; i < layers.Length; i++)
        {
            var target = Target(x, layers[i], out results[i]);
            if (i > 0 && !call.Takes(target))
            {
                MatrixProduct.Run(_device.Workers, call);
                call = Call(x);
            }
            call.Add(target);
        }
        if (layers.Length > 0) MatrixProduct.Run(_device.Workers, call);
    }

    public override Tensor Convolve(Tensor x, Parameter weight, Parameter? bias, Convolution convolution)
    {
        if (convolution.Dilation > 1) return ConvolveDilated(x, new LinearWeights(weight, bias), convolution);
        var packed = _device.ConvolutionMatrix(weight);
        var input = Own(x);
        int batch = x.Shape[0], time = x.Shape[1], size = x.Shape[2], kernel = weight.Shape[2];
        Require(size == weight.Shape[1], weight, x);
        int padded = time + convolution.PadLeft + convolution.PadRight;
        if (padded < kernel) throw new ModelException($"{weight.Name}: {time} frames are fewer than the kernel of {kernel} needs.");
        int outputs = (padded - kernel) / convolution.Stride + 1;
        var y = New(new Shape(batch, outputs, packed.Outputs));
        var mark = Mark();
        var frames = padded == time ? input : New(new Shape(batch, padded, size));
        for (int b = 0; b < batch; b++)
        {
            if (padded > time) Pad(_device.Workers, input.Values.Slice(b * time * size, time * size), size, convolution, frames.Values.Slice(b * padded * size, padded * size));
            // Neighbouring frames are neighbours in memory: a row of the product is a window that moves by the stride.
            var call = new LinearCall { X = frames.Floats + (long)b * padded * size, XStride = (nint)convolution.Stride * size, Rows = outputs, Activation = convolution.Activation };
            call.Add(Target(packed, bias, y.Floats + (long)b * outputs * packed.Outputs));
            MatrixProduct.Run(_device.Workers, call);
        }
        Free(mark);
        return y;
    }

    public override Tensor LayerNorm(Tensor x, Parameter weight, Parameter bias, float epsilon)
    {
        var input = Own(x);
        var y = New(x.Shape);
        Elementwise.LayerNorm(_device.Workers, new LayerNormCall
        {
            X = input.Floats,
            Y = y.Floats,
            Rows = (int)x.Shape.Rows,
            Size = input.Size,
            Weight = CpuDevice.Vector(weight).Pointer,
            Bias = CpuDevice.Vector(bias).Pointer,
            Epsilon = epsilon,
        });
        return y;
    }

    public override Tensor Embed(Tensor indices, Parameter table)
    {
        var input = Own(indices);
        int entries = table.Shape[0], size = table.Shape[1], count = (int)indices.Shape.Count;
        Span<int> dimensions = stackalloc int[Shape.MaxRank];
        indices.Shape.CopyTo(dimensions);
        dimensions[indices.Shape.Rank] = size;
        var y = New(new Shape(dimensions[..(indices.Shape.Rank + 1)]));
        for (int i = 0; i < count; i++)
        {
            int index = input.Indices[i];
            if ((uint)index >= (uint)entries) throw new ModelException($"{table.Name}: index {index} is outside its {entries} rows.");
            table.Stored.ReadFloats((long)index * size, new Span<float>(y.Floats + (long)i * size, size));
        }
        return y;
    }

    public override Tensor AddPositions(Tensor x, Parameter table)
    {
        int time = x.Shape[1], size = x.Shape[2];
        if (time > table.Shape[0]) throw new ModelException($"{table.Name}: {time} positions were given, its table has {table.Shape[0]}.");
        var input = Own(x);
        var y = New(x.Shape);
        Elementwise.Add(_device.Workers, input.Values, CpuDevice.Vector(table).Values[..(time * size)], y.Values);
        return y;
    }

    public override Tensor Add(Tensor left, Tensor right)
    {
        if (left.Shape != right.Shape) return Combine(left, right, multiplies: false, Activation.None);
        var y = New(left.Shape);
        Elementwise.Add(_device.Workers, Own(left).Values, Own(right).Values, y.Values);
        return y;
    }

    public override Tensor Activate(Tensor x, Activation activation)
    {
        var y = New(x.Shape);
        Elementwise.Apply(_device.Workers, activation, Own(x).Values, y.Values);
        return y;
    }

    public override Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads)
    {
        var y = New(query.Shape);
        Kernels.Attention.Run(_device.Workers, new AttentionCall
        {
            Q = Own(query).Floats,
            K = Own(key).Floats,
            V = Own(value).Floats,
            Output = y.Floats,
            Batch = query.Shape[0],
            Time = query.Shape[1],
            HeadSize = query.Shape[2] / heads.Query,
            Heads = heads,
            Kernel = _device.AttentionKernel,
        });
        return y;
    }

    public override Tensor AttentionWithCache(Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads)
    {
        var y = New(query.Shape);
        RequireLayout(query, layout);
        Kernels.Attention.Run(_device.Workers, new CachedAttentionCall
        {
            Q = Own(query).Floats,
            K = Own(key).Floats,
            V = Own(value).Floats,
            Output = y.Floats,
            HeadSize = query.Shape[^1] / heads.Query,
            Heads = heads,
            Layout = layout,
            Cache = (CpuKeyValueCache)cache,
        });
        return y;
    }

    public override void Remember(Tensor key, Tensor value, AttentionMemory memory, int firstSlot)
    {
        int batch = key.Shape[0], positions = key.Shape[1], width = key.Shape[2];
        for (int b = 0; b < batch; b++)
        {
            long offset = (long)b * positions * width;
            ((CpuAttentionMemory)memory).Store(firstSlot + b, positions, Own(key).Floats + offset, Own(value).Floats + offset);
        }
    }

    public override Tensor AttentionOver(Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads)
    {
        var y = New(query.Shape);
        RequireLayout(query, layout);
        var call = MemoryCall(query, memory, layout, heads);
        call.Output = y.Floats;
        Kernels.Attention.Run(_device.Workers, call);
        return y;
    }

    public override Tensor AttentionWeights(Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected)
    {
        RequireLayout(query, layout);
        var y = New(new Shape(layout.Count, selected.Length, ((CpuAttentionMemory)memory).Positions(layout.Slots[0])));
        Kernels.Attention.Weights(_device.Workers, MemoryCall(query, memory, layout, heads), selected, y.Values);
        return y;
    }

    public override Tensor SelectRows(Tensor x, Tensor indices)
    {
        var input = Own(x);
        int size = input.Size, count = (int)indices.Shape.Count;
        var y = New(new Shape(count, size));
        for (int i = 0; i < count; i++) Row(input, Own(indices).Indices[i]).CopyTo(Row(y, i));
        return y;
    }

    public override Tensor Reshape(Tensor x, Shape shape)
    {
        if (x.Shape.Count != shape.Count) throw new ModelException($"Shape {x.Shape} cannot become {shape}: they hold different counts.");
        return NewTensor().Become(Own(x).Pointer, shape, x.Type);
    }

    public override Tensor LstmStep(Tensor x, LstmWeights weights, RecurrentState state)
    {
        var memory = (CpuRecurrentState)state;
        int size = memory.Size, rows = (int)x.Shape.Rows;
        var hidden = Input(memory.Hidden, new Shape(rows, size));
        var recurrent = Linear(hidden, weights.Hidden, weights.HiddenBias, default);
        var gates = Own(Linear(x, weights.Input, weights.InputBias, new Epilogue(Residual: recurrent)));
        var y = New(new Shape(rows, size));
        for (int r = 0; r < rows; r++)
        {
            Elementwise.LstmGates(Row(gates, r), memory.Cell.AsSpan(r * size, size), memory.Hidden.AsSpan(r * size, size));
            memory.Hidden.AsSpan(r * size, size).CopyTo(Row(y, r));
        }
        return y;
    }

    public override Tensor Magnitude(Tensor x)
    {
        var input = Own(x);
        int half = input.Size / 2;
        var y = New(x.Shape.WithLast(half));
        for (int r = 0; r < (int)x.Shape.Rows; r++)
        {
            var row = Row(input, r);
            TensorPrimitives.Hypot(row[..half], row[half..], Row(y, r));
        }
        return y;
    }

    public override KeyValueCache CreateCache(int rows, int capacity, int width, Heads heads) => new CpuKeyValueCache(rows, capacity, width, heads, _device.KeyValues);

    public override AttentionMemory CreateMemory(int slots, int positions, int width, Heads heads) => new CpuAttentionMemory(slots, positions, width, heads, _device);

    public override RecurrentState CreateRecurrentState(int rows, int size) => new CpuRecurrentState(rows, size);

    public override Mark Mark()
    {
        var (bytes, blocks) = _arena.Position;
        return new Mark(bytes, _used, blocks);
    }

    public override Tensor Replace(Tensor old, Tensor result, Mark mark)
    {
        if (old.Shape != result.Shape) throw new ModelException($"A tensor of shape {result.Shape} cannot take the place of one of shape {old.Shape}.");
        Elementwise.Copy(_device.Workers, Own(result).Values, Own(old).Values);
        Free(mark);
        return old;
    }

    public void Dispose() => _arena.Dispose();

    static CpuTensor Own(Tensor tensor) =>
        tensor as CpuTensor ?? throw new ModelException($"A tensor of {tensor.Backend.GetType().Name} was given to the CPU backend.");

    static Span<float> Row(CpuTensor tensor, int row) => new(tensor.Floats + (long)row * tensor.Size, tensor.Size);

    static void Require(bool fits, Parameter weight, Tensor x)
    {
        if (!fits) throw new ModelException($"{weight.Name}: weight {weight.Shape} does not take an input of shape {x.Shape}.");
    }

    static void RequireLayout(Tensor query, BatchLayout layout)
    {
        if (query.Shape.Rows != layout.Count) throw new ModelException($"A layout of {layout.Count} tokens was given for queries of shape {query.Shape}.");
    }

    static void Pad(WorkerPool pool, ReadOnlySpan<float> frames, int size, Convolution convolution, Span<float> padded)
    {
        int time = frames.Length / size, left = convolution.PadLeft;
        Elementwise.Copy(pool, frames, padded[(left * size)..]);
        for (int i = 0; i < left; i++) Fill(padded.Slice(i * size, size), frames, convolution.Reflect ? left - i : -1, size);
        for (int i = 0; i < convolution.PadRight; i++) Fill(padded.Slice((left + time + i) * size, size), frames, convolution.Reflect ? time - 2 - i : -1, size);
    }

    static void Fill(Span<float> frame, ReadOnlySpan<float> frames, int source, int size)
    {
        if (source < 0) frame.Clear();
        else frames.Slice(source * size, size).CopyTo(frame);
    }

    static MemoryAttentionCall MemoryCall(Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads) => new()
    {
        Q = Own(query).Floats,
        HeadSize = query.Shape[^1] / heads.Query,
        Heads = heads,
        Layout = layout,
        Memory = (CpuAttentionMemory)memory,
    };

    static LinearCall Call(Tensor x)
    {
        var input = Own(x);
        return new LinearCall { X = input.Floats, XStride = input.Size, Rows = (int)x.Shape.Rows };
    }

    LinearTarget Target(Tensor x, in LinearWeights layer, out Tensor result)
    {
        var packed = _device.Matrix(layer.Weight);
        Require(x.Shape[^1] == packed.Inputs, layer.Weight, x);
        var y = New(x.Shape.WithLast(packed.Outputs));
        result = y;
        return Target(packed, layer.Bias, y.Floats);
    }

    static LinearTarget Target(PackedMatrix packed, Parameter? bias, float* y) => new()
    {
        Weights = packed,
        Bias = bias is null ? null : CpuDevice.Vector(bias).Pointer,
        Y = y,
        YStride = packed.Outputs,
    };

    CpuTensor New(Shape shape, DType type = DType.F32) =>
        NewTensor().Become(_arena.Allocate(shape.Count * sizeof(float)), shape, type);

    CpuTensor NewTensor()
    {
        if (_used == _tensors.Count) _tensors.Add(new CpuTensor(this));
        return _tensors[_used++];
    }
}
