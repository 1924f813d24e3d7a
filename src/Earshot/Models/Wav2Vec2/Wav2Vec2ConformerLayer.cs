using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// A layer of wav2vec2-conformer: half a feed-forward network, attention, a convolution over time, and the other network's half, each
/// added to its input.
/// </summary>
internal sealed class Wav2Vec2ConformerLayer(Wav2Vec2Config config)
{
    const double BatchNormEpsilon = 1e-5f;

    readonly int _size = config.HiddenSize;
    readonly Heads _heads = new(config.NumAttentionHeads);

    // Distances and positions turn at base^(−2i / n): over a position's values by distance, over a head's in rotation.
    readonly float[] _frequencies = Rotary.Plain(
        config.PositionEmbeddingsType == ConformerPositions.Rotary ? config.HiddenSize / config.NumAttentionHeads : config.HiddenSize,
        config.PositionEmbeddingsType == ConformerPositions.Rotary ? config.RotaryEmbeddingBase : 10_000).InverseFrequencies.ToArray();

    /// <summary>
    /// The weights as layers read them: convolutions of one tap are matrices, and the batch norm is multiplied into the convolution before
    /// it.
    /// </summary>
    public static ITensorStore Fold(ITensorStore checkpoint, Wav2Vec2Config config)
    {
        var tensors = new ComputedTensors(checkpoint);
        int size = config.HiddenSize;
        for (int i = 0; i < config.NumHiddenLayers; i++)
        {
            var name = $"{config.Root}.encoder.layers.{i}.conv_module";
            tensors.AddMatrix($"{name}.pointwise_conv1.weight", 2 * size, size);
            tensors.AddMatrix($"{name}.pointwise_conv2.weight", size, size);
            var convolution = ($"{name}.depthwise_conv", new Shape(size, 1, config.ConvDepthwiseKernelSize));
            BatchNorm.Fold(tensors, $"{name}.batch_norm", convolution, BatchNormEpsilon, hasBias: false);
        }
        return tensors;
    }

    /// <summary>
    /// What all layers know positions by: embedded distances, (2 · time − 1, size), a table of turns, (time, head size), or null.
    /// </summary>
    public Tensor? Positions(Tensor x)
    {
        if (config.PositionEmbeddingsType == ConformerPositions.None) return null;
        var backend = x.Backend;
        if (config.PositionEmbeddingsType == ConformerPositions.Rotary)
        {
            var (cos, sin) = Turns(backend.Positions(x, 1));
            return backend.Concat([cos, sin]);
        }
        // The distances time − 1 … 1 − time are time − i for i from 1 on; there may be any number of them.
        var column = x.Slice(^1, ..1);
        var counted = backend.Positions(backend.Concat([column, column], 1), 1);
        var time = backend.Scale(counted.Reduce(Reduction.Max, 0), 0.5f, 0.5f);
        var distances = backend.Scale(counted.Slice(0, 1..) - time, -1);
        var (cosines, sines) = Turns(distances);
        int count = distances.Shape[0], half = _size / 2;
        return backend.Concat([sines.Reshape(count, half, 1), cosines.Reshape(count, half, 1)]).Reshape(count, _size);
    }

    /// <summary>(batch, time, size) → (batch, time, size).</summary>
    public Tensor Apply(Tensor x, Tensor? positions, Scope w)
    {
        x = AddHalf(x, w / "ffn1_layer_norm", w / "ffn1");
        x = Attend(x, positions, w);
        x = Convolve(x, w / "conv_module");
        return AddHalf(x, w / "ffn2_layer_norm", w / "ffn2").LayerNorm(w / "final_layer_norm");
    }

    Tensor AddHalf(Tensor x, Scope norm, Scope w)
    {
        var h = x.LayerNorm(norm).Linear(w / "intermediate_dense", config.IntermediateSize, config.HiddenAct);
        return x + x.Backend.Scale(h.Linear(w / "output_dense", _size), 0.5f);
    }

    Tensor Attend(Tensor x, Tensor? positions, Scope w)
    {
        var (h, attention) = (x.LayerNorm(w / "self_attn_layer_norm"), w / "self_attn");
        var heard = config.PositionEmbeddingsType == ConformerPositions.Rotary ? h.Rotate(positions!, _heads.Query) : h;
        var (query, key) = heard.Linear(new(attention / "linear_q", _size), new(attention / "linear_k", _size));
        var value = h.Linear(attention / "linear_v", _size);
        Tensor attended;
        if (config.PositionEmbeddingsType == ConformerPositions.Relative)
        {
            var shape = new Shape(_heads.Query, _size / _heads.Query);
            var biases = new RelativeBiases(attention.Parameter("pos_bias_u", shape), attention.Parameter("pos_bias_v", shape));
            var embedded = positions!.Linear(attention / "linear_pos", _size, bias: false);
            attended = x.Backend.RelativeAttention(new RelativeInputs(query, key, value), embedded, biases, _heads, default);
        }
        else
        {
            attended = x.Backend.Attention(query, key, value, _heads);
        }
        return attended.Linear(attention / "linear_out", _size, residual: x);
    }

    Tensor Convolve(Tensor x, Scope w)
    {
        int taps = config.ConvDepthwiseKernelSize;
        var h = x.LayerNorm(w / "layer_norm").Linear(w / "pointwise_conv1", 2 * _size, bias: false).Glu();
        h = h.Convolve(w / "depthwise_conv", _size, taps, new Convolution(
            PadLeft: taps / 2, PadRight: taps / 2, Activation: config.HiddenAct, Groups: _size));
        return h.Linear(w / "pointwise_conv2", _size, residual: x, bias: false);
    }

    // (n) → cosines and sines, (n, frequencies) each.
    (Tensor Cosines, Tensor Sines) Turns(Tensor places)
    {
        var backend = places.Backend;
        var angles = places.Reshape(places.Shape[0], 1).MatMul(backend.Constant(_frequencies, new Shape(1, _frequencies.Length)));
        return (angles.Apply(Function.Cos), angles.Apply(Function.Sin));
    }
}
