using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Tests.Models;

/// <summary>
/// A small language model as most are: grouped heads with a size apart from the width, rotary positions, gated units, prompts in chunks.
/// </summary>
internal sealed class ToyLanguageModel(int window = 0) : IDecoder
{
    const int Width = 48, HeadSize = 16, Inner = 96, Layers = 2;
    const float Epsilon = 1e-6f;

    readonly Rotary _rotary = Rotary.Plain(HeadSize, 10_000);

    public DecoderShape Shape { get; } = new()
    {
        Layers = Layers,
        Width = Width,
        Heads = new Heads(4, 2, Causal: true, Window: window),
        HeadSize = HeadSize,
        VocabSize = 200,
        MostPositions = 2048,
        PrefillsInChunks = true,
    };

    public void StoreMemory(Tensor encoded, IReadOnlyList<CrossAttentionMemory> memories, int firstSlot, Scope root) =>
        throw new InvalidOperationException("It attends to no audio.");

    public Tensor Embed(Tensor tokens, Scope root) =>
        tokens.Backend.Embed(tokens, (root / "embed").Parameter("weight", new Shape(Shape.VocabSize, Width)));

    public Tensor Decode(Tensor embedded, Tensor positions, DecoderState state, Scope root)
    {
        var x = embedded;
        for (int i = 0; i < Layers; i++)
        {
            var mark = x.Backend.Mark();
            x = x.Backend.KeepOnly(x, Layer(x, positions, state, i, root / "layers" / i), mark);
        }
        return x.RmsNorm(root / "norm", Epsilon);
    }

    public Tensor Logits(Tensor hidden, Scope root) => hidden.Linear(root / "head", Shape.VocabSize, bias: false);

    Tensor Layer(Tensor x, Tensor positions, DecoderState state, int layer, Scope w)
    {
        var heads = Shape.Heads;
        var h = x.RmsNorm(w / "attention_norm", Epsilon);
        var (query, key, value) = h.Linear(
            new LinearLayer(w / "query", heads.Query * HeadSize), new LinearLayer(w / "key", heads.KeyValue * HeadSize),
            new LinearLayer(w / "value", heads.KeyValue * HeadSize));
        query = query.Rotary(positions, _rotary, heads.Query);
        key = key.Rotary(positions, _rotary, heads.KeyValue);
        h = x.Backend.AttentionWithCache(query, key, value, state.Past[layer], state.Layout, heads);
        x = h.Linear(w / "out", Width, residual: x, bias: false);

        h = x.RmsNorm(w / "network_norm", Epsilon);
        var gated = h.Linear(w / "gate", Inner, bias: false).GatedMultiply(h.Linear(w / "up", Inner, bias: false), Activation.Silu);
        return gated.Linear(w / "down", Width, residual: x, bias: false);
    }
}

/// <summary>An encoder that looks back only, so that it can hear sound as it comes: two causal convolutions and a head.</summary>
internal sealed class ToyStreamingEncoder : IStreamingEncoder
{
    const int Inputs = 8, Width = 24, Kernel = 5;

    public EncoderShape Shape { get; } = new() { InputSize = Inputs, Width = Width, MostFrames = 400, SecondsPerPosition = 0.01 };

    public StreamShape Stream { get; } = new() { ChunkFrames = 16, ChunkPositions = 16 };

    public int PositionsOf(int frames) => frames;

    public Tensor Encode(Tensor features, Scope root)
    {
        var whole = new Convolution(PadLeft: Kernel - 1, Activation: Activation.Relu);
        var x = features.Convolve(root / "ears" / "first", Width, Kernel, whole).Convolve(root / "ears" / "second", Width, Kernel, whole);
        return x.LayerNorm(root / "ears" / "norm");
    }

    public EncoderState CreateState(Backend backend, int streams) =>
        new() { Tails = [backend.CreateTail(streams, Kernel - 1, Inputs), backend.CreateTail(streams, Kernel - 1, Width)] };

    public Tensor EncodeChunk(Tensor features, EncoderState state, Scope root)
    {
        var streams = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(state.Streams);
        var (backend, behind) = (features.Backend, new Convolution(Activation: Activation.Relu));
        var x = backend.WithTail(features, state.Tails[0], streams).Convolve(root / "ears" / "first", Width, Kernel, behind);
        x = backend.WithTail(x, state.Tails[1], streams).Convolve(root / "ears" / "second", Width, Kernel, behind);
        return x.LayerNorm(root / "ears" / "norm");
    }
}

/// <summary>Audio as a language model's embeddings: two positions in one.</summary>
internal sealed class ToyProjector(int width) : IProjector
{
    public int Width => width;

    public int EmbeddingsOf(int positions) => (positions + 1) / 2;

    public Tensor Project(Tensor encoded, Scope root) => encoded.AveragePool(2).Linear(root / "project", width);
}
