namespace Earshot.Compute;

/// <summary>A value that a backend made; what it holds, numbers, a graph's edge, or only a shape, is the backend's matter.</summary>
public abstract class Tensor
{
    /// <summary>Who computes on it.</summary>
    public abstract Backend Backend { get; }

    public abstract Shape Shape { get; }

    public abstract DType Type { get; }

    public static Tensor operator +(Tensor left, Tensor right) => left.Backend.Add(left, right);

    public static Tensor operator -(Tensor left, Tensor right) => left.Backend.Subtract(left, right);

    public static Tensor operator *(Tensor left, Tensor right) => left.Backend.Multiply(left, right);

    public static Tensor operator /(Tensor left, Tensor right) => left.Backend.Divide(left, right);

    public static Tensor operator +(Tensor x, float addend) => x.Backend.Scale(x, 1, addend);

    public static Tensor operator *(Tensor x, float factor) => x.Backend.Scale(x, factor);
}
