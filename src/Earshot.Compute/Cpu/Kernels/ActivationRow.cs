namespace Earshot.Compute.Cpu.Kernels;

/// <summary>An activation of some elements in place, on the thread that calls.</summary>
internal static unsafe class ActivationRow
{
    public static void Apply<TLanes>(Activation activation, float* x, int count) where TLanes : struct, ILanes<TLanes>
    {
        switch (activation)
        {
            case Activation.Gelu: Apply<TLanes, Gelu<TLanes>>(x, count); break;
            case Activation.Silu: Apply<TLanes, Silu<TLanes>>(x, count); break;
            case Activation.Relu: Apply<TLanes, Relu<TLanes>>(x, count); break;
            case Activation.Sigmoid: Apply<TLanes, Sigmoid<TLanes>>(x, count); break;
            case Activation.LeakyRelu: Apply<TLanes, LeakyRelu<TLanes>>(x, count); break;
            case Activation.Abs: Apply<TLanes, Abs<TLanes>>(x, count); break;
            case Activation.Tanh: Apply<TLanes, Tanh<TLanes>>(x, count); break;
            case Activation.GeluTanh: Apply<TLanes, GeluTanh<TLanes>>(x, count); break;
            case Activation.QuickGelu: Apply<TLanes, QuickGelu<TLanes>>(x, count); break;
            case Activation.Elu: Apply<TLanes, Elu<TLanes>>(x, count); break;
            default: break;
        }
    }

    static void Apply<TLanes, TActivation>(float* x, int count)
        where TLanes : struct, ILanes<TLanes>
        where TActivation : struct, IActivation<TLanes>
    {
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count) TActivation.Apply(TLanes.Load(x + i)).Store(x + i);
        if (i == count) return;
        float* rest = stackalloc float[TLanes.Count];
        new Span<float>(rest, TLanes.Count).Clear();
        new Span<float>(x + i, count - i).CopyTo(new Span<float>(rest, count - i));
        TActivation.Apply(TLanes.Load(rest)).Store(rest);
        new Span<float>(rest, count - i).CopyTo(new Span<float>(x + i, count - i));
    }
}
