using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// pyannote's speaker segmentation (PyanNet with powerset classes): sinc filters and two convolutions make frames of the samples,
/// LSTMs in both directions and linear layers tell for each frame which of a window's speakers are active.
/// </summary>
public static class PyannoteSegmentationModel
{
    const string FilterBank = "sincnet.conv1d.0.filterbank";

    /// <summary>A checkpoint's tensors as the functions here read them: the sinc filters as weights of a convolution.</summary>
    /// <exception cref="CheckpointException">The filters' parameters are missing, of another shape, or of another kind.</exception>
    public static ITensorStore Prepare(ITensorStore checkpoint, PyannoteSegmentationConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var tensors = new ComputedTensors(checkpoint);
        var edges = new Shape(config.NumFilters / 2, 1);
        float[] low = tensors.Read($"{FilterBank}.low_hz_", edges), band = tensors.Read($"{FilterBank}.band_hz_", edges);
        SincFilters.CheckConstants(tensors, FilterBank, config.KernelSize);
        var filters = SincFilters.Compute(low, band, config);
        int taps = config.KernelSize;
        tensors.Add($"{FilterBank}.weight", new Shape(config.NumFilters, 1, taps), (row, values) => filters.AsSpan(row * taps, taps)
            .CopyTo(values));
        return tensors;
    }

    /// <summary>Samples at 16 kHz, (batch, samples, 1) → (batch, frames, 60): what each frame sounds like.</summary>
    public static Tensor Encode(Tensor samples, Scope w, PyannoteSegmentationConfig config)
    {
        var (backend, sincnet) = (samples.Backend, w / "sincnet");
        var mark = backend.Mark();
        float epsilon = (float)config.InstanceNormEps;
        var x = Filter(samples, w, config); // (batch, 5325, 80)
        for (int i = 0; i < config.ConvChannels.Count; i++)
        {
            x = x.Convolve(sincnet / "conv1d" / (i + 1), config.ConvChannels[i], config.ConvKernelSize, new Convolution(Stride: 1));
            x = x.MaxPool(config.PoolKernelSize)
                .InstanceNorm(sincnet / "norm1d" / (i + 1), epsilon, Activation.LeakyRelu); // (batch, 1773, 60), (batch, 589, 60)
        }
        return backend.Keep(x, mark);
    }

    /// <summary>The sinc filters' magnitudes, normalised: (batch, samples, 1) → (batch, frames of 30 samples, 80).</summary>
    public static Tensor Filter(Tensor samples, Scope w, PyannoteSegmentationConfig config)
    {
        var (backend, sincnet) = (samples.Backend, w / "sincnet");
        var mark = backend.Mark();
        float epsilon = (float)config.InstanceNormEps;
        var x = samples.InstanceNorm(sincnet / "wav_norm1d", epsilon);
        x = x.Convolve(sincnet / "conv1d" / 0 / "filterbank", config.NumFilters, config.KernelSize, new Convolution(
            config.Stride, Activation: Activation.Abs));
        return backend.Keep(x.MaxPool(config.PoolKernelSize).InstanceNorm(sincnet / "norm1d" / 0, epsilon, Activation.LeakyRelu), mark);
    }

    /// <summary>
    /// What frames sound like, (batch, frames, 60) → log-probabilities of the sets of active speakers, (batch, frames, classes).
    /// </summary>
    public static Tensor Classify(Tensor frames, Scope w, PyannoteSegmentationConfig config, int classes) =>
        Decide(Remember(frames, w, config), w, config, classes);

    /// <summary>The LSTM layers: (batch, frames, 60) → (batch, frames, 256), the way forward first.</summary>
    public static Tensor Remember(Tensor frames, Scope w, PyannoteSegmentationConfig config)
    {
        var backend = frames.Backend;
        var mark = backend.Mark();
        var x = frames;
        for (int layer = 0; layer < config.LstmNumLayers; layer++)
            x = backend.Keep(x.Lstm(w / "lstm", layer, config.LstmHiddenSize, bidirectional: true), mark);
        return x;
    }

    /// <summary>The layers after the LSTM: (batch, frames, 256) → (batch, frames, classes).</summary>
    public static Tensor Decide(Tensor x, Scope w, PyannoteSegmentationConfig config, int classes)
    {
        for (int layer = 0; layer < config.LinearNumLayers; layer++)
            x = x.Linear(w / "linear" / layer, config.LinearHiddenSize, Activation.LeakyRelu);
        return x.Linear(w / "classifier", classes).LogSoftmax();
    }
}
