namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Heads turned by a table of cosines and sines: x (Rows, Heads × Size), a table's row (2 · Pairs).</summary>
internal unsafe struct RotationCall
{
    public float* X;
    public float* Table;

    /// <summary>Which of the table's rows each row takes.</summary>
    public Broadcast TableOf;
    public int Rows;
    public int Heads;
    public int Size;
    public int Pairs;
    public float* Y;
}

/// <summary>Rotary embedding with the lanes that the processor has.</summary>
internal static class Rotation
{
    public static void Run(WorkerPool workers, in RotationCall call)
    {
        var isa = workers.Kernels.Isa;
        int elements = call.Heads * call.Size;
        if (isa.Wide) FrameOperations.RunRows(workers, new RotationWork<Lanes512> { Call = call }, call.Rows, elements);
        else if (isa.Set >= InstructionSet.Avx2)
            FrameOperations.RunRows(workers, new RotationWork<Lanes256> { Call = call }, call.Rows, elements);
        else FrameOperations.RunRows(workers, new RotationWork<Lanes128> { Call = call }, call.Rows, elements);
    }
}

/// <summary>All heads of one row.</summary>
internal unsafe struct RotationWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
{
    public RotationCall Call;

    public readonly void Execute(int row)
    {
        int size = Call.Size, pairs = Call.Pairs;
        float* cos = Call.Table + Call.TableOf.At(row) * 2 * pairs, sin = cos + pairs;
        for (int head = 0; head < Call.Heads; head++)
        {
            nint offset = ((nint)row * Call.Heads + head) * size;
            float* x = Call.X + offset, y = Call.Y + offset;
            int i = 0;
            for (; i <= pairs - TLanes.Count; i += TLanes.Count)
            {
                TLanes first = TLanes.Load(x + i), second = TLanes.Load(x + pairs + i), c = TLanes.Load(cos + i), s = TLanes.Load(sin + i);
                (first * c - second * s).Store(y + i);
                (second * c + first * s).Store(y + pairs + i);
            }
            for (; i < pairs; i++)
            {
                y[i] = x[i] * cos[i] - x[pairs + i] * sin[i];
                y[pairs + i] = x[pairs + i] * cos[i] + x[i] * sin[i];
            }
            int rest = size - 2 * pairs;
            if (rest > 0) new ReadOnlySpan<float>(x + 2 * pairs, rest).CopyTo(new Span<float>(y + 2 * pairs, rest));
        }
    }
}
