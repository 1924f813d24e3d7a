using Earshot.Compute.Parts;

namespace Earshot.Compute.Tests;

/// <summary>An encoder of one layer that makes a position of every two frames.</summary>
internal sealed class ToyEncoder(int mostFrames = 6000) : IAudioEncoder
{
    public EncoderShape Shape { get; } =
        new() { InputSize = 8, Width = 16, LeastFrames = 2, MostFrames = mostFrames, FrameMultiple = 2, SecondsPerPosition = 0.02 };

    public int PositionsOf(int frames) => frames / 2;

    public Tensor Encode(Tensor features, Scope root) =>
        features.Backend.Reshape(features, new Shape(features.Shape[0], features.Shape[1] / 2, 2 * features.Shape[2]))
            .Linear(root / "encoder", Shape.Width);
}

/// <summary>A CTC head of five letters.</summary>
internal sealed class ToyHead : ICtcHead
{
    public int Blank => 0;

    public int VocabSize => 5;

    public Tensor Logits(Tensor encoded, Scope root) => encoded.Linear(root / "head", VocabSize);
}

/// <summary>A decoder of one layer of attention, over its own past and, where it has a memory, over encoded audio.</summary>
internal sealed class ToyDecoder(int memory = 0) : IDecoder
{
    public DecoderShape Shape { get; } =
        new() { Layers = 1, Width = 16, Heads = new Heads(2), HeadSize = 8, VocabSize = 40, MostPositions = 64, MemoryPositions = memory };

    public void StoreMemory(Tensor encoded, IReadOnlyList<CrossAttentionMemory> memories, int firstSlot, Scope root)
    {
        var (key, value) = encoded.Linear(new(root / "cross_k", Shape.Width), new(root / "cross_v", Shape.Width));
        encoded.Backend.StoreMemory(key, value, memories[0], firstSlot);
    }

    public Tensor Embed(Tensor tokens, Scope root) =>
        tokens.Backend.Embed(tokens, (root / "tokens").Parameter("weight", new Shape(Shape.VocabSize, Shape.Width)));

    public Tensor Decode(Tensor embedded, Tensor positions, DecoderState state, Scope root)
    {
        var x = embedded +
            embedded.Backend.Embed(positions, (root / "positions").Parameter("weight", new Shape(Shape.MostPositions, Shape.Width)));
        var (query, key, value) = x.Linear(root / "q", root / "k", root / "v", Shape.Width);
        x += x.Backend.AttentionWithCache(query, key, value, state.Past[0], state.Layout, Shape.Heads);
        return memory == 0
            ? x
            : x + x.Backend.CrossAttention(x.Linear(root / "cross_q", Shape.Width), state.Memory[0], state.Layout, Shape.Heads);
    }

    public Tensor Logits(Tensor hidden, Scope root) => hidden.Linear(root / "out", Shape.VocabSize);
}

/// <summary>A transducer of ten tokens, of which the last is the blank, and a predictor of two recurrent layers.</summary>
internal sealed class ToyTransducer(params int[] durations) : ITransducer
{
    public TransducerShape Shape { get; } = new()
    {
        VocabSize = 10,
        Blank = 9,
        Durations = durations,
        MostSymbols = 3,
        EncodedWidth = 16,
        Width = 12,
        StateSizes = [8, 8],
    };

    public Tensor ProjectEncoded(Tensor encoded, Scope root) => encoded.Linear(root / "sound", Shape.Width);

    public Tensor Predict(Tensor tokens, IReadOnlyList<RecurrentState> states, Scope root)
    {
        var x = tokens.Backend.Embed(tokens, (root / "tokens").Parameter("weight", new Shape(Shape.VocabSize, 8)));
        return x.LstmStep(root / "lstm", 0, 8, states[0]).LstmStep(root / "lstm", 1, 8, states[1]).Linear(root / "text", Shape.Width);
    }

    public Tensor Join(Tensor encoded, Tensor predicted, Scope root) =>
        encoded.Backend.Add(encoded, predicted, Activation.Tanh).Linear(root / "join", Shape.Outputs);
}

/// <summary>A voice that makes four samples of each frame, by the frames up to seven away.</summary>
internal sealed class ToyVoice(int mostFrames = 40, int? context = 7) : IVoice
{
    public VoiceShape Shape { get; } = new()
    {
        InputSize = 6,
        SampleRate = 8000,
        SamplesPerFrame = 4,
        LeastFrames = 2,
        MostFrames = mostFrames,
        ContextFrames = context,
    };

    /// <summary>Called whenever it begins to speak.</summary>
    public Action? Begins { get; init; }

    public Tensor Speak(Tensor features, Scope root)
    {
        Begins?.Invoke();
        var x = features.Convolve(root / "front", 8, kernel: 5, new Convolution(PadLeft: 6, PadRight: 6, Dilation: 3));
        var mark = x.Backend.Mark();
        x = x.Backend.KeepOnly(x, x + x.LeakyRelu(0.3f).Linear(root / "layer", 8), mark);
        var y = x.ConvolveTransposed(root / "up", 1, kernel: 8, new ConvolutionTransposed(Stride: 4, Padding: 2)); // a frame on either side
        return y.Reshape(y.Shape[0], y.Shape[1]);
    }
}
