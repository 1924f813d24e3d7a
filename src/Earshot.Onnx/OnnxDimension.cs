using System.Globalization;

namespace Earshot.Onnx;

/// <summary>One dimension of a shape: a number, a symbol such as <c>batch</c>, or unknown.</summary>
public readonly record struct OnnxDimension
{
    /// <exception cref="ArgumentOutOfRangeException">The size is negative.</exception>
    public OnnxDimension(long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        Size = size;
    }

    /// <summary>A dimension known by name only; two of the same name are equal at run time.</summary>
    public OnnxDimension(string symbol)
    {
        ArgumentException.ThrowIfNullOrEmpty(symbol);
        Symbol = symbol;
    }

    /// <summary>The number, or null where it is not known before running.</summary>
    public long? Size { get; }

    /// <summary>The name, or null where the dimension is a number or unknown.</summary>
    public string? Symbol { get; }

    /// <summary>A dimension of which nothing is known.</summary>
    public static OnnxDimension Unknown => default;

    public bool IsUnknown => Size is null && Symbol is null;

    /// <summary>Whether both are certainly the same number at run time.</summary>
    public bool Matches(OnnxDimension other) => !IsUnknown && this == other;

    public static implicit operator OnnxDimension(long size) => new(size);

    public static implicit operator OnnxDimension(string symbol) => new(symbol);

    /// <summary>The number, the symbol, or <c>?</c>.</summary>
    public override string ToString() => Size?.ToString(CultureInfo.InvariantCulture) ?? Symbol ?? "?";
}
