namespace Earshot.Compute.Cpu.Kernels;

/// <summary>A convolution in which each channel is by itself: Weight (kernel height, kernel width, channels).</summary>
internal unsafe struct DepthwiseCall
{
    public PatchRows Patches;
    public float* Weight;
    public float* Bias;
    public Activation Activation;
    public float* Y;
    public int Rows;
}

/// <summary>Depthwise convolutions with the lanes that the processor has.</summary>
internal static class Depthwise
{
    public static void Run(WorkerPool workers, in DepthwiseCall call)
    {
        var isa = workers.Kernels.Isa;
        int rowElements = call.Patches.Size * call.Patches.KernelHeight * call.Patches.KernelWidth;
        if (isa.Wide) FrameOperations.RunRows(workers, new DepthwiseWork<Lanes512> { Call = call }, call.Rows, rowElements);
        else if (isa.Set >= InstructionSet.Avx2)
            FrameOperations.RunRows(workers, new DepthwiseWork<Lanes256> { Call = call }, call.Rows, rowElements);
        else FrameOperations.RunRows(workers, new DepthwiseWork<Lanes128> { Call = call }, call.Rows, rowElements);
    }
}

/// <summary>One output position of all channels: some channels at a time stay in registers over all taps.</summary>
internal unsafe struct DepthwiseWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
{
    public DepthwiseCall Call;

    public readonly void Execute(int row)
    {
        int size = Call.Patches.Size, lanes = TLanes.Count, channel = 0;
        float* y = Call.Y + (nint)row * size;
        float* image = Call.Patches.Place(row, out int top, out int left);
        for (; channel <= size - 4 * lanes; channel += 4 * lanes)
        {
            TLanes s0 = Begin(channel), s1 = Begin(channel + lanes), s2 = Begin(channel + 2 * lanes), s3 = Begin(channel + 3 * lanes);
            for (int tap = 0; tap < Call.Patches.KernelHeight * Call.Patches.KernelWidth; tap++)
            {
                float* x = At(image, tap, top, left);
                if (x == null) continue;
                x += channel;
                float* w = Call.Weight + (nint)tap * size + channel;
                s0 = TLanes.MultiplyAdd(TLanes.Load(x), TLanes.Load(w), s0);
                s1 = TLanes.MultiplyAdd(TLanes.Load(x + lanes), TLanes.Load(w + lanes), s1);
                s2 = TLanes.MultiplyAdd(TLanes.Load(x + 2 * lanes), TLanes.Load(w + 2 * lanes), s2);
                s3 = TLanes.MultiplyAdd(TLanes.Load(x + 3 * lanes), TLanes.Load(w + 3 * lanes), s3);
            }
            s0.Store(y + channel);
            s1.Store(y + channel + lanes);
            s2.Store(y + channel + 2 * lanes);
            s3.Store(y + channel + 3 * lanes);
        }
        for (; channel <= size - lanes; channel += lanes)
        {
            var sum = Begin(channel);
            for (int tap = 0; tap < Call.Patches.KernelHeight * Call.Patches.KernelWidth; tap++)
            {
                float* x = At(image, tap, top, left);
                if (x != null)
                {
                    sum = TLanes.MultiplyAdd(TLanes.Load(x + channel), TLanes.Load(Call.Weight + (nint)tap * size + channel), sum);
                }
            }
            sum.Store(y + channel);
        }
        for (; channel < size; channel++) y[channel] = One(image, channel, top, left);
        ActivationRow.Apply<TLanes>(Call.Activation, y, size);
    }

    readonly float One(float* image, int channel, int top, int left)
    {
        float sum = Call.Bias == null ? 0 : Call.Bias[channel];
        for (int tap = 0; tap < Call.Patches.KernelHeight * Call.Patches.KernelWidth; tap++)
        {
            float* x = At(image, tap, top, left);
            if (x != null) sum += x[channel] * Call.Weight[(nint)tap * Call.Patches.Size + channel];
        }
        return sum;
    }

    readonly TLanes Begin(int channel) => Call.Bias == null ? TLanes.Create(0) : TLanes.Load(Call.Bias + channel);

    // The channels that a tap reads, null outside the image.
    readonly float* At(float* image, int tap, int top, int left)
    {
        ref readonly var patches = ref Call.Patches;
        int down = patches.KernelWidth == 1 ? tap : tap / patches.KernelWidth;
        int line = top + down * patches.DilationHeight, column = left + tap - down * patches.KernelWidth;
        if ((uint)line >= (uint)patches.Height || (uint)column >= (uint)patches.Width) return null;
        return image + ((nint)line * patches.Width + column) * patches.Size;
    }
}
