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
}
