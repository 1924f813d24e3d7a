namespace Earshot.Compute.Cpu.Kernels;

/// <summary>y = activation(x · scale + shift), where a row of x may lie in several parts side by side.</summary>
internal unsafe struct AffineCall
{
    /// <summary>The parts' first elements, and how many elements of a row each holds: (Parts) each.</summary>
    public nint* Starts;
    public int* Sizes;
    public int Parts;
    public int Rows;

    /// <summary>Elements of a row, all parts together.</summary>
    public int Size;
    public float* Scale;
    public float* Shift;
    public Activation Activation;
    public float* Y;
}

/// <summary>One row of an <see cref="AffineCall"/>.</summary>
internal unsafe struct AffineWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
{
    public AffineCall Call;

    public readonly void Execute(int row)
    {
        float* y = Call.Y + (nint)row * Call.Size, scale = Call.Scale, shift = Call.Shift;
        for (int p = 0; p < Call.Parts; p++)
        {
            int size = Call.Sizes[p];
            float* x = (float*)Call.Starts[p] + (nint)row * size;
            if (Call.Scale == null) new ReadOnlySpan<float>(x, size).CopyTo(new Span<float>(y, size));
            else if (Call.Activation == Activation.Relu) Execute<Relu<TLanes>>(x, scale, shift, y, size);
            else Execute<Identity<TLanes>>(x, scale, shift, y, size);
            y += size;
            scale += size;
            shift += size;
        }
        if (Call.Activation is not (Activation.None or Activation.Relu))
            ActivationRow.Apply<TLanes>(Call.Activation, Call.Y + (nint)row * Call.Size, Call.Size);
    }

    static void Execute<TActivation>(float* x, float* scale, float* shift, float* y, int count)
        where TActivation : struct, IActivation<TLanes>
    {
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TActivation.Apply(TLanes.MultiplyAdd(TLanes.Load(x + i), TLanes.Load(scale + i), TLanes.Load(shift + i))).Store(y + i);
        }
        if (i == count) return;
        // In whole lanes too, so that no element is rounded otherwise for being in another part.
        int left = count - i, lanes = TLanes.Count;
        float* rest = stackalloc float[3 * TLanes.Count];
        new Span<float>(rest, 3 * lanes).Clear();
        new Span<float>(x + i, left).CopyTo(new Span<float>(rest, left));
        new Span<float>(scale + i, left).CopyTo(new Span<float>(rest + lanes, left));
        new Span<float>(shift + i, left).CopyTo(new Span<float>(rest + 2 * lanes, left));
        TActivation.Apply(TLanes.MultiplyAdd(TLanes.Load(rest), TLanes.Load(rest + lanes), TLanes.Load(rest + 2 * lanes))).Store(rest);
        new Span<float>(rest, left).CopyTo(new Span<float>(y + i, left));
    }
}
