using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// HiFi-GAN's generator (Kong, Kim and Bae 2020, arXiv 2010.05646): a log-mel spectrogram becomes sound, in Hugging Face's format, as the
/// voices of SpeechT5 and FastSpeech2Conformer are published.
/// </summary>
public sealed class HifiGanFamily : ModelFamily
{
    public override IReadOnlyList<string> ModelTypes { get; } = ["hifigan", "fastspeech2_conformer_hifigan"];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } =
        new Dictionary<string, Func<SpeechModel>>(StringComparer.OrdinalIgnoreCase)
        {
            ["speecht5_hifigan"] = () => Describe(new HifiGanConfig(), "speecht5_hifigan"),
            ["fastspeech2_conformer_hifigan"] = () => Describe(
                new HifiGanConfig { SamplingRate = 22_050, UpsampleRates = [8, 8, 2, 2], UpsampleKernelSizes = [16, 16, 4, 4] },
                "fastspeech2_conformer_hifigan"),
        };

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        using var settings = folder.OpenConfig();
        settings.RequireArchitecture("SpeechT5HifiGan", "FastSpeech2ConformerHifiGan");
        return Describe(HifiGanConfig.Read(settings), folder.Name);
    }

    /// <summary>A model of some sizes, without a folder.</summary>
    public static SpeechModel Describe(HifiGanConfig config, string name)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new SpeechModel
        {
            Info = new ModelInfo
            {
                Name = name,
                Type = "hifigan",
                Sizes =
                [
                    ("mel channels", config.ModelInDim), ("sample rate", config.SamplingRate),
                    ("samples per frame", config.SamplesPerFrame), ("channels", config.UpsampleInitialChannel),
                    ("stages", config.UpsampleRates.Count), ("blocks per stage", config.ResblockKernelSizes.Count),
                ],
            },
            Parts = new ModelParts
            {
                Voice = new HifiGanVoice(config),
                IsUnused = config.NormalizeBefore ? null : tensor => tensor is "mean" or "scale",
            },
            // Training keeps weights as directions and lengths; what was published holds them as they are.
            PrepareWeights = WeightNorm.FoldRows,
        };
    }
}

/// <summary>The sizes of a voice: <c>config.json</c>, its names in Pascal case; the defaults are SpeechT5's.</summary>
public sealed record HifiGanConfig
{
    const int MostSamplesPerFrame = 1 << 16;

    public int ModelInDim { get; init; } = 80;
    public int SamplingRate { get; init; } = 16_000;
    public int UpsampleInitialChannel { get; init; } = 512;
    public IReadOnlyList<int> UpsampleRates { get; init; } = [4, 4, 4, 4];
    public IReadOnlyList<int> UpsampleKernelSizes { get; init; } = [8, 8, 8, 8];
    public IReadOnlyList<int> ResblockKernelSizes { get; init; } = [3, 7, 11];

    /// <summary>Dilations of the convolutions of each kind of block, one behind the other.</summary>
    public IReadOnlyList<IReadOnlyList<int>> ResblockDilationSizes { get; init; } = [[1, 3, 5], [1, 3, 5], [1, 3, 5]];

    /// <summary>What negative values are multiplied by; before the last convolution it is always 0.01.</summary>
    public double LeakyReluSlope { get; init; } = 0.1;

    /// <summary>Whether features are normalised by the checkpoint's <c>mean</c> and <c>scale</c> first.</summary>
    public bool NormalizeBefore { get; init; } = true;

    /// <summary>Samples of each frame.</summary>
    public int SamplesPerFrame => UpsampleRates.Aggregate(1, (product, rate) => product * rate);

    /// <summary>Channels behind so many stages: each halves them.</summary>
    public int Channels(int stages) => UpsampleInitialChannel >> stages;

