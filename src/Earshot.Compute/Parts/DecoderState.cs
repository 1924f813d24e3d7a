namespace Earshot.Compute.Parts;

/// <summary>What a decoder carries from step to step.</summary>
public sealed class DecoderState : IDisposable
{
    /// <summary>Self-attention's past, a cache a layer.</summary>
    public required IReadOnlyList<KeyValueCache> Past { get; init; }

    /// <summary>Cross-attention's keys and values, a memory a layer; empty where the decoder has none.</summary>
    public IReadOnlyList<CrossAttentionMemory> Memory { get; init; } = [];

    /// <summary>Which sequence and position each token of the coming step has.</summary>
    public BatchLayout Layout { get; } = new();

    /// <summary>Who looks at the attention of the alignment heads in the coming step; usually nobody.</summary>
    public List<AlignmentProbe> Probes { get; } = [];

    /// <summary>To be called by a decoder's layer with its cross-attention's queries, (tokens, heads × size).</summary>
    public void Observe(int layer, Tensor query, Heads heads)
    {
        for (int i = 0; i < Probes.Count; i++) Probes[i].Record(layer, query, this, heads);
    }

    public void Dispose()
    {
        foreach (var cache in Past) cache.Dispose();
        foreach (var memory in Memory) memory.Dispose();
    }
}

/// <summary>
/// Collects the cross-attention of the heads that follow the audio in time, of all tokens of a step or of a stretch of them: other
/// requests in the same step are neither looked at nor disturbed.
/// </summary>
public sealed class AlignmentProbe(IReadOnlyList<AlignmentHead> alignmentHeads)
{
    readonly Dictionary<int, Tensor> _byLayer = [];
    readonly BatchLayout _observed = new();
    Tensor? _indices;

    public IReadOnlyList<AlignmentHead> Heads => alignmentHeads;

    /// <summary>The selected heads of a layer, in the order in which <see cref="Of"/> has them.</summary>
    public int[] HeadsOf(int layer) => [.. alignmentHeads.Where(pair => pair.Layer == layer).Select(pair => pair.Head)];

    /// <summary>Probabilities (tokens, selected heads of the layer, positions), or null where the layer has none.</summary>
    public Tensor? Of(int layer) => _byLayer.GetValueOrDefault(layer);

    /// <summary>Looks at some tokens of the coming step only: <paramref name="indices"/> are theirs, as a tensor and as numbers.</summary>
    public void Look(BatchLayout layout, ReadOnlySpan<int> tokens, Tensor indices)
    {
        ArgumentNullException.ThrowIfNull(layout);
        _indices = indices;
        _observed.Clear();
        foreach (int token in tokens) _observed.Add(layout.Rows[token], layout.Positions[token], layout.Slots[token]);
    }

    internal void Record(int layer, Tensor query, DecoderState state, Heads heads)
    {
        var selected = HeadsOf(layer);
        if (selected.Length == 0) return;
        var layout = state.Layout;
        if (_indices is not null) (query, layout) = (query.SelectRows(_indices), _observed);
        _byLayer[layer] = query.Backend.CrossAttentionWeights(query, state.Memory[layer], layout, heads, selected);
    }
}
