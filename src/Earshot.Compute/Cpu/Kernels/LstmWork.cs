using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>One way of an LSTM layer.</summary>
internal unsafe struct LstmWay
{
    public LinearTarget Input;
    public PackedMatrix Hidden;
    public float* HiddenBias;

    /// <summary>
    /// The inputs' part of the gates, (batch, time, 4 · size); null where each part computes its own, some steps at a time.
    /// </summary>
    public float* Gates;
}

/// <summary>An LSTM layer over sequences, forward and perhaps backward; y (batch, time, ways × size).</summary>
internal unsafe struct LstmCall
{
    /// <summary>Sequences that one part steps through together: more keep the weights no busier.</summary>
    const int MostRows = 24;

    /// <summary>Steps times sequences whose inputs' part is computed at once: few enough to stay in the second-level cache.</summary>
    const int ChunkRows = 192;

    /// <summary>Between rows, so that they do not share the first-level cache's sets.</summary>
    const int Gap = 16;

    public LstmWay Forward;
    public LstmWay Backward;
    public int Ways;
    public int Batch;
    public int Time;
    public int Size;

    /// <summary>(batch, time, Inputs).</summary>
    public float* X;
    public int Inputs;
    public RowPrecision Precision;
    public WorkerPool Workers;
    public float* Y;

    /// <summary>Room for all parts, <see cref="ScratchFloats"/> each.</summary>
    public float* Scratch;

    public int RowsPerPart;

    public readonly int Blocks => (Batch + RowsPerPart - 1) / RowsPerPart;

    public readonly int Parts => Ways * Blocks;

    /// <summary>From one row of gates, whole panels, to the next.</summary>
    public readonly int GateStride => Forward.Hidden.Panels * PackedMatrix.PanelWidth + Gap;

    /// <summary>From one row of hidden values to the next.</summary>
    public readonly int HiddenStride => Size + Gap;

    /// <summary>Steps whose inputs' part a part computes at once.</summary>
    public readonly int ChunkSteps => Math.Clamp(ChunkRows / RowsPerPart, 1, Time);

    /// <summary>Room that a part steps in: hidden and cell values and gates of each row.</summary>
    public readonly int StateFloats => RowsPerPart * (HiddenStride + Size + GateStride);

    /// <summary>All room of a part: the inputs' part of some steps too, where that is not computed before.</summary>
    public readonly int ScratchFloats => (StateFloats + (Forward.Gates == null ? RowsPerPart * ChunkSteps * 4 * Size : 0) + 15) & ~15;

    /// <summary>
    /// Shares the sequences out: as few parts as keep the threads busy, since a part reads the weights once a step for all its rows.
    /// </summary>
    public void Cut(int threads)
    {
        int blocks = Math.Max((Batch + MostRows - 1) / MostRows, Math.Min(Batch, threads / Ways));
        RowsPerPart = (Batch + Math.Max(1, blocks) - 1) / Math.Max(1, blocks);
    }
}

/// <summary>What a part steps in: hidden values, cells and gates of its rows.</summary>
internal unsafe struct LstmRows
{
    public float* Hidden;
    public float* Cell;
    public float* Gates;
    public int Rows;
}

