namespace Earshot.Compute;

/// <summary>What is done with two tensors element by element.</summary>
public enum Arithmetic
{
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// <summary>What becomes of the elements along a dimension.</summary>
public enum Reduction
{
    Sum,
    Mean,
    Max,
}

/// <summary>
/// A function of each element that composites are written with; those that follow a product are <see cref="Activation"/>s.
/// </summary>
public enum Function
{
    Exp,

    /// <summary>The natural logarithm.</summary>
    Log,

    Sqrt,
    Sin,
    Cos,

    /// <summary>The largest whole number that is not above.</summary>
    Floor,
}
