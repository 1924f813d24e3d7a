namespace Earshot.Compute;

// Operations written in the abstract ones, which a backend may do in one pass.
public abstract partial class Backend
{
    /// <summary>
    /// Several linear layers of the same input, as an attention's projections are; a backend may share what they have in common.
    /// </summary>
    public virtual void Linear(Tensor x, ReadOnlySpan<LinearWeights> layers, Span<Tensor> results)
    {
        for (int i = 0; i < layers.Length; i++) results[i] = Linear(x, layers[i].Weight, layers[i].Bias, default);
    }

    /// <summary>The sum, shapes as of <see cref="Combine"/>.</summary>
    public Tensor Add(Tensor left, Tensor right) => Combine(left, right, Arithmetic.Add);

    public Tensor Subtract(Tensor left, Tensor right) => Combine(left, right, Arithmetic.Subtract);

    public Tensor Multiply(Tensor left, Tensor right) => Combine(left, right, Arithmetic.Multiply);

    public Tensor Divide(Tensor left, Tensor right) => Combine(left, right, Arithmetic.Divide);

    /// <summary>The sum, then the activation.</summary>
    public virtual Tensor Add(Tensor left, Tensor right, Activation activation) => Activate(Add(left, right), activation);

    /// <summary>
    /// x where it is positive, else x · slope, of any slope; <see cref="Activation.LeakyRelu"/> is the usual one, joined to products.
    /// </summary>
    public virtual Tensor LeakyRelu(Tensor x, float slope) =>
        Subtract(Activate(x, Activation.Relu), Scale(Activate(Scale(x, -1), Activation.Relu), slope));

    /// <summary>activation(gate) · up, as gated MLPs have it: SwiGLU with SiLU, GeGLU with GELU.</summary>
    public virtual Tensor GatedMultiply(Tensor gate, Tensor up, Activation activation) => Multiply(Activate(gate, activation), up);

    /// <summary>The first half of the last dimension times the sigmoid of the second: (…, 2n) → (…, n).</summary>
    public virtual Tensor Glu(Tensor x)
    {
        int half = Half(x);
        return Multiply(Slice(x, ^1, ..half), Activate(Slice(x, ^1, half..), Activation.Sigmoid));
    }

    /// <summary>
    /// √(re² + im²) where the first half of the last dimension is the real parts and the second the imaginary: (…, 2n) → (…, n).
    /// </summary>
    public virtual Tensor Magnitude(Tensor x)
    {
        int half = Half(x);
        Tensor real = Slice(x, ^1, ..half), imaginary = Slice(x, ^1, half..);
        return Apply(Add(Multiply(real, real), Multiply(imaginary, imaginary)), Function.Sqrt);
    }

    /// <summary>activation(x · scale + shift), scale and shift (size) for the elements of the last dimension.</summary>
    public virtual Tensor Affine(Tensor x, Parameter scale, Parameter shift, Activation activation) =>
        Add(Multiply(x, Value(scale)), Value(shift), activation);

    /// <summary><see cref="Affine"/> of the parts side by side.</summary>
    public virtual Tensor ConcatAffine(ReadOnlySpan<Tensor> parts, Parameter scale, Parameter shift, Activation activation) =>
        Affine(Concat(parts), scale, shift, activation);

    /// <summary>Side by side in the last dimension; the others are the same.</summary>
    public Tensor Concat(ReadOnlySpan<Tensor> parts) => Concat(parts, ^1);

    /// <summary>(x − mean) / √(variance + ε) · weight + bias over the last dimension.</summary>
    public virtual Tensor LayerNorm(Tensor x, Parameter weight, Parameter bias, float epsilon)
    {
        var centred = Subtract(x, Reduce(x, Reduction.Mean, ^1));
        return Affine(
            Divide(centred, Root(Reduce(Multiply(centred, centred), Reduction.Mean, ^1), epsilon)), weight, bias, Activation.None);
    }

    /// <summary>x / √(mean of x² + ε) · weight over the last dimension.</summary>
    public virtual Tensor RmsNorm(Tensor x, Parameter weight, float epsilon) =>
        Multiply(Divide(x, Root(Reduce(Multiply(x, x), Reduction.Mean, ^1), epsilon)), Value(weight));

    /// <summary>x over its length, √(sum of x²) but at least ε, over the last dimension.</summary>
    public virtual Tensor L2Normalize(Tensor x, float epsilon)
    {
        var length = Apply(Reduce(Multiply(x, x), Reduction.Sum, ^1), Function.Sqrt);
        // The larger of two numbers is one plus what the other is above it.
        return Divide(x, Scale(Activate(Scale(length, 1, -epsilon), Activation.Relu), 1, epsilon));
    }

    /// <summary>eˣ over the sum of all, over the last dimension.</summary>
    public virtual Tensor Softmax(Tensor x)
    {
        var exponentials = Apply(Subtract(x, Reduce(x, Reduction.Max, ^1)), Function.Exp);
        return Divide(exponentials, Reduce(exponentials, Reduction.Sum, ^1));
    }

    /// <summary>log(softmax(x)) over the last dimension.</summary>
    public virtual Tensor LogSoftmax(Tensor x)
    {
        var shifted = Subtract(x, Reduce(x, Reduction.Max, ^1));
        return Subtract(shifted, Apply(Reduce(Apply(shifted, Function.Exp), Reduction.Sum, ^1), Function.Log));
    }

    /// <summary>Rows of a table: indices (…) of int32, table (entries, size) → (…, size).</summary>
    public virtual Tensor Embed(Tensor indices, Parameter table) =>
        Reshape(SelectRows(Value(table), indices), indices.Shape.Append(table.Shape[1]));

    /// <summary>The table's first rows added to each sequence: x (batch, time, size), table (at least time, size).</summary>
    public virtual Tensor AddPositions(Tensor x, Parameter table) => Add(x, Slice(Value(table), 0, ..x.Shape[1]));

    /// <summary>√(x + ε).</summary>
    protected Tensor Root(Tensor x, float epsilon) => Apply(Scale(x, 1, epsilon), Function.Sqrt);

    static int Half(Tensor x) =>
        x.Shape[^1] % 2 == 0 ? x.Shape[^1] / 2 : throw new ModelException($"The last dimension of {x.Shape} has no halves.");
}
