using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Operations on each element or each row.</summary>
internal static unsafe class Elementwise
{
    public static float Apply(Activation activation, float x) => activation switch
    {
        Activation.None => x,
        Activation.Gelu => 0.5f * x * (1 + Erf(x * 0.70710678f)),
        Activation.Silu => x / (1 + MathF.Exp(-x)),
        Activation.Relu => MathF.Max(x, 0),
        Activation.Sigmoid => 1 / (1 + MathF.Exp(-x)),
        _ => throw new ModelException($"Activation {activation} is not known to the CPU backend."),
    };

    public static void Apply(Activation activation, ReadOnlySpan<float> x, Span<float> y)
    {
        for (int i = 0; i < x.Length; i++) y[i] = Apply(activation, x[i]);
    }

    public static void LayerNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, float epsilon, Span<float> y)
    {
        float mean = TensorPrimitives.Sum(x) / x.Length;
        TensorPrimitives.Subtract(x, mean, y);
        float variance = TensorPrimitives.SumOfSquares(y) / x.Length;
        TensorPrimitives.Multiply(y, 1 / MathF.Sqrt(variance + epsilon), y);
        TensorPrimitives.MultiplyAdd(y, weight, bias, y);
    }

    /// <summary>Gates (i, f, g, o) before activation, 4 × size → the new cell and hidden values.</summary>
    public static void LstmGates(Span<float> gates, Span<float> cell, Span<float> hidden)
    {
        int size = cell.Length;
        TensorPrimitives.Sigmoid(gates[..(2 * size)], gates[..(2 * size)]);
        TensorPrimitives.Tanh(gates.Slice(2 * size, size), gates.Slice(2 * size, size));
        TensorPrimitives.Sigmoid(gates.Slice(3 * size, size), gates.Slice(3 * size, size));
        TensorPrimitives.Multiply(cell, gates.Slice(size, size), cell);
        TensorPrimitives.MultiplyAdd(gates[..size], gates.Slice(2 * size, size), cell, cell);
        TensorPrimitives.Tanh(cell, hidden);
        TensorPrimitives.Multiply(hidden, gates.Slice(3 * size, size), hidden);
    }

    // Abramowitz and Stegun 7.1.26 in double precision where it is cheap: absolute error 1.5e-7.
    static float Erf(float x)
    {
        float a = MathF.Abs(x);
        float t = 1 / (1 + 0.3275911f * a);
        float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
        return MathF.CopySign(1 - p * MathF.Exp(-a * a), x);
    }
}
