using System.Numerics.Tensors;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Speakers;

/// <summary>
/// Turns speech into vectors that are close where the voice is the same: embeddings of unit length, so that their dot product is the
/// cosine by which they are compared. Embeddings of different models cannot be compared. Safe on several threads: calls are computed
/// one after another.
/// </summary>
public sealed class SpeakerEncoder : IDisposable
{
    /// <summary>Frames of features that an embedding is computed of at least; below about 30 it means little.</summary>
    public const int FewestFrames = 3;

    /// <summary>
    /// Frames of features at most, ten minutes: longer speech is better embedded in pieces of 3 to 10 s, and their mean taken.
    /// </summary>
    public const int MostFrames = 60_000;

    /// <summary>Frames that are computed together at most, as several utterances of one length.</summary>
    const int FramesTogether = 2000;

    readonly OpenedModel _model;

    SpeakerEncoder(OpenedModel model, CamPlusConfig config) => (_model, Config) = (model, config);

    public CamPlusConfig Config { get; }

    /// <summary>Values of an embedding.</summary>
    public int EmbeddingSize => Config.EmbeddingSize;

    /// <summary>Opens the model in the box.</summary>
    /// <exception cref="CheckpointException">It did not come with this program, or is damaged.</exception>
    public static SpeakerEncoder OpenBundled(CpuDevice device) => Open(BundledModels.Require(BundledModels.SpeakerEmbedding), device);

    /// <summary>Opens a model folder: <c>config.json</c> and <c>model.safetensors</c>.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or asks for what is not implemented.</exception>
    public static SpeakerEncoder Open(string folder, CpuDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var config = CamPlusConfig.Load(folder);
        return new SpeakerEncoder(OpenedModel.Open(folder, device, checkpoint => CamPlusModel.Prepare(checkpoint, config)), config);
    }

    /// <summary>
    /// The features of some samples, −1 to 1 at 16 kHz: (frames, 80), the means not taken off yet, so that rows may be chosen first.
    /// </summary>
    public float[] ComputeFeatures(ReadOnlySpan<float> samples) => new KaldiFbank(Config.FeatDim).Compute(samples);

    /// <summary>
    /// The rows of features that a mask keeps, in order, as for one speaker of a segmented window: frame t is kept where the mask's
    /// value nearest to its time, ⌊t · mask length / frames⌋, is not zero.
    /// </summary>
    public float[] SelectFrames(ReadOnlySpan<float> features, ReadOnlySpan<byte> mask)
    {
        int frames = FrameCount(features.Length), size = Config.FeatDim;
        if (mask.IsEmpty)
            throw new ArgumentException("The mask is empty; expected a value for each frame of a segmentation.", nameof(mask));
        var kept = new List<float>(features.Length);
        for (int t = 0; t < frames; t++)
        {
            if (mask[(int)((long)t * mask.Length / frames)] != 0) kept.AddRange(features.Slice(t * size, size));
        }
        return [.. kept];
    }

    /// <summary>The embedding of speech by one speaker, of unit length: (192).</summary>
    /// <param name="samples">At least 720, −1 to 1 at 16 kHz.</param>
    public float[] Embed(ReadOnlySpan<float> samples, CancellationToken cancellationToken = default) =>
        EmbedFeatures([ComputeFeatures(samples)], cancellationToken)[0];

    /// <summary>The same, computed on another thread.</summary>
    public async Task<float[]> EmbedAsync(ReadOnlyMemory<float> samples, CancellationToken cancellationToken = default)
    {
        var features = await Task.Run(() => ComputeFeatures(samples.Span), cancellationToken).ConfigureAwait(false);
        return (await EmbedFeaturesAsync([features], cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>
    /// Embeddings of utterances given as features, (frames, 80) each, whose means are taken off here. Utterances may differ in length;
    /// those of one length are computed together, which changes no number.
    /// </summary>
    public float[][] EmbedFeatures(IReadOnlyList<ReadOnlyMemory<float>> utterances, CancellationToken cancellationToken = default)
    {
        Check(utterances);
        float[][] embeddings = [];
        _model.Run(() => embeddings = Compute(utterances, cancellationToken), cancellationToken);
        return embeddings;
    }

    /// <summary>The same, computed on another thread.</summary>
    public async Task<float[][]> EmbedFeaturesAsync(
        IReadOnlyList<ReadOnlyMemory<float>> utterances, CancellationToken cancellationToken = default)
    {
        Check(utterances);
        float[][] embeddings = [];
        await _model.RunAsync(() => embeddings = Compute(utterances, cancellationToken), cancellationToken).ConfigureAwait(false);
        return embeddings;
    }

    public void Dispose() => _model.Dispose();

    void Check(IReadOnlyList<ReadOnlyMemory<float>> utterances)
    {
        ArgumentNullException.ThrowIfNull(utterances);
        foreach (var utterance in utterances)
        {
            int frames = FrameCount(utterance.Length);
            if (frames is < FewestFrames or > MostFrames)
                throw new ArgumentException(
                    $"An utterance of {frames} frames of 10 ms was given; expected {FewestFrames} to {MostFrames}.", nameof(utterances));
        }
    }

    int FrameCount(int values) =>
        values % Config.FeatDim == 0
            ? values / Config.FeatDim
            : throw new ArgumentException($"{values} values are not frames of {Config.FeatDim} features.");

    float[][] Compute(IReadOnlyList<ReadOnlyMemory<float>> utterances, CancellationToken cancellationToken)
    {
        var embeddings = new float[utterances.Count][];
        foreach (var group in Enumerable.Range(0, utterances.Count).GroupBy(i => utterances[i].Length))
        {
            foreach (int[] together in group.Chunk(Math.Max(1, FramesTogether * Config.FeatDim / group.Key)))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Compute(utterances, together, embeddings);
            }
        }
        return embeddings;
    }

    void Compute(IReadOnlyList<ReadOnlyMemory<float>> utterances, int[] together, float[][] embeddings)
    {
        int values = utterances[together[0]].Length;
        var features = new float[together.Length * values];
        for (int i = 0; i < together.Length; i++)
        {
            var own = features.AsSpan(i * values, values);
            utterances[together[i]].Span.CopyTo(own);
            KaldiFbank.SubtractMeans(own, Config.FeatDim);
        }
        _model.Backend.FreeTemporaries();
        var input = _model.Backend.Input(features, new Shape(together.Length, values / Config.FeatDim, Config.FeatDim));
        var output = CpuBackend.Read(CamPlusModel.Embed(input, _model.Weights, Config));
        for (int i = 0; i < together.Length; i++)
        {
            var embedding = output.Slice(i * EmbeddingSize, EmbeddingSize).ToArray();
            TensorPrimitives.Divide(embedding, TensorPrimitives.Norm<float>(embedding), embedding);
            embeddings[together[i]] = embedding;
        }
        _model.Backend.FreeTemporaries();
    }
}
