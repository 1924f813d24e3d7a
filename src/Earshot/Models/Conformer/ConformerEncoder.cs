using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// Conformer (Gulati et al. 2020, arXiv 2005.08100) and FastConformer (Rekesh et al. 2023, arXiv 2305.05084) as NeMo trains them: strided
/// convolutions, then layers of two half feed-forward networks around attention by distance and a convolution.
/// </summary>
class ConformerEncoder : IAudioEncoder
{
    // Attention to everything takes the square of the length; what sees a window only may go on.
    const int MostFrames = 24 * 60 * 100, MostFramesOfWindow = 2 * 60 * 60 * 100;

    // Three convolutions of three taps with a stride of two look less than two positions back; wider windows are not cut.
    const int HaloOfSubsampling = 2, MostWindow = 400;

    readonly ConformerSubsampling _subsampling;
    readonly ConformerLayer _layer;
    readonly float[] _frequencies;

    public ConformerEncoder(ConformerConfig config, AttentionContext? context = null)
    {
        Config = config;
        Context = context ?? config.Contexts[0];
        _subsampling = new ConformerSubsampling(config);
        _layer = new ConformerLayer(config, Context);
        _frequencies = [.. Enumerable.Range(0, config.Size / 2).Select(i => MathF.Exp(2 * i * -(MathF.Log(10_000) / config.Size)))];
        Shape = new EncoderShape
        {
            InputSize = config.MelBins,
            Width = config.Size,
            MostFrames = Context.Left < 0 ? MostFrames : MostFramesOfWindow,
            SecondsPerPosition = config.SecondsPerPosition,
        };
    }

    public EncoderShape Shape { get; }

    internal ConformerConfig Config { get; }

    internal AttentionContext Context { get; }

    /// <summary>How a layer may be cut into blocks of time: not where it sees everything.</summary>
    TimeBlocks? Blocks
    {
        get
        {
            if (Context.Left < 0 || Context.Right < 0 || Math.Max(Context.Left, Context.Right) > MostWindow || Config.GlobalPositions > 0)
                return null;
            int multiple = Context.IsChunked ? Context.Chunk : 1, halo = Math.Max(Context.Left, Context.Right) + Config.Kernel;
            return new TimeBlocks(halo + (multiple - halo % multiple) % multiple, Multiple: multiple);
        }
    }

    public int PositionsOf(int frames)
    {
        for (int stage = 0; stage < Config.Stages; stage++) frames = Config.Halved(frames);
        return frames;
    }

    public Tensor Encode(Tensor features, Scope root)
    {
        var (backend, w) = (features.Backend, root / "encoder");
        var shape = new Shape(features.Shape[0], PositionsOf(features.Shape[1]), Config.Size);
        var x = backend.InBlocks(
            features, new TimeBlocks(HaloOfSubsampling, Config.SubsamplingFactor), shape,
            frames => _subsampling.Apply(frames, w / Config.Names.Subsampling, tails: null, default)); // (batch, positions, size)
        var table = backend.DistanceTable(x, x, _frequencies, Context.Span);
        for (int i = 0; i < Config.Layers; i++)
        {
            var (mark, layer) = (backend.Mark(), w / "layers" / i);
            x = backend.KeepOnly(x, Blocks is { } blocks
                ? backend.InBlocks(x, blocks, x.Shape, positions => _layer.Apply(positions, table, layer))
                : _layer.Apply(x, table, layer), mark);
        }
        return x;
    }

    /// <summary>What some streams carry from chunk to chunk.</summary>
    protected EncoderState NewState(Backend backend, int streams)
    {
        var tails = new List<FrameTail>(_subsampling.CreateTails(backend, streams)) { backend.CreateTail(streams, Context.Left, 1) };
        for (int i = 0; i < Config.Layers; i++) tails.AddRange(_layer.CreateTails(backend, streams));
        return new EncoderState { Tails = tails };
    }

    /// <summary>The next chunk of some streams, with the same sums as of the whole.</summary>
    protected Tensor EncodeNext(Tensor features, EncoderState state, Scope root)
    {
        var (backend, w, tails) = (features.Backend, root / "encoder", state.Tails);
        var streams = CollectionsMarshal.AsSpan(state.Streams);
        var x = _subsampling.Apply(features, w / Config.Names.Subsampling, tails, streams);
        int next = Config.Stages;
        // Of a stream that has just begun, nothing was heard before: those positions are hidden.
        var there = backend.WithTail(backend.Scale(backend.Slice(x, ^1, ..1), 0, 1), tails[next++], streams); // (streams, keys, 1)
        const float nothing = 1e30f;
        var hidden = backend.Reshape(backend.Scale(there, nothing, -nothing), new Shape(there.Shape[0], 1, 1, there.Shape[1]));
        var table = backend.DistanceTable(x, there, _frequencies, AttentionSpan.Everything);
        for (int i = 0; i < Config.Layers; i++, next += ConformerLayer.Tails)
        {
            var mark = backend.Mark();
            var past = new ConformerPast(tails, next, hidden);
            x = backend.KeepOnly(x, _layer.ApplyNext(x, table, past, streams, w / "layers" / i), mark);
        }
        return x;
    }
}

/// <summary>
/// One that hears sound chunk by chunk: convolutions look back only, and attention sees its own chunk and some before. What a checkpoint
/// was trained for is a choice of chunks, <see cref="Latencies"/>.
/// </summary>
sealed class StreamingConformerEncoder : ConformerEncoder, IStreamingEncoder
{
    public StreamingConformerEncoder(ConformerConfig config, AttentionContext? context = null) : base(config, context) =>
        Stream = new StreamShape { ChunkFrames = Context.Chunk * config.SubsamplingFactor, ChunkPositions = Context.Chunk };

    public StreamShape Stream { get; }

    public IReadOnlyList<IStreamingEncoder> Latencies =>
        [.. Config.Contexts.Select(context => new StreamingConformerEncoder(Config, context))];

    public EncoderState CreateState(Backend backend, int streams) => NewState(backend, streams);

    public Tensor EncodeChunk(Tensor features, EncoderState state, Scope root) => EncodeNext(features, state, root);
}
