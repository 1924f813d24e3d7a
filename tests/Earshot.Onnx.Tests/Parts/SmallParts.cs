using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Onnx.Tests.Parts;

/// <summary>The sizes of a model that is small, and has all that large ones have.</summary>
sealed record SmallSizes
{
    public int Inputs { get; init; } = 80;
    public int Width { get; init; } = 64;
    public int EncoderLayers { get; init; } = 2;
    public int EncoderHeads { get; init; } = 2;
    public int EncoderInner { get; init; } = 96;
    public int DecoderLayers { get; init; } = 2;
    public int DecoderHeads { get; init; } = 4;
    public int DecoderInner { get; init; } = 160;
    public int Positions { get; init; } = 1500;
    public int Context { get; init; } = 448;
    public int Vocabulary { get; init; } = 2000;
    public int CtcVocabulary { get; init; } = 29;
}

/// <summary>
/// Convolutions, positions of a table, and layers of attention; over features, or over samples where there is one value a frame.
/// </summary>
sealed class SmallEncoder(SmallSizes sizes) : IAudioEncoder
{
    bool HearsSamples => sizes.Inputs == 1;

    public EncoderShape Shape { get; } = new()
    {
        InputSize = sizes.Inputs,
        Width = sizes.Width,
        LeastFrames = sizes.Inputs == 1 ? 4 : 2,
        MostFrames = (sizes.Inputs == 1 ? 4 : 2) * sizes.Positions,
        FrameMultiple = sizes.Inputs == 1 ? 4 : 2,
        SecondsPerPosition = 0.02,
    };

    public int PositionsOf(int frames) => frames / (HearsSamples ? 4 : 2);

    public Tensor Encode(Tensor features, Scope root)
    {
        var w = root / "encoder";
        var x = HearsSamples
            ? features.Convolve(
                w / "conv", sizes.Width, kernel: 8, new Convolution(Stride: 4, PadLeft: 2, PadRight: 2, Activation: Activation.Gelu))
            : features.Convolve(
                w / "conv", sizes.Width, kernel: 3, new Convolution(Stride: 2, PadLeft: 1, PadRight: 1, Activation: Activation.Gelu));
        x = x.Backend.AddPositions(x, (w / "positions").Parameter("weight", new Shape(sizes.Positions, sizes.Width)));
        for (int i = 0; i < sizes.EncoderLayers; i++) x = Layer(x, w / "layers" / i);
        return x.LayerNorm(w / "norm");
    }

    Tensor Layer(Tensor x, Scope w)
    {
        var h = x.LayerNorm(w / "attention_norm");
        var (query, key, value) = h.Linear(w / "query", w / "key", w / "value", sizes.Width);
        h = x.Backend.Attention(query, key, value, new Heads(sizes.EncoderHeads));
        x = h.Linear(w / "out", sizes.Width, residual: x);
        h = x.LayerNorm(w / "norm");
        h = h.Linear(w / "fc1", sizes.EncoderInner, Activation.Gelu);
        return h.Linear(w / "fc2", sizes.Width, residual: x);
    }
}

/// <summary>A decoder whose last product is its token table; it attends to audio where <paramref name="attends"/> says so.</summary>
sealed class SmallDecoder(SmallSizes sizes, bool attends, params AlignmentHead[] alignmentHeads) : IDecoder
{
    readonly Heads _heads = new(sizes.DecoderHeads);

    public DecoderShape Shape { get; } = new()
    {
        Layers = sizes.DecoderLayers,
        Width = sizes.Width,
        Heads = new Heads(sizes.DecoderHeads),
        HeadSize = sizes.Width / sizes.DecoderHeads,
        VocabSize = sizes.Vocabulary,
        MostPositions = sizes.Context,
        MemoryPositions = attends ? sizes.Positions : 0,
        AlignmentHeads = alignmentHeads,
    };

    public void StoreMemory(Tensor encoded, IReadOnlyList<CrossAttentionMemory> memories, int firstSlot, Scope root)
    {
        for (int i = 0; i < sizes.DecoderLayers; i++)
        {
            var cross = root / "decoder" / "layers" / i / "cross";
            var (key, value) = encoded.Linear(new(cross / "key", sizes.Width), new(cross / "value", sizes.Width));
            encoded.Backend.StoreMemory(key, value, memories[i], firstSlot);
        }
    }

