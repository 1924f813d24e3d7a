using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>Whisper's decoder, every size and variant.</summary>
public sealed class WhisperTextDecoder(WhisperConfig config, IReadOnlyList<AlignmentHead> alignmentHeads) : IDecoder
{
    readonly Heads _heads = new(config.DecoderAttentionHeads);

    public DecoderShape Shape { get; } = new()
    {
        Layers = config.DecoderLayers,
        Width = config.DModel,
        Heads = new Heads(config.DecoderAttentionHeads),
        HeadSize = config.DModel / config.DecoderAttentionHeads,
        VocabSize = config.VocabSize,
        MostPositions = config.MaxTargetPositions,
        MemoryPositions = config.MaxSourcePositions,
        AlignmentHeads = alignmentHeads,
    };

    public void StoreMemory(Tensor encoded, IReadOnlyList<CrossAttentionMemory> memories, int firstSlot, Scope root)
    {
        var w = Root(root);
        for (int i = 0; i < config.DecoderLayers; i++)
        {
            var attention = w / "layers" / i / "encoder_attn";
            var (key, value) = encoded.Linear(
                new(attention / "k_proj", config.DModel, Bias: false), new(attention / "v_proj", config.DModel));
            encoded.Backend.StoreMemory(key, value, memories[i], firstSlot);
        }
    }

    public Tensor Embed(Tensor tokens, Scope root) => tokens.Backend.Embed(tokens, TokenTable(root));

    public Tensor Decode(Tensor embedded, Tensor positions, DecoderState state, Scope root)
    {
        var w = Root(root);
        var table = (w / "embed_positions").Parameter("weight", new Shape(config.MaxTargetPositions, config.DModel));
        var x = embedded + embedded.Backend.Embed(positions, table); // (n, size)
        for (int i = 0; i < config.DecoderLayers; i++) x = Layer(x, state, i, w / "layers" / i);
        return x.LayerNorm(w / "layer_norm");
    }

    /// <summary>The projection is the token table unless the checkpoint has its own.</summary>
    public Tensor Logits(Tensor hidden, Scope root)
    {
        var own = config.TieWordEmbeddings ? null : (root / "proj_out").Optional("weight", new Shape(config.VocabSize, config.DModel));
        return hidden.Backend.Linear(hidden, own ?? TokenTable(root), bias: null, default);
    }

    Tensor Layer(Tensor x, DecoderState state, int layer, Scope w)
    {
        int size = config.DModel;
        var attention = w / "self_attn";
        var h = x.LayerNorm(w / "self_attn_layer_norm");
        var (query, key, value) = h.Linear(
            new(attention / "q_proj", size), new(attention / "k_proj", size, Bias: false), new(attention / "v_proj", size));
        h = x.Backend.AttentionWithCache(query, key, value, state.Past[layer], state.Layout, _heads);
        x = h.Linear(attention / "out_proj", size, residual: x);

        attention = w / "encoder_attn";
        h = x.LayerNorm(w / "encoder_attn_layer_norm");
        query = h.Linear(attention / "q_proj", size);
        state.Observe(layer, query, _heads);
        h = x.Backend.CrossAttention(query, state.Memory[layer], state.Layout, _heads);
        x = h.Linear(attention / "out_proj", size, residual: x);

        h = x.LayerNorm(w / "final_layer_norm");
        h = h.Linear(w / "fc1", config.DecoderFfnDim, config.Activation); // (n, ffn)
        return h.Linear(w / "fc2", size, residual: x);
    }

    Parameter TokenTable(Scope root) => (Root(root) / "embed_tokens").Parameter("weight", new Shape(config.VocabSize, config.DModel));

    static Scope Root(Scope root) => WhisperNames.Model(root) / "decoder";
}
