using Earshot.Compute;

namespace Earshot.Models;

/// <summary>Self-attention over whole sequences and a feed-forward network, both added to its input: encoders are stacks of them.</summary>
public sealed record TransformerLayer
{
    /// <summary>Values of a position.</summary>
    public required int Size { get; init; }

    public required int Heads { get; init; }

    /// <summary>Values between the two matrices of the feed-forward network.</summary>
    public required int InnerSize { get; init; }

    public required TransformerNames Names { get; init; }

    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>Whether attention and network read what is normalised; else each sum is normalised after it.</summary>
    public bool NormFirst { get; init; } = true;

    /// <summary>Whether keys have a bias, which scores cannot tell; some checkpoints leave it out.</summary>
    public bool HasKeyBias { get; init; } = true;

    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>(batch, time, size) → (batch, time, size).</summary>
    public Tensor Apply(Tensor x, Scope w)
    {
        Scope attention = w / Names.Attention, attentionNorm = w / Names.AttentionNorm, networkNorm = w / Names.NetworkNorm;
        var h = NormFirst ? x.LayerNorm(attentionNorm, NormEpsilon) : x;
        var (query, key, value) = h.Linear(
            new(attention / "q_proj", Size), new(attention / "k_proj", Size, HasKeyBias), new(attention / "v_proj", Size));
        h = x.Backend.Attention(query, key, value, new Heads(Heads));
        x = h.Linear(attention / "out_proj", Size, residual: x);
        if (!NormFirst) x = x.LayerNorm(attentionNorm, NormEpsilon);

        h = NormFirst ? x.LayerNorm(networkNorm, NormEpsilon) : x;
        h = h.Linear(w / Names.Inner, InnerSize, Activation); // (batch, time, inner)
        x = h.Linear(w / Names.Outer, Size, residual: x);
        return NormFirst ? x : x.LayerNorm(networkNorm, NormEpsilon);
    }
}

/// <summary>What a checkpoint calls the parts of a <see cref="TransformerLayer"/>.</summary>
/// <param name="Attention">Self-attention, with <c>q_proj</c>, <c>k_proj</c>, <c>v_proj</c> and <c>out_proj</c> below.</param>
/// <param name="AttentionNorm">The attention's normalisation.</param>
/// <param name="Inner">The first matrix of the feed-forward network.</param>
/// <param name="Outer">Its second matrix.</param>
/// <param name="NetworkNorm">The network's normalisation.</param>
public sealed record TransformerNames(string Attention, string AttentionNorm, string Inner, string Outer, string NetworkNorm);