    internal static HifiGanConfig Read(SettingsFile settings)
    {
        int[] Sizes(string key) =>
            settings.OptionalIntegers(key, 1, 1024) is { Length: > 0 and <= 16 } sizes
                ? sizes
                : throw settings.Wrong(key, "1 to 16 integers from 1 to 1024", "none, or more");
        const string dilations = "resblock_dilation_sizes";
        var absent = new HifiGanConfig();
        var config = new HifiGanConfig
        {
            ModelInDim = settings.Integer("model_in_dim", 1, 1 << 16),
            SamplingRate = settings.Integer("sampling_rate", 1, 1 << 20),
            UpsampleInitialChannel = settings.Integer("upsample_initial_channel", 2, 1 << 16),
            UpsampleRates = Sizes("upsample_rates"),
            UpsampleKernelSizes = Sizes("upsample_kernel_sizes"),
            ResblockKernelSizes = Sizes("resblock_kernel_sizes"),
            ResblockDilationSizes = settings.Has(dilations)
                ? [.. settings.Array(settings.Root.GetProperty(dilations), dilations).Select(Dilations)]
                : throw settings.Wrong(dilations, "an array of integers for each kind of block", "nothing"),
            LeakyReluSlope = settings.Has("leaky_relu_slope") ? settings.Number("leaky_relu_slope", 0, 1) : absent.LeakyReluSlope,
            NormalizeBefore = settings.Flag("normalize_before", absent.NormalizeBefore),
        };
        config.Check(settings);
        return config;

        IReadOnlyList<int> Dilations(JsonElement block)
        {
            int[] sizes = [.. settings.Array(block, dilations).Select(item => settings.AsInteger(item, dilations, 1, 1024))];
            return sizes is { Length: > 0 and <= 16 } ? sizes : throw settings.Wrong(dilations, "1 to 16 a block", block.GetRawText());
        }
    }

    void Check(SettingsFile settings)
    {
        settings.RequireLength("upsample_kernel_sizes", UpsampleKernelSizes.Count, ("upsample_rates", UpsampleRates.Count));
        settings.RequireLength(
            "resblock_dilation_sizes", ResblockDilationSizes.Count, ("resblock_kernel_sizes", ResblockKernelSizes.Count));
        if (UpsampleRates.Aggregate(1L, (product, rate) => Math.Min(product * rate, int.MaxValue)) is > MostSamplesPerFrame and var samples)
            throw settings.Wrong("upsample_rates", $"rates whose product is at most {MostSamplesPerFrame}", $"{samples}");
        if (Channels(UpsampleRates.Count) == 0)
            throw settings.Wrong(
                "upsample_initial_channel", $"at least {1L << UpsampleRates.Count}, as each of {UpsampleRates.Count} stages halves it",
                $"{UpsampleInitialChannel}");
        foreach (var (rate, kernel) in UpsampleRates.Zip(UpsampleKernelSizes))
        {
            // Otherwise stages do not make a whole number of samples of each frame.
            if (kernel < rate || (kernel - rate) % 2 != 0)
                throw settings.Wrong("upsample_kernel_sizes", $"{rate} or more by an even number, where the rate is {rate}", $"{kernel}");
        }
        foreach (int kernel in ResblockKernelSizes)
        {
            if (kernel % 2 == 0) throw settings.Wrong("resblock_kernel_sizes", "odd, so that a block keeps its length", $"{kernel}");
        }
    }
}

/// <summary>
/// Stages that lengthen by transposed convolutions, each followed by residual blocks side by side, whose mean is the stage's output.
/// </summary>
public sealed class HifiGanVoice : IVoice
{
    // Of the convolutions at both ends.
    const int EndKernel = 7, EndPadding = EndKernel / 2;

    // Six seconds at 16 kHz: temporaries of about 200 MB in published sizes, an eighth of the work for the context.
    const int UsualFrames = 400;

    readonly HifiGanConfig _config;

    public HifiGanVoice(HifiGanConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        int context = ContextOf(config);
        Shape = new VoiceShape
        {
            InputSize = config.ModelInDim,
            SampleRate = config.SamplingRate,
            SamplesPerFrame = config.SamplesPerFrame,
            MostFrames = Math.Max(UsualFrames, 4 * context),
            ContextFrames = context,
        };
    }

    public VoiceShape Shape { get; }

