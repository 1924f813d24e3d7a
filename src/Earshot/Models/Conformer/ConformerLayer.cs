using Earshot.Compute;

namespace Earshot.Models;

/// <summary>What a layer carries of a stream: its keys and values, and what its convolution looks back to.</summary>
/// <param name="Tails">Those of all layers.</param>
/// <param name="First">Its own first one.</param>
/// <param name="Hidden">What is added to scores of positions before the beginning, (streams, 1, 1, keys).</param>
readonly record struct ConformerPast(IReadOnlyList<FrameTail> Tails, int First, Tensor Hidden);

/// <summary>A layer: half a feed-forward network, attention by distance, a convolution, and another half of a network.</summary>
sealed class ConformerLayer(ConformerConfig config, AttentionContext context)
{
    /// <summary>What a layer carries of a stream: keys, values, the convolution's frames.</summary>
    public const int Tails = 3;

    // Wider windows are not cut.
    const int MostWindow = 400;

    /// <summary>How attention may be cut into blocks of time: not where it sees everything.</summary>
    TimeBlocks? Blocks
    {
        get
        {
            int halo = Math.Max(context.Left, context.Right), multiple = context.IsChunked ? context.Chunk : 1;
            if (!context.IsLimited || halo > MostWindow || config.GlobalPositions > 0) return null;
            return new TimeBlocks(halo + (multiple - halo % multiple) % multiple, Multiple: multiple);
        }
    }

    public IEnumerable<FrameTail> CreateTails(Backend backend, int streams) =>
    [
        backend.CreateTail(streams, context.Left, config.Size), backend.CreateTail(streams, context.Left, config.Size),
        backend.CreateTail(streams, config.Kernel - 1, config.Size),
    ];

    /// <summary>(batch, positions, size) → the same, in its place. A long sequence is computed in blocks of time.</summary>
    public Tensor Apply(Tensor x, Tensor table, Scope w)
    {
        var (backend, mark) = (x.Backend, x.Backend.Mark());
        var distances = Distances(table, w / "self_attn");
        // Each with no more around a block than it looks at.
        x = backend.UpdateInBlocks(x, new TimeBlocks(0), h => Feed(h, w / "norm_feed_forward1", w / "feed_forward1"));
        x = Blocks is { } blocks ? backend.UpdateInBlocks(x, blocks, Attend) : backend.KeepOnly(x, Attend(x), backend.Mark());
        x = backend.UpdateInBlocks(
            x, new TimeBlocks(config.Kernel - 1), h => backend.Add(h, Convolve(h.LayerNorm(w / "norm_conv"), null, default, w / "conv")));
        x = backend.UpdateInBlocks(
            x, new TimeBlocks(0), h => Feed(h, w / "norm_feed_forward2", w / "feed_forward2").LayerNorm(w / "norm_out"));
        return backend.KeepOnly(x, x, mark);

        Tensor Attend(Tensor h) => this.Attend(h, h.LayerNorm(w / "norm_self_att"), distances, w / "self_attn");
    }

    /// <summary>The same of positions that go on where the last ones ended.</summary>
    public Tensor ApplyNext(Tensor x, Tensor table, ConformerPast past, ReadOnlySpan<int> streams, Scope w)
    {
        x = Feed(x, w / "norm_feed_forward1", w / "feed_forward1");
        x = AttendNext(x, x.LayerNorm(w / "norm_self_att"), table, past, streams, w / "self_attn");
        x = x.Backend.Add(x, Convolve(x.LayerNorm(w / "norm_conv"), past.Tails[past.First + 2], streams, w / "conv"));
        return Feed(x, w / "norm_feed_forward2", w / "feed_forward2").LayerNorm(w / "norm_out");
    }

    Tensor Feed(Tensor x, Scope norm, Scope w)
    {
        var h = x.LayerNorm(norm).Linear(w / "linear1", config.InnerSize, Activation.Silu, bias: config.HasLinearBias);
        return x.Backend.Add(x, x.Backend.Scale(h.Linear(w / "linear2", config.Size, bias: config.HasLinearBias), 0.5f));
    }

    Tensor Attend(Tensor x, Tensor h, Tensor distances, Scope w)
    {
        var (query, key, value) = Project(h, w);
        h = x.Backend.RelativeAttention(
            new RelativeInputs(query, key, value), distances, Biases(w), new Heads(config.Heads), context.Span, config.GlobalPositions);
        return h.Linear(w / config.Names.Output, config.Size, residual: x, bias: config.HasLinearBias);
    }

    Tensor AttendNext(Tensor x, Tensor h, Tensor table, ConformerPast past, ReadOnlySpan<int> streams, Scope w)
    {
        var backend = x.Backend;
        var (query, key, value) = Project(h, w);
        key = backend.WithTail(key, past.Tails[past.First], streams);
        value = backend.WithTail(value, past.Tails[past.First + 1], streams);
        // All that is kept is seen, but for what was never heard.
        h = backend.RelativeAttention(
            new RelativeInputs(query, key, value), Distances(table, w), Biases(w), new Heads(config.Heads),
            new AttentionSpan { Bias = past.Hidden });
        return h.Linear(w / config.Names.Output, config.Size, residual: x, bias: config.HasLinearBias);
    }

    (Tensor Query, Tensor Key, Tensor Value) Project(Tensor h, Scope w)
    {
        bool bias = config.HasLinearBias;
        return h.Linear(
            new LinearLayer(w / config.Names.Query, config.Size, bias), new LinearLayer(w / config.Names.Key, config.Size, bias),
            new LinearLayer(w / config.Names.Value, config.Size, bias));
    }

    Tensor Distances(Tensor table, Scope w) => table.Linear(w / config.Names.Distance, config.Size, bias: false);

    RelativeBiases Biases(Scope w)
    {
        var shape = new Shape(config.Heads, config.Size / config.Heads);
        return new RelativeBiases(w.Parameter(config.Names.ContentBias, shape), w.Parameter(config.Names.DistanceBias, shape));
    }

    Tensor Convolve(Tensor h, FrameTail? tail, ReadOnlySpan<int> streams, Scope w)
    {
        h = h.Linear(w / "pointwise_conv1", 2 * config.Size, bias: config.HasConvolutionBias).Glu();
        int left = config.IsConvolutionCausal ? config.Kernel - 1 : (config.Kernel - 1) / 2, right = config.Kernel - 1 - left;
        if (tail is not null) (h, left) = (h.Backend.WithTail(h, tail, streams), 0);
        // A norm by the training's mean and variance is multiplied into the convolution.
        h = h.Convolve(w / "depthwise_conv", config.Size, config.Kernel, new Convolution(
            1, left, right, Activation: config.HasLayerNorm ? Activation.None : Activation.Silu, Groups: config.Size));
        if (config.HasLayerNorm) h = h.LayerNorm(w / config.Names.Norm).Activate(Activation.Silu);
        return h.Linear(w / "pointwise_conv2", config.Size, bias: config.HasConvolutionBias);
    }
}
