using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Onnx.Tests.Parts;

/// <summary>
/// An encoder that looks back only: two convolutions, of which the first makes a position of two frames, and a layer of attention to all
/// that was heard where <paramref name="attends"/> says so.
/// </summary>
sealed class SmallStreamingEncoder(int inputs, bool attends = false, int width = 24, int kernel = 5) : IStreamingEncoder
{
    const int Stride = 2, Frames = 16, Positions = Frames / Stride;

    static readonly Heads s_heads = new(2, 2, Causal: true);

    public EncoderShape Shape { get; } = new()
    {
        InputSize = inputs,
        Width = width,
        LeastFrames = Stride,
        MostFrames = 400,
        FrameMultiple = Stride,
        SecondsPerPosition = 0.02,
    };

    public StreamShape Stream { get; } = new() { ChunkFrames = Frames, ChunkPositions = Positions };

    public int PositionsOf(int frames) => frames / Stride;

    public Tensor Encode(Tensor features, Scope root)
    {
        var w = root / "ears";
        var x = features
            .Convolve(w / "first", width, kernel, new Convolution(Stride, PadLeft: kernel - Stride, Activation: Activation.Relu))
            .Convolve(w / "second", width, kernel, new Convolution(PadLeft: kernel - 1, Activation: Activation.Relu))
            .LayerNorm(w / "norm");
        if (!attends) return x;
        var (query, key, value) = x.Linear(w / "query", w / "key", w / "value", width);
        return x + x.Backend.Attention(query, key, value, s_heads);
    }

    public EncoderState CreateState(Backend backend, int streams)
    {
        FrameTail[] tails = [backend.CreateTail(streams, kernel - Stride, inputs), backend.CreateTail(streams, kernel - 1, width)];
        if (!attends) return new() { Tails = tails };
        var pages = new PageTable(4 * streams);
        for (int i = 0; i < streams; i++) pages.AddRow();
        return new() { Tails = tails, Pages = pages, Past = [backend.CreateCache(pages, width, s_heads)] };
    }

    public Tensor EncodeChunk(Tensor features, EncoderState state, Scope root)
    {
        var (backend, w) = (features.Backend, root / "ears");
        var streams = CollectionsMarshal.AsSpan(state.Streams);
        var x = backend.WithTail(features, state.Tails[0], streams)
            .Convolve(w / "first", width, kernel, new Convolution(Stride, Activation: Activation.Relu));
        x = backend.WithTail(x, state.Tails[1], streams)
            .Convolve(w / "second", width, kernel, new Convolution(Activation: Activation.Relu)).LayerNorm(w / "norm");
        if (!attends) return x;
        var layout = new BatchLayout();
        foreach (int stream in streams)
        {
            int first = state.Pages!.Length(stream);
            state.Pages.Grow(stream, first + Positions);
            layout.AddPrompt(stream, first, Positions);
        }
        var (query, key, value) = x.Linear(w / "query", w / "key", w / "value", width);
        return x + backend.AttentionWithCache(query, key, value, state.Past[0], layout, s_heads);
    }
}
