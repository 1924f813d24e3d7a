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
}
