using Earshot.Compute;

namespace Earshot.Models;

/// <summary>Strided convolutions over (time, mels), and a matrix that makes a position of what is left of the mels.</summary>
sealed class ConformerSubsampling(ConformerConfig config)
{
    const int Kernel = 3, Before = 2; // frames before its own that a causal convolution sees

    /// <summary>The frames that each convolution looks back to.</summary>
    public IEnumerable<FrameTail> CreateTails(Backend backend, int streams)
    {
        for (int stage = 0, mels = config.MelBins; stage < config.Stages; stage++, mels = config.Halved(mels))
            yield return backend.CreateTail(streams, Before, stage == 0 ? mels : mels * config.SubsamplingChannels);
    }

    /// <summary>(batch, frames, mels) → (batch, positions, size). With tails, the frames go on where the last ones ended.</summary>
    public Tensor Apply(Tensor features, Scope w, IReadOnlyList<FrameTail>? tails, ReadOnlySpan<int> streams)
    {
        var (backend, convolutions, mark) = (features.Backend, w / config.Names.Convolutions, features.Backend.Mark());
        bool isDepthwise = config.Subsampling == SubsamplingKind.DepthwiseStriding;
        var x = features.Reshape(features.Shape[0], features.Shape[1], config.MelBins, 1);
        for (int stage = 0, index = 0; stage < config.Stages; stage++)
        {
            bool splits = isDepthwise && stage > 0;
            x = Convolve(x, convolutions / index, (splits, tails?[stage]), streams);
            index += splits ? 1 : 2;
            if (splits)
            {
                x = Product(x, convolutions / index);
                index += 2;
            }
            x = backend.Keep(x, mark);
        }
        // (batch, positions, mels, channels): a position's values stand channel by channel.
        x = x.Transpose(0, 1, 3, 2).Reshape(x.Shape[0], x.Shape[1], x.Shape[2] * x.Shape[3]);
        x = x.Linear(w / config.Names.Projection, config.Size);
        return backend.Keep(config.ScalesInput ? backend.Scale(x, MathF.Sqrt(config.Size)) : x, mark);
    }

    Tensor Convolve(Tensor x, Scope w, (bool Splits, FrameTail? Tail) how, ReadOnlySpan<int> streams)
    {
        var backend = x.Backend;
        int padding = 1;
        if (how.Tail is { } tail)
        {
            int mels = x.Shape[2], channels = x.Shape[3];
            x = backend.WithTail(x.Reshape(x.Shape[0], x.Shape[1], mels * channels), tail, streams);
            x = x.Reshape(x.Shape[0], x.Shape[1], mels, channels);
            padding = 0;
        }
        else if (config.IsSubsamplingCausal) x = backend.Concat([Zero(x, 1), x], 1);
        if (config.IsSubsamplingCausal) x = backend.Concat([Zero(x, 2), x], 2);
        // What is multiplied over channels behind it has the activation there.
        return x.Convolve2d(w, config.SubsamplingChannels, (Kernel, Kernel), new Convolution2d(
            2, 2, padding, 1, how.Splits ? Activation.None : Activation.Relu, how.Splits ? config.SubsamplingChannels : 1));
    }

    Tensor Product(Tensor x, Scope w) => x.Convolve2d(
        w, config.SubsamplingChannels, (1, 1), new Convolution2d(Activation: Activation.Relu));

    static Tensor Zero(Tensor x, int dimension) => x.Backend.Scale(x.Slice(dimension, ..1), 0);
}
