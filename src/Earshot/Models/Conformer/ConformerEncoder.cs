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
    // Two hours, and what is still seen as a whole by who sees everything: attention takes the square of the length.
    const int MostFrames = 2 * 60 * 60 * 100, MostFramesOfAll = 5 * 60 * 100;

    // What is seen on either side of longer ones: 128 positions of 8 frames, NeMo's usual choice.
    const int FramesOfWindow = 1024;

    // Three convolutions of three taps with a stride of two look less than two positions back. What comes of the first is large.
    const int HaloOfSubsampling = 2, PositionsOfSubsampling = 256;

    readonly ConformerSubsampling _subsampling;
    readonly ConformerLayer _layer;
    readonly ConformerLayer _localLayer;
    readonly AttentionContext _localContext;
    readonly float[] _frequencies;

    public ConformerEncoder(ConformerConfig config, AttentionContext? context = null)
    {
        Config = config;
        Context = context ?? config.Contexts[0];
        _subsampling = new ConformerSubsampling(config);
        _layer = new ConformerLayer(config, Context);
        _localContext = Context.Within(FramesOfWindow / config.SubsamplingFactor);
        _localLayer = new ConformerLayer(config, _localContext);
        _frequencies = [.. Enumerable.Range(0, config.Size / 2).Select(i => MathF.Exp(2 * i * -(MathF.Log(10_000) / config.Size)))];
        Shape = new EncoderShape
        {
            InputSize = config.MelBins,
            Width = config.Size,
            MostFrames = MostFrames,
            HearsLong = _localContext.IsLimited && config.GlobalPositions == 0,
            SecondsPerPosition = config.SecondsPerPosition,
        };
    }

    public EncoderShape Shape { get; }

    internal ConformerConfig Config { get; }

    internal AttentionContext Context { get; }

    public int PositionsOf(int frames)
    {
        for (int stage = 0; stage < Config.Stages; stage++) frames = Config.Halved(frames);
        return frames;
    }

    public Tensor Encode(Tensor features, Scope root)
    {
        var (backend, w) = (features.Backend, root / "encoder");
        // NeMo's change_attention_model of the same weights: an hour takes sixty times what a minute takes.
        var (layer, context) = features.Shape[1] > MostFramesOfAll ? (_localLayer, _localContext) : (_layer, Context);
        var shape = new Shape(features.Shape[0], PositionsOf(features.Shape[1]), Config.Size);
        var x = backend.InBlocks(
            features, new TimeBlocks(HaloOfSubsampling, Config.SubsamplingFactor, Most: PositionsOfSubsampling), shape,
            frames => _subsampling.Apply(frames, w / Config.Names.Subsampling, tails: null, default)); // (batch, positions, size)
        var table = backend.DistanceTable(x, x, _frequencies, context.Span);
        for (int i = 0; i < Config.Layers; i++) x = layer.Apply(x, table, w / "layers" / i);
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
