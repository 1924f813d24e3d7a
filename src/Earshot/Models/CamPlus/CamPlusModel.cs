using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// CAM++, a speaker embedding model (Wang et al. 2023, arXiv 2303.00332): two-dimensional convolutions over the features, dense blocks
/// over time whose layers are masked by their context, and statistics over time.
/// </summary>
public static class CamPlusModel
{
    /// <summary>A checkpoint's tensors as the functions here read them, its batch norms multiplied into products.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape, or cannot be.</exception>
    public static ITensorStore Prepare(ITensorStore checkpoint, CamPlusConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return CamPlusWeights.Prepare(checkpoint, config);
    }

    /// <summary>
    /// Features less their means over time, (batch, frames, 80) → embeddings, (batch, 192), of no particular length. At least three frames.
    /// </summary>
    public static Tensor Embed(Tensor features, Scope w, CamPlusConfig config)
    {
        var backend = features.Backend;
        var mark = backend.Mark();
        var x = backend.Keep(First(Head(features, w / "head", config), w / "xvector", config), mark);
        for (int block = 0; block < config.Blocks.Count; block++)
            x = backend.Keep(Transit(Dense(x, w / "xvector", config, block), w / "xvector", block), mark);
        return backend.Keep(Project(Statistics(x, w / "xvector"), w / "xvector", config), mark);
    }

    /// <summary>
    /// Features as an image, (batch, frames, 80) → (batch, frames, 320): 32 channels for each of ten bands, lowest first.
    /// </summary>
    public static Tensor Head(Tensor features, Scope w, CamPlusConfig config)
    {
        var backend = features.Backend;
        int channels = config.HeadChannels;
        var mark = backend.Mark();
        var x = backend.Reshape(features, new Shape(features.Shape[0], features.Shape[1], features.Shape[2], 1));
        x = x.Convolve2d(w / "conv1", channels, (3, 3), Around(1, Activation.Relu));
        for (int stage = 0; stage < config.HeadBlocks.Count; stage++)
        {
            for (int block = 0; block < config.HeadBlocks[stage]; block++)
                x = backend.Keep(Residual(x, w / $"layer{stage + 1}" / block, block == 0 ? 2 : 1), mark);
        }
        x = backend.Keep(x.Convolve2d(w / "conv2", channels, (3, 3), Around(2, Activation.Relu)), mark); // (batch, frames, 10, 32)
        return backend.Reshape(x, new Shape(x.Shape[0], x.Shape[1], x.Shape[2] * channels));
    }

    /// <summary>The first layer over time, which halves it: (batch, frames, 320) → (batch, ⌈frames / 2⌉, 128).</summary>
    public static Tensor First(Tensor x, Scope w, CamPlusConfig config) =>
        x.Convolve(
            w / "tdnn", config.InitChannels, kernel: 5, new Convolution(Stride: 2, PadLeft: 2, PadRight: 2, Activation: Activation.Relu));

    /// <summary>A dense block: its input and what each of its layers adds, side by side.</summary>
    public static IReadOnlyList<Tensor> Dense(Tensor x, Scope w, CamPlusConfig config, int block)
    {
        var backend = x.Backend;
        var parts = new List<Tensor> { x };
        for (int layer = 1; layer <= config.Blocks[block].NumLayers; layer++)
        {
            var mark = backend.Mark();
            parts.Add(backend.Keep(Layer([.. parts], w / $"block{block + 1}" / $"tdnnd{layer}", config, config.Blocks[block]), mark));
        }
        return parts;
    }

    /// <summary>The layer after a dense block, which halves the channels.</summary>
    public static Tensor Transit(IReadOnlyList<Tensor> parts, Scope w, int block)
    {
        var transit = w / $"transit{block + 1}";
        var x = TensorOperations.ConcatAffine([.. parts], transit / "nonlinear", Activation.Relu);
        return x.Linear(transit / "linear", x.Shape[^1] / 2);
    }

    /// <summary>Mean and deviation over time: (batch, frames, 512) → (batch, 1024).</summary>
    public static Tensor Statistics(Tensor x, Scope w) => x.Affine(w / "out_nonlinear", Activation.Relu).MeanAndDeviation();

    /// <summary>Statistics as an embedding: (batch, 1024) → (batch, 192).</summary>
    public static Tensor Project(Tensor x, Scope w, CamPlusConfig config) => x.Linear(w / "dense" / "linear", config.EmbeddingSize);

    static Tensor Residual(Tensor x, Scope w, int stride)
    {
        int channels = x.Shape[^1];
        var y = x.Convolve2d(w / "conv1", channels, (3, 3), Around(stride, Activation.Relu));
        y = y.Convolve2d(w / "conv2", channels, (3, 3), Around(1, Activation.None));
        var shortcut = stride == 1 ? x : x.Convolve2d(w / "shortcut", channels, (1, 1), new Convolution2d(StrideWidth: stride));
        return x.Backend.Add(y, shortcut, Activation.Relu);
    }

    // Context-aware masking: a frame's new channels are weighted by the mean of its segment and that of the whole.
    static Tensor Layer(ReadOnlySpan<Tensor> parts, Scope w, CamPlusConfig config, CamPlusBlock block)
    {
        var cam = w / "cam_layer";
        int pad = (block.KernelSize - 1) / 2 * block.Dilation, segment = config.CamSegmentLength;
        var h = TensorOperations.ConcatAffine(parts, w / "nonlinear1", Activation.Relu);
        h = h.Linear(w / "linear1", config.BottleneckChannels, Activation.Relu); // (batch, time, 128)
        var local = h.Convolve(cam / "linear_local", config.GrowthRate, block.KernelSize, new Convolution(
            Stride: 1, PadLeft: pad, PadRight: pad, Dilation: block.Dilation));
        var context = h.AveragePool(segment) + h.Mean(); // (batch, segments, 128)
        var mask = context.Linear(cam / "linear1", config.BottleneckChannels / config.CamReduction, Activation.Relu)
            .Linear(cam / "linear2", config.GrowthRate, Activation.Sigmoid);
        return local.Multiply(mask.RepeatFrames(segment, local)); // (batch, time, 32)
    }

    static Convolution2d Around(int stride, Activation activation) => new(1, stride, 1, 1, activation);
}