/// <summary>Some sequences of an <see cref="LstmCall"/>, one way, step by step.</summary>
internal unsafe struct LstmWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    public LstmCall Call;

    public readonly void Execute(int part)
    {
        bool back = part % Call.Ways == 1;
        var way = back ? Call.Backward : Call.Forward;
        int size = Call.Size, first = part / Call.Ways * Call.RowsPerPart, rows = Math.Min(Call.RowsPerPart, Call.Batch - first);
        float* scratch = Call.Scratch + (nint)part * Call.ScratchFloats;
        var state = new LstmRows
        {
            Hidden = scratch,
            Cell = scratch + rows * Call.HiddenStride,
            Gates = scratch + rows * (Call.HiddenStride + size),
            Rows = rows,
        };
        new Span<float>(scratch, Call.StateFloats).Clear();
        float* chunk = scratch + Call.StateFloats;
        int steps = way.Gates == null ? Call.ChunkSteps : Call.Time;
        for (int done = 0; done < Call.Time; done += steps)
        {
            int count = Math.Min(steps, Call.Time - done), start = back ? Call.Time - done - count : done;
            if (way.Gates == null) ComputeInputs(way, first, rows, start, count, chunk);
            for (int i = 0; i < count; i++)
            {
                int t = back ? start + count - 1 - i : start + i;
                for (int r = 0; r < rows; r++)
                {
                    float* input = way.Gates == null
                        ? chunk + ((nint)r * count + t - start) * 4 * size
                        : way.Gates + ((nint)(first + r) * Call.Time + t) * 4 * size;
                    TensorPrimitives.Add(
                        new ReadOnlySpan<float>(input, 4 * size), new ReadOnlySpan<float>(way.HiddenBias, 4 * size),
                        new Span<float>(state.Gates + r * Call.GateStride, 4 * size));
                }
                // Zeros before the first step add nothing.
                if (done + i > 0) Multiply(way.Hidden, state);
                float* y = Call.Y + (((nint)first * Call.Time + t) * Call.Ways + (back ? 1 : 0)) * size;
                for (int r = 0; r < rows; r++) Finish(state, r, y + (nint)r * Call.Time * Call.Ways * size);
            }
        }
    }

    // The inputs' part of the gates of some steps of some sequences: (rows, count, 4 · size).
    readonly void ComputeInputs(in LstmWay way, int first, int rows, int start, int count, float* gates)
    {
        var frames = new PatchRows
        {
            X = Call.X + (nint)first * Call.Time * Call.Inputs,
            Height = Call.Time,
            Width = 1,
            Size = Call.Inputs,
            KernelHeight = 1,
            KernelWidth = 1,
            StrideHeight = 1,
            StrideWidth = 1,
            PadHeight = -start,
            DilationHeight = 1,
            OutputHeight = count,
            OutputWidth = 1,
        };
        var call = new LinearCall { Patches = &frames, Rows = rows * count, Precision = Call.Precision };
        call.Add(way.Input with { Y = gates });
        MatrixProduct.Run(Call.Workers, call);
    }

    // Adds hidden · Wᵀ to the gates.
    readonly void Multiply(PackedMatrix weights, in LstmRows state)
    {
        var kernel = weights.Kernel;
        for (int p = 0; p < weights.Panels; p++)
        {
            var arguments = new MicroArguments
            {
                Rows = (byte*)state.Hidden,
                RowStride = Call.HiddenStride * sizeof(float),
                Panel = weights.Panel(p),
                Steps = weights.Steps,
                Sums = state.Gates + p * PackedMatrix.PanelWidth,
                SumStride = Call.GateStride * sizeof(float),
                Accumulate = 1,
            };
            kernel.RunStrips(&arguments, state.Rows);
        }
    }

    readonly void Finish(in LstmRows state, int row, float* y)
    {
        Step(state.Gates + row * Call.GateStride, state.Cell + row * Call.Size, y);
        new ReadOnlySpan<float>(y, Call.Size).CopyTo(new Span<float>(state.Hidden + row * Call.HiddenStride, Call.Size));
    }

    // c = sigmoid(f)·c + sigmoid(i)·tanh(g), h = sigmoid(o)·tanh(c).
    readonly void Step(float* gates, float* cell, float* hidden)
    {
        int size = Call.Size, i = 0;
        for (; i <= size - TLanes.Count; i += TLanes.Count) Step(gates + i, size, cell + i, hidden + i);
        if (i == size) return;
        int count = size - i, lanes = TLanes.Count;
        float* rest = stackalloc float[6 * TLanes.Count];
        new Span<float>(rest, 6 * lanes).Clear();
        for (int gate = 0; gate < 4; gate++)
            new Span<float>(gates + gate * size + i, count).CopyTo(new Span<float>(rest + gate * lanes, count));
        new Span<float>(cell + i, count).CopyTo(new Span<float>(rest + 4 * lanes, count));
        Step(rest, lanes, rest + 4 * lanes, rest + 5 * lanes);
        new Span<float>(rest + 4 * lanes, count).CopyTo(new Span<float>(cell + i, count));
        new Span<float>(rest + 5 * lanes, count).CopyTo(new Span<float>(hidden + i, count));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
    static void Step(float* gates, int stride, float* cell, float* hidden)
    {
        var kept = VectorMath<TLanes>.Sigmoid(TLanes.Load(gates + stride)) * TLanes.Load(cell);
        var c = TLanes.MultiplyAdd(
            VectorMath<TLanes>.Sigmoid(TLanes.Load(gates)), VectorMath<TLanes>.Tanh(TLanes.Load(gates + 2 * stride)), kept);
        c.Store(cell);
        (VectorMath<TLanes>.Sigmoid(TLanes.Load(gates + 3 * stride)) * VectorMath<TLanes>.Tanh(c)).Store(hidden);
    }
}