    public Tensor Embed(Tensor tokens, Scope root) => tokens.Backend.Embed(tokens, Table(root));

    public Tensor Decode(Tensor embedded, Tensor positions, DecoderState state, Scope root)
    {
        var w = root / "decoder";
        var x = embedded + embedded.Backend.Embed(positions, (w / "positions").Parameter("weight", new Shape(sizes.Context, sizes.Width)));
        for (int i = 0; i < sizes.DecoderLayers; i++) x = Layer(x, state, i, w / "layers" / i);
        return x.LayerNorm(w / "norm");
    }

    public Tensor Logits(Tensor hidden, Scope root) => hidden.Backend.Linear(hidden, Table(root), bias: null, default);

    Tensor Layer(Tensor x, DecoderState state, int layer, Scope w)
    {
        var h = x.LayerNorm(w / "self_norm");
        var (query, key, value) = h.Linear(w / "query", w / "key", w / "value", sizes.Width);
        h = x.Backend.AttentionWithCache(query, key, value, state.Past[layer], state.Layout, _heads);
        x = h.Linear(w / "out", sizes.Width, residual: x);
        if (attends)
        {
            h = x.LayerNorm(w / "cross" / "norm");
            query = h.Linear(w / "cross" / "query", sizes.Width);
            state.Observe(layer, query, _heads);
            h = x.Backend.CrossAttention(query, state.Memory[layer], state.Layout, _heads);
            x = h.Linear(w / "cross" / "out", sizes.Width, residual: x);
        }
        h = x.LayerNorm(w / "norm");
        h = h.Linear(w / "fc1", sizes.DecoderInner, Activation.Gelu);
        return h.Linear(w / "fc2", sizes.Width, residual: x);
    }

    Parameter Table(Scope root) => (root / "decoder" / "tokens").Parameter("weight", new Shape(sizes.Vocabulary, sizes.Width));
}

/// <summary>A linear head.</summary>
sealed class SmallCtc(SmallSizes sizes) : ICtcHead
{
    public int Blank => 0;

    public int VocabSize => sizes.CtcVocabulary;

    public Tensor Logits(Tensor encoded, Scope root) => encoded.Linear(root / "ctc", sizes.CtcVocabulary);
}

/// <summary>Means of two positions, then a linear layer.</summary>
sealed class SmallProjector(SmallSizes sizes) : IProjector
{
    public int Width => sizes.Width;

    public int EmbeddingsOf(int positions) => (positions + 1) / 2;

    public Tensor Project(Tensor encoded, Scope root) => encoded.AveragePool(2).Linear(root / "projector", sizes.Width);
}

/// <summary>A convolution and its mean over time.</summary>
sealed class SmallSpeaker : ISpeakerEncoder
{
    public int InputSize => 80;

    public int LeastFrames => 3;

    public int EmbeddingSize => 24;

    public Tensor Embed(Tensor features, Scope root)
    {
        var x = features
            .Convolve(root / "speaker" / "conv", 32, kernel: 3, new Convolution(PadLeft: 1, PadRight: 1, Activation: Activation.Relu))
            .Mean(); // (batch, 1, 32)
        return x.Backend.Reshape(x, new Shape(x.Shape[0], 32)).Linear(root / "speaker" / "out", 24);
    }
}

/// <summary>Frames of eight samples, classified.</summary>
sealed class SmallSegmentation : ISegmentation
{
    public int WindowSamples => 1600;

    public int Classes => 7;

    public Tensor Segment(Tensor samples, Scope root) =>
        samples.Convolve(root / "segmentation" / "conv", 16, kernel: 8, new Convolution(Stride: 8, Activation: Activation.LeakyRelu))
            .Linear(root / "segmentation" / "out", 7).LogSoftmax();
}

/// <summary>The mean of what it hears, and a layer on it.</summary>
sealed class SmallClassifier : IClassifier
{
    public int Classes => 3;

    public Tensor Classify(Tensor encoded, Scope root) => encoded.Mean().Linear(root / "classifier", 3);
}
