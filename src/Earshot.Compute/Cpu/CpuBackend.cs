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

    /// <summary>
    /// Called whenever a layer's result has taken the place of the last one's (<see cref="KeepOnly"/>): there, others may be let pass.
    /// </summary>
    internal Action? BetweenLayers { get; set; }

    /// <summary>
    /// Whether products are computed as a step's or as a sequence's. Whoever merges steps of several sequences, or cuts a prompt into
    /// chunks, says so, since a row's bits must not depend on how many are computed with it.
    /// </summary>
    public RowPrecision RowPrecision { get; set; }

    /// <summary>Bytes of temporaries held.</summary>
    public long TemporaryBytes => _arena.Capacity;

    /// <summary>A tensor of values, copied.</summary>
    public Tensor Input(ReadOnlySpan<float> values, Shape shape)
    {
        var tensor = New(shape);
        if (values.Length != shape.Count)
        {
            throw new ModelException($"{values.Length} values were given for shape {shape}, which holds {shape.Count}.");
        }
        values.CopyTo(tensor.Values);
        return tensor;
    }

    /// <summary>A tensor of values where they lie: pinned, and there until the temporaries are freed.</summary>
    internal Tensor Borrow(System.Buffers.MemoryHandle values, Shape shape) => NewTensor().Reset(values.Pointer, shape, DType.F32);

    /// <summary>A tensor of indices, such as tokens, copied.</summary>
    public Tensor Indices(ReadOnlySpan<int> values, Shape shape)
    {
        if (values.Length != shape.Count)
            throw new ModelException($"{values.Length} indices were given for shape {shape}, which holds {shape.Count}.");
        var tensor = New(shape, DType.I32);
        values.CopyTo(new Span<int>(tensor.Pointer, values.Length));
        return tensor;
    }

    /// <summary>The numbers of a tensor that this backend made, valid until the temporaries are freed.</summary>
    public static ReadOnlySpan<float> Read(Tensor tensor) => Cast(tensor).Values;

    /// <summary>Overwrites rows of a tensor that this backend made, from <paramref name="row"/> on, with whole rows of values.</summary>
    internal static void Write(Tensor tensor, int row, ReadOnlySpan<float> values) =>
        values.CopyTo(Cast(tensor).Values[(row * Cast(tensor).Size)..]);

    /// <summary>Frees all temporaries: every tensor made so far becomes invalid.</summary>
    public void FreeTemporaries()
    {
        _arena.Clear();
        _used = 0;
    }

    /// <summary>Frees the temporaries made since a mark.</summary>
    public void Free(ArenaMark mark)
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
            if (residual.Shape.Count != y.Shape.Count)
                throw new ModelException($"A residual of shape {residual.Shape} cannot be added to {y.Shape}.");
            call.Residual = Cast(residual).Floats;
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

    public override Tensor LayerNorm(Tensor x, Parameter weight, Parameter bias, float epsilon)
    {
        var input = Cast(x);
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
        var input = Cast(indices);
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
        var input = Cast(x);
        var y = New(x.Shape);
        Elementwise.Add(_device.Workers, input.Values, CpuDevice.Vector(table).Values[..(time * size)], y.Values);
        return y;
    }

    public override Tensor AttentionWithCache(Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads)
    {
        RequireLayout(query, layout);
        var past = cache as CpuKeyValueCache ?? throw new ModelException(
            $"A cache of {cache.GetType().Name} was given to the CPU backend.");
        past.Require(query, key, value, heads);
        var y = New(query.Shape);
        Kernels.Attention.Run(_device.Workers, new CachedAttentionCall
        {
            Q = Cast(query).Floats,
            K = Cast(key).Floats,
            V = Cast(value).Floats,
            Output = y.Floats,
            HeadSize = past.Layout.Size,
            Heads = heads,
            Layout = layout,
            Cache = past,
            Kernel = _device.AttentionKernel,
        });
        return y;
    }

    public override void StoreMemory(Tensor key, Tensor value, CrossAttentionMemory memory, int firstSlot)
    {
        int batch = key.Shape[0], positions = key.Shape[1], width = key.Shape[2];
        for (int b = 0; b < batch; b++)
        {
            long offset = (long)b * positions * width;
            ((CpuCrossAttentionMemory)memory).Store(firstSlot + b, positions, Cast(key).Floats + offset, Cast(value).Floats + offset);
        }
    }

    public override Tensor CrossAttention(Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads)
    {
        var y = New(query.Shape);
        RequireLayout(query, layout);
        var call = MemoryCall(query, memory, layout, heads);
        call.Output = y.Floats;
        Kernels.Attention.Run(_device.Workers, call);
        return y;
    }

    public override Tensor CrossAttentionWeights(
        Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected)
    {
        RequireLayout(query, layout);
        var y = New(new Shape(layout.Count, selected.Length, ((CpuCrossAttentionMemory)memory).Positions(layout.Slots[0])));
        Kernels.Attention.Weights(_device.Workers, MemoryCall(query, memory, layout, heads), selected, y.Values);
        return y;
    }

    public override Tensor LstmStep(Tensor x, LstmWeights weights, RecurrentState state)
    {
        var memory = (CpuRecurrentState)state;
        int size = memory.Size, rows = (int)x.Shape.Rows;
        var hidden = Input(memory.Hidden, new Shape(rows, size));
        var recurrent = Linear(hidden, weights.Hidden, weights.HiddenBias, default);
        var gates = Cast(Linear(x, weights.Input, weights.InputBias, new Epilogue(Residual: recurrent)));
        var y = New(new Shape(rows, size));
        for (int r = 0; r < rows; r++)
        {
            Elementwise.LstmGates(Row(gates, r), memory.Cell.AsSpan(r * size, size), memory.Hidden.AsSpan(r * size, size));
            memory.Hidden.AsSpan(r * size, size).CopyTo(Row(y, r));
        }
        return y;
    }

    public override KeyValueCache CreateCache(PageTable pages, int width, Heads heads) =>
        new CpuKeyValueCache(pages, width, heads, _device.Past);

    public override CrossAttentionMemory CreateMemory(int slots, int positions, int width, Heads heads) =>
        new CpuCrossAttentionMemory(slots, positions, width, heads, _device);

    public override FrameTail CreateTail(int rows, int frames, int size) => new CpuFrameTail(rows, frames, size);

    public override Tensor WithTail(Tensor x, FrameTail tail, ReadOnlySpan<int> rows)
    {
        var kept = tail as CpuFrameTail ?? throw new ModelException($"A tail of {tail.GetType().Name} was given to the CPU backend.");
        int batch = x.Shape[0], time = x.Shape[1], size = x.Shape[2];
        if (size != kept.Size || rows.Length != batch)
            throw new ModelException($"{rows.Length} rows of a tail of {kept.Size} values were given for {x.Shape}.");
        var y = New(new Shape(batch, kept.Frames + time, size));
        int before = kept.Frames * size, own = time * size;
        for (int i = 0; i < batch; i++)
        {
            var joined = y.Values.Slice(i * (before + own), before + own);
            kept.Row(rows[i]).CopyTo(joined);
            Cast(x).Values.Slice(i * own, own).CopyTo(joined[before..]);
            joined[^before..].CopyTo(kept.Row(rows[i]));
        }
        return y;
    }

    public override RecurrentState CreateRecurrentState(int rows, int size) => new CpuRecurrentState(rows, size);

    public override ArenaMark Mark()
    {
        var (bytes, blocks) = _arena.Position;
        return new ArenaMark(bytes, _used, blocks);
    }

    public override Tensor KeepOnly(Tensor old, Tensor result, ArenaMark mark)
    {
        if (old.Shape != result.Shape)
            throw new ModelException($"A tensor of shape {result.Shape} cannot take the place of one of shape {old.Shape}.");
        if (Cast(result).Pointer != Cast(old).Pointer) Elementwise.Copy(_device.Workers, Cast(result).Values, Cast(old).Values);
        Free(mark);
        BetweenLayers?.Invoke();
        return old;
    }

    public void Dispose() => _arena.Dispose();

    static CpuTensor Cast(Tensor tensor) =>
        tensor as CpuTensor ?? throw new ModelException($"A tensor of {tensor.Backend.GetType().Name} was given to the CPU backend.");

    static Span<float> Row(CpuTensor tensor, int row) => new(tensor.Floats + (long)row * tensor.Size, tensor.Size);

    static void Require(bool fits, Parameter weight, Tensor x)
    {
        if (!fits) throw new ModelException($"{weight.Name}: weight {weight.Shape} does not take an input of shape {x.Shape}.");
    }

    static void RequireLayout(Tensor query, BatchLayout layout)
    {
        if (query.Shape.Rows != layout.Count)
            throw new ModelException($"A layout of {layout.Count} tokens was given for queries of shape {query.Shape}.");
    }

    static MemoryAttentionCall MemoryCall(Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads) => new()
    {
        Q = Cast(query).Floats,
        HeadSize = query.Shape[^1] / heads.Query,
        Heads = heads,
        Layout = layout,
        Memory = (CpuCrossAttentionMemory)memory,
    };

    LinearCall Call(Tensor x)
    {
        var input = Cast(x);
        return new LinearCall { X = input.Floats, XStride = input.Size, Rows = (int)x.Shape.Rows, Precision = RowPrecision };
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
        NewTensor().Reset(_arena.Allocate(shape.Count * sizeof(float)), shape, type);

    CpuTensor NewTensor()
    {
        if (_used == _tensors.Count) _tensors.Add(new CpuTensor(this));
        return _tensors[_used++];
    }
}
