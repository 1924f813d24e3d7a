using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// Whisper, every size and variant, as functions over tensors. After "Robust Speech Recognition via Large-Scale Weak
/// Supervision" (Radford et al., 2022), with the parameter names of Hugging Face's checkpoints.
/// </summary>
public static class WhisperModel
{
    /// <summary>Where a checkpoint's encoder and decoder are: below <c>model</c>, which some exports leave out of the names.</summary>
    public static Scope ModelScope(Scope root)
    {
        ArgumentNullException.ThrowIfNull(root);
        return (root / "model" / "encoder" / "conv1").Has("weight") ? root / "model" : root;
    }

    /// <summary>Features (batch, frames, mels) → (batch, frames / 2, size). <paramref name="w"/> is <c>model.encoder</c>.</summary>
    public static Tensor Encode(Tensor features, Scope w, WhisperConfig config)
    {
        int size = config.DModel;
        var x = features.Convolve(w / "conv1", size, kernel: 3, new Convolution(Stride: 1, PadLeft: 1, PadRight: 1, Activation: Activation.Gelu)); // (batch, frames, size)
        x = x.Convolve(w / "conv2", size, kernel: 3, new Convolution(Stride: 2, PadLeft: 1, PadRight: 1, Activation: Activation.Gelu)); // (batch, frames / 2, size)
        x = x.Backend.AddPositions(x, (w / "embed_positions").Parameter("weight", new Shape(config.MaxSourcePositions, size)));

        for (int i = 0; i < config.EncoderLayers; i++)
        {
            var mark = x.Backend.Mark();
            x = x.Backend.Replace(x, EncoderLayer(x, w / "layers" / i, config), mark);
        }
        return x.LayerNorm(w / "layer_norm");
    }

    /// <summary>Keeps each decoder layer's cross-attention keys and values of encoded audio, (batch, positions, size), from slot <paramref name="firstSlot"/> on. <paramref name="w"/> is <c>model.decoder</c>.</summary>
    public static void Remember(Tensor encoded, IReadOnlyList<AttentionMemory> memories, int firstSlot, Scope w, WhisperConfig config)
    {
        for (int i = 0; i < config.DecoderLayers; i++)
        {
            var attention = w / "layers" / i / "encoder_attn";
            var (key, value) = encoded.Linear(attention / "k_proj", attention / "v_proj", config.DModel);
            encoded.Backend.Remember(key, value, memories[i], firstSlot);
        }
    }

    /// <summary>Tokens and their positions, (n) each, laid out by the state → hidden values (n, size) before the output projection. <paramref name="w"/> is <c>model.decoder</c>.</summary>
    public static Tensor Decode(Tensor tokens, Tensor positions, WhisperDecoderState state, Scope w, WhisperConfig config)
    {
        var backend = tokens.Backend;
        var x = backend.Embed(tokens, TokenTable(w, config))
            + backend.Embed(positions, (w / "embed_positions").Parameter("weight", new Shape(config.MaxTargetPositions, config.DModel))); // (n, size)

        for (int i = 0; i < config.DecoderLayers; i++) x = DecoderLayer(x, state, i, w / "layers" / i, config);
        return x.LayerNorm(w / "layer_norm");
    }

    /// <summary>Hidden values (n, size) → logits (n, vocabulary); the projection is the token table unless the checkpoint has its own.</summary>
    public static Tensor Logits(Tensor hidden, Scope root, Scope w, WhisperConfig config)
    {
        var own = config.TieWordEmbeddings ? null : (root / "proj_out").Optional("weight", new Shape(config.VocabSize, config.DModel));
        return hidden.Backend.Linear(hidden, own ?? TokenTable(w, config), bias: null, default);
    }

