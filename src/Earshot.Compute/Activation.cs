namespace Earshot.Compute;

/// <summary>The function applied to each element after an operation.</summary>
public enum Activation
{
    None,

    /// <summary>x·Φ(x) with the exact error function, as Whisper uses it.</summary>
    Gelu,

    /// <summary>x·sigmoid(x), also called swish.</summary>
    Silu,

    Relu,

    Sigmoid,

    /// <summary>x where it is positive, else x / 100: PyTorch's default slope.</summary>
    LeakyRelu,

    /// <summary>The magnitude.</summary>
    Abs,

    Tanh,

    /// <summary>
    /// GELU by a hyperbolic tangent, x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2: <c>gelu_new</c> and <c>gelu_pytorch_tanh</c>.
    /// </summary>
    GeluTanh,

    /// <summary>x·sigmoid(1.702·x): <c>quick_gelu</c>.</summary>
    QuickGelu,

    /// <summary>x where it is positive, else eˣ − 1.</summary>
    Elu,
}
