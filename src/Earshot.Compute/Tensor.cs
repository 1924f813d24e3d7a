namespace Earshot.Compute;

/// <summary>A value that a backend made; what it holds, numbers, a graph's edge, or only a shape, is the backend's matter.</summary>
public abstract class Tensor
{
    /// <summary>Who computes on it.</summary>
    public abstract Backend Backend { get; }

    public abstract Shape Shape { get; }

    public abstract DType Type { get; }

    public static Tensor operator +(Tensor left, Tensor right) => left.Backend.Add(left, right);
}