    static Tensor EncoderLayer(Tensor x, Scope w, WhisperConfig config)
    {
        int size = config.DModel;
        var h = x.LayerNorm(w / "self_attn_layer_norm");
        var attention = w / "self_attn";
        var (query, key, value) = h.Linear(attention / "q_proj", attention / "k_proj", attention / "v_proj", size);
        h = x.Backend.Attention(query, key, value, new Heads(config.EncoderAttentionHeads));
        x = h.Linear(attention / "out_proj", size, residual: x);

        h = x.LayerNorm(w / "final_layer_norm");
        h = h.Linear(w / "fc1", config.EncoderFfnDim, Activation.Gelu); // (batch, time, ffn)
        return h.Linear(w / "fc2", size, residual: x);
    }

    static Tensor DecoderLayer(Tensor x, WhisperDecoderState state, int layer, Scope w, WhisperConfig config)
    {
        int size = config.DModel;
        var heads = new Heads(config.DecoderAttentionHeads);
        var attention = w / "self_attn";
        var h = x.LayerNorm(w / "self_attn_layer_norm");
        var (query, key, value) = h.Linear(attention / "q_proj", attention / "k_proj", attention / "v_proj", size);
        h = x.Backend.AttentionWithCache(query, key, value, state.Past[layer], state.Layout, heads);
        x = h.Linear(attention / "out_proj", size, residual: x);

        attention = w / "encoder_attn";
        h = x.LayerNorm(w / "encoder_attn_layer_norm");
        query = h.Linear(attention / "q_proj", size);
        state.Observe(layer, query, heads);
        h = x.Backend.AttentionOver(query, state.Audio[layer], state.Layout, heads);
        x = h.Linear(attention / "out_proj", size, residual: x);

        h = x.LayerNorm(w / "final_layer_norm");
        h = h.Linear(w / "fc1", config.DecoderFfnDim, Activation.Gelu); // (n, ffn)
        return h.Linear(w / "fc2", size, residual: x);
    }

    static Parameter TokenTable(Scope w, WhisperConfig config) =>
        (w / "embed_tokens").Parameter("weight", new Shape(config.VocabSize, config.DModel));
}

/// <summary>What the decoder carries from step to step.</summary>
public sealed class WhisperDecoderState : IDisposable
{
    /// <summary>Self-attention's past, a cache a layer.</summary>
    public required IReadOnlyList<KeyValueCache> Past { get; init; }

    /// <summary>Cross-attention's keys and values, a memory a layer.</summary>
    public required IReadOnlyList<AttentionMemory> Audio { get; init; }

    /// <summary>Which sequence and position each token of the coming step has.</summary>
    public BatchLayout Layout { get; } = new();

    /// <summary>Alignment heads by layer, and where their attention goes; null when nobody looks.</summary>
    public AlignmentProbe? Probe { get; set; }

    internal void Observe(int layer, Tensor query, Heads heads) => Probe?.Record(layer, query, Audio[layer], Layout, heads);

    public void Dispose()
    {
        foreach (var cache in Past) cache.Dispose();
        foreach (var memory in Audio) memory.Dispose();
    }
}

/// <summary>Collects the cross-attention of the heads that follow the audio in time, as (layer, head) pairs in the configuration's order.</summary>
public sealed class AlignmentProbe(IReadOnlyList<AlignmentHead> alignmentHeads)
{
    readonly Dictionary<int, Tensor> _byLayer = [];

    public IReadOnlyList<AlignmentHead> Heads => alignmentHeads;

    /// <summary>The selected heads of a layer, in the order in which <see cref="Of"/> has them.</summary>
    public int[] HeadsOf(int layer) => [.. alignmentHeads.Where(pair => pair.Layer == layer).Select(pair => pair.Head)];

    /// <summary>Probabilities (tokens, selected heads of the layer, positions), or null where the layer has none.</summary>
    public Tensor? Of(int layer) => _byLayer.GetValueOrDefault(layer);

    internal void Record(int layer, Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads)
    {
        var selected = HeadsOf(layer);
        if (selected.Length > 0) _byLayer[layer] = query.Backend.AttentionWeights(query, memory, layout, heads, selected);
    }
}
