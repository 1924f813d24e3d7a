namespace Earshot.Compute.Parts;

/// <summary>What a decoder carries from step to step.</summary>
public sealed class DecoderState : IDisposable
{
    Tensor[] _parts = [];

    /// <summary>Self-attention's past, a cache a layer.</summary>
    public required IReadOnlyList<KeyValueCache> Past { get; init; }

    /// <summary>Cross-attention's keys and values, a memory a layer; empty where the decoder has none.</summary>
    public IReadOnlyList<CrossAttentionMemory> Memory { get; init; } = [];

    /// <summary>Which sequence and position each token of the coming step has.</summary>
    public BatchLayout Layout { get; } = new();

    /// <summary>Who looks at the attention of the alignment heads in the coming step; usually nobody.</summary>
    public List<AlignmentProbe> Probes { get; } = [];

    /// <summary>Which tokens of the coming step have an adapter, each at most one; usually none has.</summary>
    public List<AdaptedTokens> Adapted { get; } = [];

    /// <summary>
    /// Where each token of the coming step is found behind all tokens and those of <see cref="Adapted"/>, one list after the other: (n) of
    /// int32. Null where all tokens have one adapter, or none has.
    /// </summary>
    public Tensor? AdaptedOrder { get; set; }

    /// <summary>To be called by a decoder's layer with its cross-attention's queries, (tokens, heads × size).</summary>
    public void Observe(int layer, Tensor query, Heads heads)
    {
        for (int i = 0; i < Probes.Count; i++) Probes[i].Record(layer, query, this, heads);
    }

    /// <summary>
    /// To be called by a decoder's layer with the result of a linear layer, (n, outputs), and its input, (n, inputs): each token gets what
    /// its own adapter adds. The others' results are copied as they are, so that company changes no bit.
    /// </summary>
    public Tensor Adapt(Tensor result, Tensor input, Scope layer)
    {
        if (Adapted.Count == 0) return result;
        if (AdaptedOrder is null) return Adapted[0].Adapter.Add(result, input, layer);
        bool changes = false;
        for (int i = 0; i < Adapted.Count; i++) changes |= Adapted[i].Adapter.Changes(layer);
        if (!changes) return result;
        if (_parts.Length != Adapted.Count + 1) _parts = new Tensor[Adapted.Count + 1];
        _parts[0] = result;
        for (int i = 0; i < Adapted.Count; i++)
        {
            var (adapter, tokens) = Adapted[i];
            var part = result.SelectRows(tokens!);
            _parts[i + 1] = adapter.Changes(layer) ? adapter.Add(part, input.SelectRows(tokens!), layer) : part;
        }
        return result.Backend.Concat(_parts, 0).SelectRows(AdaptedOrder);
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
