using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// Llama's decoder and its relatives: norms before attention and network, rotary positions, heads in groups, a gated network
/// (Touvron et al. 2023, arXiv:2302.13971).
/// </summary>
public sealed class CausalLmDecoder(CausalLmConfig config) : IDecoder
{
    readonly Heads _heads = new(config.NumAttentionHeads, config.NumKeyValueHeads, Causal: true);

    public DecoderShape Shape { get; } = new()
    {
        Layers = config.NumHiddenLayers,
        Width = config.HiddenSize,
        Heads = new Heads(config.NumAttentionHeads, config.NumKeyValueHeads, Causal: true),
        HeadSize = config.HeadDim,
        VocabSize = config.VocabSize,
        MostPositions = config.MaxPositionEmbeddings,
        PrefillsInChunks = true,
    };

    public void StoreMemory(Tensor encoded, IReadOnlyList<CrossAttentionMemory> memories, int firstSlot, Scope root) =>
        throw new InvalidOperationException("A language model attends to no audio of its own.");

    public Tensor Embed(Tensor tokens, Scope root) => tokens.Backend.Embed(tokens, TokenTable(root));

    public Tensor Decode(Tensor embedded, Tensor positions, DecoderState state, Scope root)
    {
        var w = root / "model";
        var x = embedded; // (n, hidden)
        var table = x.Backend.RotaryTable(positions, config.Rotary); // the same for all layers
        for (int i = 0; i < config.NumHiddenLayers; i++)
        {
            var mark = x.Backend.Mark();
            x = x.Backend.KeepOnly(x, Layer(x, table, state, i, w / "layers" / i), mark);
        }
        return x.RmsNorm(w / "norm", config.RmsNormEps);
    }

    public Tensor Logits(Tensor hidden, Scope root)
    {
        var projection = config.TieWordEmbeddings
            ? TokenTable(root)
            : (root / "lm_head").Parameter("weight", new Shape(config.VocabSize, config.HiddenSize));
        return hidden.Backend.Linear(hidden, projection, bias: null, default);
    }

    Tensor Layer(Tensor x, Tensor table, DecoderState state, int layer, Scope w)
    {
        x = Attend(x, x.RmsNorm(w / "input_layernorm", config.RmsNormEps), table, state, layer, w / "self_attn");
        var mlp = w / "mlp";
        var h = x.RmsNorm(w / "post_attention_layernorm", config.RmsNormEps);
        var (gate, up) = h.Linear(
            new LinearLayer(mlp / "gate_proj", config.IntermediateSize, config.MlpBias),
            new LinearLayer(mlp / "up_proj", config.IntermediateSize, config.MlpBias)); // (n, inner)
        (gate, up) = (state.Adapt(gate, h, mlp / "gate_proj"), state.Adapt(up, h, mlp / "up_proj"));
        h = gate.GatedMultiply(up, Activation.Silu);
        x = h.Linear(mlp / "down_proj", config.HiddenSize, residual: x, bias: config.MlpBias);
        return state.Adapt(x, h, mlp / "down_proj");
    }

    Tensor Attend(Tensor x, Tensor h, Tensor table, DecoderState state, int layer, Scope w)
    {
        int size = config.HeadDim, keyWidth = _heads.KeyValue * size;
        var (query, key, value) = h.Linear(
            new LinearLayer(w / "q_proj", _heads.Query * size, config.QueryBias),
            new LinearLayer(w / "k_proj", keyWidth, config.QueryBias), new LinearLayer(w / "v_proj", keyWidth, config.QueryBias));
        (query, key) = (state.Adapt(query, h, w / "q_proj"), state.Adapt(key, h, w / "k_proj"));
        value = state.Adapt(value, h, w / "v_proj");
        if (config.QueryNorm)
        {
            query = NormHeads(query, w / "q_norm", _heads.Query);
            key = NormHeads(key, w / "k_norm", _heads.KeyValue);
        }
        h = x.Backend.AttentionWithCache(
            query.Rotate(table, _heads.Query), key.Rotate(table, _heads.KeyValue), value, state.Past[layer], state.Layout,
            _heads with { Window = config.WindowOf(layer) });
        x = h.Linear(w / "o_proj", config.HiddenSize, residual: x, bias: config.OutputBias);
        return state.Adapt(x, h, w / "o_proj");
    }

    // Each head by itself.
    Tensor NormHeads(Tensor x, Scope w, int heads)
    {
        // Graphs have a dimension of sequences before that of tokens.
        var split = x.Shape.Rank == 2
            ? x.Reshape(x.Shape[0], heads, config.HeadDim)
            : x.Reshape(x.Shape[0], x.Shape[1], heads, config.HeadDim);
        return x.Backend.Reshape(split.RmsNorm(w, config.RmsNormEps), x.Shape);
    }

    Parameter TokenTable(Scope root) =>
        (root / "model" / "embed_tokens").Parameter("weight", new Shape(config.VocabSize, config.HiddenSize));
}
