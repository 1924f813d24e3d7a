using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// CAM++'s tensors as <see cref="CamPlusModel"/> reads them. A batch norm after a product is multiplied into it (weight and bias of
/// the product's scope); one before it is a factor and an addend (<c>scale</c>, <c>shift</c>). Convolutions of one tap are matrices.
/// </summary>
internal sealed class CamPlusWeights
{
    readonly CamPlusConfig _config;

    CamPlusWeights(ITensorStore checkpoint, CamPlusConfig config)
    {
        _config = config;
        Tensors = new ComputedTensors(checkpoint);
    }

    ComputedTensors Tensors { get; }

    /// <exception cref="CheckpointException">A tensor is missing, has another shape, or cannot be.</exception>
    public static ITensorStore Prepare(ITensorStore checkpoint, CamPlusConfig config)
    {
        var weights = new CamPlusWeights(checkpoint, config);
        weights.AddHead();
        int channels = config.InitChannels;
        for (int b = 0; b < config.Blocks.Count; b++)
        {
            for (int layer = 0; layer < config.Blocks[b].NumLayers; layer++, channels += config.GrowthRate)
                weights.AddLayer(b, layer, channels);
            weights.AddTransit(b, channels);
            channels /= 2;
        }
        weights.AddNorm("xvector.out_nonlinear", channels);
        weights.AddMatrix(
            "xvector.dense",
            "linear", weights.Norm("xvector.dense.nonlinear.batchnorm", config.EmbeddingSize, affine: false), 2 * channels);
        return weights.Tensors;
    }

    void AddHead()
    {
        int channels = _config.HeadChannels;
        AddImageConvolution("head.conv1", "head.conv1.weight", "head.bn1", (1, 3));
        for (int stage = 1; stage <= _config.HeadBlocks.Count; stage++)
        {
            for (int block = 0; block < _config.HeadBlocks[stage - 1]; block++)
            {
                var name = $"head.layer{stage}.{block}";
                AddImageConvolution($"{name}.conv1", $"{name}.conv1.weight", $"{name}.bn1", (channels, 3));
                AddImageConvolution($"{name}.conv2", $"{name}.conv2.weight", $"{name}.bn2", (channels, 3));
                if (block == 0) AddImageConvolution($"{name}.shortcut", $"{name}.shortcut.0.weight", $"{name}.shortcut.1", (channels, 1));
            }
        }
        AddImageConvolution("head.conv2", "head.conv2.weight", "head.bn2", (channels, 3));
        AddFirstLayer();
    }

    // (out, in, mel, time) → (out, in, time, mel): the images here are (time, mel).
    void AddImageConvolution(string name, string weight, string norm, (int Inputs, int Kernel) size)
    {
        var (inputs, kernel) = size;
        int outputs = _config.HeadChannels, taps = kernel * kernel;
        var stored = Tensors.Require(weight, new Shape(outputs, inputs, kernel, kernel));
        var (scale, shift) = Norm(norm, outputs);
        Tensors.Add($"{name}.weight", stored.Shape, (row, values) =>
        {
            var read = new float[values.Length];
            stored.ReadFloats((long)row * read.Length, read);
            for (int i = 0; i < values.Length; i++) values[i] = scale[row] * read[i - i % taps + i % kernel * kernel + i % taps / kernel];
        });
        AddVector($"{name}.bias", shift);
    }

    // The head's channels come channel by channel in the checkpoint, and mel by mel here.
    void AddFirstLayer()
    {
        const int kernel = 5;
        int mels = _config.HeadMels, channels = _config.HeadChannels;
        var stored = Tensors.Require("xvector.tdnn.linear.weight", new Shape(_config.InitChannels, channels * mels, kernel));
        var (scale, shift) = Norm("xvector.tdnn.nonlinear.batchnorm", _config.InitChannels);
        Tensors.Add("xvector.tdnn.weight", stored.Shape, (row, values) =>
        {
            var read = new float[values.Length];
            stored.ReadFloats((long)row * read.Length, read);
            for (int i = 0; i < values.Length; i++)
            {
                int input = i / kernel, mel = input / channels, channel = input % channels;
                values[i] = scale[row] * read[(channel * mels + mel) * kernel + i % kernel];
            }
        });
        AddVector("xvector.tdnn.bias", shift);
    }

    void AddLayer(int block, int layer, int channels)
    {
        var name = $"xvector.block{block + 1}.tdnnd{layer + 1}";
        int inner = _config.BottleneckChannels, narrow = inner / _config.CamReduction;
        AddNorm($"{name}.nonlinear1", channels);
        AddMatrix(name, "linear1", Norm($"{name}.nonlinear2.batchnorm", inner), channels);
        AddMatrix($"{name}.cam_layer", "linear1", (Ones(narrow), null), inner);
        AddMatrix($"{name}.cam_layer", "linear2", (Ones(_config.GrowthRate), null), narrow);
    }

    void AddTransit(int block, int channels)
    {
        var name = $"xvector.transit{block + 1}";
        AddNorm($"{name}.nonlinear", channels);
        AddMatrix(name, "linear", (Ones(channels / 2), null), channels);
    }

    // (out, in, 1) → (out, in); without a shift the checkpoint's own bias stays.
    void AddMatrix(string scope, string name, (float[] Scale, float[]? Shift) norm, int inputs)
    {
        var (scale, shift) = norm;
        var stored = Tensors.Require($"{scope}.{name}.weight", new Shape(scale.Length, inputs, 1));
        Tensors.Add($"{scope}.{name}.weight", new Shape(scale.Length, inputs), (row, values) =>
        {
            stored.ReadFloats((long)row * values.Length, values);
            foreach (ref float value in values) value *= scale[row];
        });
        if (shift is not null) AddVector($"{scope}.{name}.bias", shift);
    }

    void AddNorm(string name, int size)
    {
        var (scale, shift) = Norm($"{name}.batchnorm", size);
        AddVector($"{name}.scale", scale);
        AddVector($"{name}.shift", shift);
    }

    void AddVector(string name, float[] values) => Tensors.Add(name, new Shape(values.Length), (_, row) => values.CopyTo(row));

    (float[] Scale, float[] Shift) Norm(string name, int size, bool affine = true) =>
        BatchNorm.Read(Tensors, name, size, _config.BatchNormEps, affine);

    static float[] Ones(int size)
    {
        var ones = new float[size];
        Array.Fill(ones, 1);
        return ones;
    }
}