    public Tensor Speak(Tensor features, Scope root)
    {
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(root);
        var backend = features.Backend;
        var mark = backend.Mark();
        var x = _config.NormalizeBefore ? Normalize(features, root) : features;
        x = x.Convolve(
            root / "conv_pre", _config.UpsampleInitialChannel, EndKernel,
            new Convolution(PadLeft: EndPadding, PadRight: EndPadding)); // (batch, frames, channels)
        for (int stage = 0; stage < _config.UpsampleRates.Count; stage++)
        {
            int rate = _config.UpsampleRates[stage], kernel = _config.UpsampleKernelSizes[stage];
            var longer = x.LeakyRelu((float)_config.LeakyReluSlope).ConvolveTransposed(
                root / "upsampler" / stage, _config.Channels(stage + 1), kernel,
                new ConvolutionTransposed(rate, (kernel - rate) / 2)); // (batch, time × rate, channels / 2)
            x = backend.Keep(Blocks(longer, stage, root / "resblocks"), mark);
        }
        x = x.Activate(Activation.LeakyRelu).Convolve(
            root / "conv_post", 1, EndKernel,
            new Convolution(PadLeft: EndPadding, PadRight: EndPadding, Activation: Activation.Tanh)); // (batch, samples, 1)
        return x.Reshape(x.Shape[0], x.Shape[1]);
    }

    static Tensor Normalize(Tensor x, Scope root)
    {
        var (backend, size) = (x.Backend, new Shape(x.Shape[^1]));
        return backend.Divide(
            backend.Subtract(x, backend.Value(root.Parameter("mean", size))), backend.Value(root.Parameter("scale", size)));
    }

    Tensor Blocks(Tensor x, int stage, Scope w)
    {
        int kinds = _config.ResblockKernelSizes.Count;
        var sum = Block(x, 0, w / (stage * kinds));
        for (int kind = 1; kind < kinds; kind++)
        {
            var mark = x.Backend.Mark();
            sum = x.Backend.KeepOnly(sum, sum + Block(x, kind, w / (stage * kinds + kind)), mark);
        }
        return x.Backend.Scale(sum, 1f / kinds);
    }

    Tensor Block(Tensor x, int kind, Scope w)
    {
        var (y, kernel, slope) = (x, _config.ResblockKernelSizes[kind], (float)_config.LeakyReluSlope);
        for (int i = 0; i < _config.ResblockDilationSizes[kind].Count; i++)
        {
            var mark = x.Backend.Mark();
            int dilation = _config.ResblockDilationSizes[kind][i], reach = kernel / 2;
            var h = y.LeakyRelu(slope).Convolve(
                w / "convs1" / i, x.Shape[^1], kernel,
                new Convolution(PadLeft: reach * dilation, PadRight: reach * dilation, Dilation: dilation));
            h = y + h.LeakyRelu(slope).Convolve(w / "convs2" / i, x.Shape[^1], kernel, new Convolution(PadLeft: reach, PadRight: reach));
            // What all blocks begin with stays.
            y = i == 0 ? x.Backend.Keep(h, mark) : x.Backend.KeepOnly(y, h, mark);
        }
        return y;
    }

    // From the samples of a frame back to the frames that they are made of, layer by layer.
    static int ContextOf(HifiGanConfig config)
    {
        long first = -EndPadding, last = config.SamplesPerFrame - 1 + EndPadding;
        int reach = config.ResblockKernelSizes.Zip(config.ResblockDilationSizes)
            .Max(block => block.Second.Sum(dilation => block.First / 2 * (dilation + 1)));
        for (int stage = config.UpsampleRates.Count - 1; stage >= 0; stage--)
        {
            int rate = config.UpsampleRates[stage], kernel = config.UpsampleKernelSizes[stage], padding = (kernel - rate) / 2;
            // Output p gathers tap t of frame (p + padding − t) / rate.
            first = -((reach - first - padding + kernel - 1) / rate);
            last = (last + reach + padding) / rate;
        }
        return (int)Math.Max(EndPadding - first, last + EndPadding);
    }
}
