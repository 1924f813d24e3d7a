using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>The sizes of a pyannote segmentation model (PyanNet, version 3): <c>config.json</c>, its names in Pascal case.</summary>
public sealed record PyannoteSegmentationConfig
{
    /// <summary>Samples a second.</summary>
    public const int SampleRate = 16000;

    /// <summary>Sinc filters: half of them cosine, half sine kernels.</summary>
    public required int NumFilters { get; init; }

    /// <summary>Taps of a sinc filter, an odd number.</summary>
    public required int KernelSize { get; init; }

    /// <summary>Samples from one output of a sinc filter to the next.</summary>
    public required int Stride { get; init; }

    /// <summary>The lowest lower edge of a filter's band.</summary>
    public required double MinLowHz { get; init; }

    /// <summary>The narrowest band of a filter.</summary>
    public required double MinBandHz { get; init; }

    /// <summary>Outputs of the convolutions after the sinc filters.</summary>
    public required IReadOnlyList<int> ConvChannels { get; init; }

    public required int ConvKernelSize { get; init; }

    /// <summary>Frames that each pooling makes one of.</summary>
    public required int PoolKernelSize { get; init; }

    public required double InstanceNormEps { get; init; }

    /// <summary>Values of the LSTM's state, each way.</summary>
    public required int LstmHiddenSize { get; init; }

    public required int LstmNumLayers { get; init; }

    public required int LinearHiddenSize { get; init; }

    public required int LinearNumLayers { get; init; }

    /// <summary>Seconds of the windows that the model was trained on.</summary>
    public required double Duration { get; init; }

    /// <summary>Local speakers of a window.</summary>
    public required int Speakers { get; init; }

    /// <summary>Speakers that may be active at once.</summary>
    public required int PowersetMaxClasses { get; init; }

    /// <summary>Classes of a frame: sets of speakers that may be active together, none included.</summary>
    public int Classes
    {
        get
        {
            long sum = 0, sets = 1;
            for (int size = 0; size <= PowersetMaxClasses; sets = sets * (Speakers - size) / (size + 1), size++) sum += sets;
            return (int)sum;
        }
    }

    /// <summary>Samples of the windows that the model was trained on.</summary>
    public int WindowSamples => (int)Math.Round(Duration * SampleRate);

    /// <summary>Samples from one frame to the next: 270.</summary>
    public int StepSamples => Layers.Aggregate(1, (step, layer) => step * layer.Stride);

    /// <summary>Samples that one frame sees: 991.</summary>
    public int FrameSamples => Layers.Reverse().Aggregate(1, (samples, layer) => (samples - 1) * layer.Stride + layer.Kernel);

    // Kernel and stride of each layer that takes time together.
    IEnumerable<(int Kernel, int Stride)> Layers
    {
        get
        {
            yield return (KernelSize, Stride);
            yield return (PoolKernelSize, PoolKernelSize);
            for (int i = 0; i < ConvChannels.Count; i++)
            {
                yield return (ConvKernelSize, 1);
                yield return (PoolKernelSize, PoolKernelSize);
            }
        }
    }

    /// <summary>The frames that some samples make: 589 for 10 s; none for fewer than <see cref="FrameSamples"/>.</summary>
    public int Frames(int samples)
    {
        int count = samples;
        foreach (var (kernel, stride) in Layers)
        {
            if (count < kernel) return 0;
            count = (count - kernel) / stride + 1;
        }
        return count;
    }

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="CheckpointException">The file is missing, a value in it cannot be, or asks for what is not implemented.</exception>
    public static PyannoteSegmentationConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        using var settings = SettingsFile.Open(Path.Combine(folder, ModelFolder.ConfigName), "tells the model's kind and its sizes");
        settings.Only("architecture", "\"PyanNet\"");
        settings.Only("sample_rate", "16000");
        settings.Only("num_channels", "1");
        var config = Read(settings);
        CheckPowerset(settings, config);
        return config;
    }

    static PyannoteSegmentationConfig Read(SettingsFile settings)
    {
        SettingsFile sincnet = settings.Section("sincnet"), lstm = settings.Section("lstm"), linear = settings.Section("linear"),
            task = settings.Section("specifications");
        sincnet.Only("conv_stride", "1");
        sincnet.Only("leaky_relu_slope", "0.01");
        lstm.Only("bidirectional", "true");
        linear.Only("leaky_relu_slope", "0.01");
        task.Only("problem", "\"mono_label_classification\"");
        int pool = sincnet.Integer("pool_kernel_size", 1, 64);
        sincnet.Only("pool_stride", $"{pool}");
        int[] channels = sincnet.OptionalIntegers("conv_channels", 1, 4096)
            ?? throw sincnet.Wrong("conv_channels", "an array of sizes", "nothing");
        if (channels.Length is 0 or > 8) throw sincnet.Wrong("conv_channels", "one to eight sizes", $"{channels.Length}");
        int filters = sincnet.Integer("num_filters", 2, 4096), kernel = sincnet.Integer("kernel_size", 3, 4095),
            hidden = lstm.Integer("hidden_size", 1, 4096);
        if (filters % 2 != 0) throw sincnet.Wrong("num_filters", "an even number", $"{filters}");
        if (kernel % 2 == 0) throw sincnet.Wrong("kernel_size", "an odd number", $"{kernel}");
        lstm.Only("input_size", $"{channels[^1]}");
        return new PyannoteSegmentationConfig
        {
            NumFilters = filters,
            KernelSize = kernel,
            Stride = sincnet.Integer("stride", 1, 1024),
            MinLowHz = sincnet.Number("min_low_hz", 0, SampleRate / 2),
            MinBandHz = sincnet.Number("min_band_hz", 0, SampleRate / 2),
            ConvChannels = channels,
            ConvKernelSize = sincnet.Integer("conv_kernel_size", 1, 256),
            PoolKernelSize = pool,
            InstanceNormEps = sincnet.Number("instance_norm_eps", 0, 1),
            LstmHiddenSize = hidden,
            LstmNumLayers = lstm.Integer("num_layers", 1, 64),
            LinearHiddenSize = linear.Integer("hidden_size", 1, 4096),
            LinearNumLayers = linear.Integer("num_layers", 0, 64),
            Duration = task.Number("duration", 0.1, 600),
            Speakers = task.Array(task.Has("classes") ? task.Root.GetProperty("classes") : default, "classes").Count(),
            PowersetMaxClasses = task.Integer("powerset_max_classes", 1, 16),
        };
    }

    // The classes' order is part of the model; it is always by size, then as numbers.
    static void CheckPowerset(SettingsFile settings, PyannoteSegmentationConfig config)
    {
        if (config.Speakers is 0 or > 16 || config.PowersetMaxClasses > config.Speakers)
            throw settings.Wrong(
                "specifications", "1 to 16 classes, and no more active at once than there are",
                $"{config.Speakers} classes, {config.PowersetMaxClasses} at once");
        if (!settings.Has("powerset")) return;
        var stated = settings.Array(settings.Root.GetProperty("powerset"), "powerset")
            .Select(set => settings.Array(set, "powerset")
                .Select(speaker => settings.AsInteger(speaker, "powerset", 0, config.Speakers - 1)).ToArray()).ToArray();
        var sets = new Powerset(config.Speakers, config.PowersetMaxClasses).Sets;
        if (stated.Length != sets.Count || !stated.Zip(sets).All(pair => pair.First.SequenceEqual(pair.Second)))
            throw settings.Wrong(
                "powerset", "all sets of speakers by size, then in order", settings.Root.GetProperty("powerset").GetRawText());
    }
}
