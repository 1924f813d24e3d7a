namespace Earshot.Compute;

// Elements by themselves, and what moves them.
public static partial class TensorOperations
{
    public static Tensor Multiply(this Tensor left, Tensor right) => left.Backend.Multiply(left, right);

    public static Tensor Activate(this Tensor x, Activation activation) => x.Backend.Activate(x, activation);

    /// <summary>x where it is positive, else x · slope.</summary>
    public static Tensor LeakyRelu(this Tensor x, float slope) => x.Backend.LeakyRelu(x, slope);

    public static Tensor Apply(this Tensor x, Function function) => x.Backend.Apply(x, function);

    /// <summary>The sum, mean or largest along a dimension, which remains as one.</summary>
    public static Tensor Reduce(this Tensor x, Reduction reduction, Index dimension) => x.Backend.Reduce(x, reduction, dimension);

    public static Tensor Softmax(this Tensor x) => x.Backend.Softmax(x);

    public static Tensor LogSoftmax(this Tensor x) => x.Backend.LogSoftmax(x);

    /// <summary>Some positions of one dimension.</summary>
    public static Tensor Slice(this Tensor x, Index dimension, Range range) => x.Backend.Slice(x, dimension, range);

    /// <summary>The dimensions in another order: dimension i of the result is dimension <c>order[i]</c> of x.</summary>
    public static Tensor Transpose(this Tensor x, params ReadOnlySpan<int> order) => x.Backend.Transpose(x, order);

    /// <summary>The same elements in another shape.</summary>
    public static Tensor Reshape(this Tensor x, params ReadOnlySpan<int> dimensions) => x.Backend.Reshape(x, new Shape(dimensions));

    /// <summary>activation(gate) · up, as gated MLPs have it: SwiGLU with SiLU, GeGLU with GELU.</summary>
    public static Tensor GatedMultiply(this Tensor gate, Tensor up, Activation activation) =>
        gate.Backend.GatedMultiply(gate, up, activation);

    /// <summary>The first half of the last dimension times the sigmoid of the second.</summary>
    public static Tensor Glu(this Tensor x) => x.Backend.Glu(x);

    public static Tensor Magnitude(this Tensor x) => x.Backend.Magnitude(x);

    /// <summary>x over its length, over the last dimension.</summary>
    public static Tensor L2Normalize(this Tensor x, float epsilon = 1e-12f) => x.Backend.L2Normalize(x, epsilon);

    /// <summary>x / √(mean of x² + ε) over the last dimension: parameter <c>weight</c>.</summary>
    public static Tensor RmsNorm(this Tensor x, Scope w, float epsilon) =>
        x.Backend.RmsNorm(x, w.Parameter("weight", new Shape(x.Shape[^1])), epsilon);

    /// <summary>The product of each pair of matrices: (…, m, k)·(…, k, n) → (…, m, n), or right (…, n, k) if transposed.</summary>
    public static Tensor MatMul(this Tensor left, Tensor right, bool transposed = false) => left.Backend.MatMul(left, right, transposed);

    /// <summary>
    /// Turns the heads of x (…, heads × size) by their positions (…) of int32. Queries and keys of several layers share a table: see
    /// <see cref="Backend.RotaryTable"/> and <see cref="Rotate"/>.
    /// </summary>
    public static Tensor Rotary(this Tensor x, Tensor positions, Rotary rotary, int heads) =>
        x.Backend.Rotate(x, x.Backend.RotaryTable(positions, rotary), heads);

    /// <summary>Turns the heads of x (…, heads × size) by a <see cref="Backend.RotaryTable"/>.</summary>
    public static Tensor Rotate(this Tensor x, Tensor table, int heads) => x.Backend.Rotate(x, table, heads);
}
