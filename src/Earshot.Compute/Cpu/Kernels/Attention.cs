namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Attention within sequences, over a growing cache, and over a fixed memory, with the lanes that the processor has.</summary>
internal static unsafe class Attention
{
    public static void Run(WorkerPool pool, in AttentionCall call)
    {
        var isa = pool.Kernels.Isa;
        if (isa.Wide) SequenceAttention<Lanes512>.Run(pool, call);
        else if (isa.Set >= InstructionSet.Avx2) SequenceAttention<Lanes256>.Run(pool, call);
        else SequenceAttention<Lanes128>.Run(pool, call);
    }

    public static void Run(WorkerPool pool, in CachedAttentionCall call)
    {
        var isa = pool.Kernels.Isa;
        if (isa.Wide) CachedAttention<Lanes512>.Run(pool, call);
        else if (isa.Set >= InstructionSet.Avx2) CachedAttention<Lanes256>.Run(pool, call);
        else CachedAttention<Lanes128>.Run(pool, call);
    }

    public static void Run(WorkerPool pool, in MemoryAttentionCall call)
    {
        var isa = pool.Kernels.Isa;
        if (isa.Wide) MemoryAttention<Lanes512>.Run(pool, call);
        else if (isa.Set >= InstructionSet.Avx2) MemoryAttention<Lanes256>.Run(pool, call);
        else MemoryAttention<Lanes128>.Run(pool, call);
    }

    /// <summary>Probabilities of selected heads: output (tokens, selected, positions).</summary>
    public static void Weights(WorkerPool pool, in MemoryAttentionCall call, ReadOnlySpan<int> selected, Span<float> output)
    {
        var isa = pool.Kernels.Isa;
        if (isa.Wide) MemoryAttention<Lanes512>.Weights(pool, call, selected, output);
        else if (isa.Set >= InstructionSet.Avx2) MemoryAttention<Lanes256>.Weights(pool, call, selected, output);
        else MemoryAttention<Lanes128>.Weights(pool, call, selected, output);
    }

    /// <summary>Packs the keys and values of every head.</summary>
    public static void Pack(WorkerPool pool, in PackCall call)
    {
        var isa = pool.Kernels.Isa;
        if (isa.Wide) pool.Run(new PackHeadWork<Lanes512> { Call = call }, call.Heads);
        else if (isa.Set >= InstructionSet.Avx2) pool.Run(new PackHeadWork<Lanes256> { Call = call }, call.Heads);
        else pool.Run(new PackHeadWork<Lanes128> { Call = call }, call.Heads);
    }
}

/// <summary>Packs the keys and values of one head.</summary>
internal unsafe struct PackHeadWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    public PackCall Call;

    public readonly void Execute(int part)
    {
        int size = Call.Layout.Size;
        byte* panels = Call.Panels + part * Call.Layout.Bytes;
        nint stride = (nint)Call.Heads * size;
        float* keys = Call.Keys + part * size, values = Call.Values + part * size;
        if (Call.Layout.KeyKernel.HoldsIntegers)
            Int8HeadPanels<TLanes>.PackKeys(Call.Layout, keys, stride, Call.Positions, panels);
        else HeadPanels<TLanes>.PackKeys(Call.Layout, new HeadRows(keys, stride, 0, Call.Positions), panels);
        if (Call.Layout.Type == PanelType.Int8)
            Int8HeadPanels<TLanes>.PackValues(Call.Layout, values, stride, Call.Positions, panels);
        else HeadPanels<TLanes>.PackValues(Call.Layout, new HeadRows(values, stride, 0, Call.Positions), panels);
    }
}
