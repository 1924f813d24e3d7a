namespace Earshot.Compute;

// Operations written in others, which a backend may do in one pass.
public abstract partial class Backend
{
    /// <summary>The sum, then the activation; shapes as of <see cref="Add(Tensor, Tensor)"/>.</summary>
    public virtual Tensor Add(Tensor left, Tensor right, Activation activation) => Activate(Add(left, right), activation);

    /// <summary>The mean over time: (batch, time, n) → (batch, 1, n).</summary>
    public virtual Tensor Mean(Tensor x) => AveragePool(x, Math.Max(1, x.Shape[1]));

    /// <summary><see cref="Affine"/> of the parts side by side.</summary>
    public virtual Tensor ConcatAffine(ReadOnlySpan<Tensor> parts, Parameter scale, Parameter shift, Activation activation) =>
        Affine(Concat(parts), scale, shift, activation);

    /// <summary>Frees all temporaries made since the mark but the result, which moves to where they began; use what is returned.</summary>
    public virtual Tensor Keep(Tensor result, Mark mark) => result;
}
