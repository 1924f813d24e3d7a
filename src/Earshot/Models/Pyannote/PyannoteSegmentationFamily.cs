using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>pyannote's segmentation: who speaks when within ten seconds.</summary>
public sealed class PyannoteSegmentationFamily : ModelFamily
{
    const string PublishedName = "pyannote-segmentation-3.0";

    // The sizes of the model in the box.
    static readonly PyannoteSegmentationConfig s_published = new()
    {
        NumFilters = 80,
        KernelSize = 251,
        Stride = 10,
        MinLowHz = 50,
        MinBandHz = 50,
        ConvChannels = [60, 60],
        ConvKernelSize = 5,
        PoolKernelSize = 3,
        InstanceNormEps = 1e-5,
        LstmHiddenSize = 128,
        LstmNumLayers = 4,
        LinearHiddenSize = 128,
        LinearNumLayers = 2,
        Duration = 10,
        Speakers = 3,
        PowersetMaxClasses = 2,
    };

    public override IReadOnlyList<string> ModelTypes { get; } = ["PyanNet"];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } =
        new Dictionary<string, Func<SpeechModel>>(StringComparer.OrdinalIgnoreCase)
        {
            [PublishedName] = () => Describe(s_published, PublishedName),
        };

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Describe(PyannoteSegmentationConfig.Load(folder.Path), folder.Name);
    }

    static SpeechModel Describe(PyannoteSegmentationConfig config, string name) => new()
    {
        Info = new ModelInfo
        {
            Name = name,
            Type = "PyanNet",
            Sizes =
            [
                ("window samples", config.WindowSamples), ("frames", config.Frames(config.WindowSamples)), ("filters", config.NumFilters),
                ("lstm layers", config.LstmNumLayers), ("width", config.LstmHiddenSize), ("speakers", config.Speakers),
                ("classes", config.Classes),
            ],
        },
        Parts = new ModelParts { Segmentation = new PyannoteSegmentation(config) },
        PrepareWeights = checkpoint => PyannoteSegmentationModel.Prepare(checkpoint, config),
    };
}

/// <summary>pyannote's segmentation as a part.</summary>
public sealed class PyannoteSegmentation(PyannoteSegmentationConfig config) : ISegmentation
{
    public int WindowSamples => config.WindowSamples;

    public int Classes => config.Classes;

    public Tensor Segment(Tensor samples, Scope root) =>
        PyannoteSegmentationModel.Classify(PyannoteSegmentationModel.Encode(samples, root, config), root, config, Classes);
}
