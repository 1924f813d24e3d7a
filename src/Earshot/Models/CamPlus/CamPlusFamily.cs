using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Features;

namespace Earshot.Models;

/// <summary>CAM++: voices in vectors.</summary>
public sealed class CamPlusFamily : ModelFamily
{
    // The sizes of the model in the box, which is the published one.
    static readonly CamPlusConfig s_published = new()
    {
        FeatDim = 80,
        EmbeddingSize = 192,
        GrowthRate = 32,
        BnSize = 4,
        InitChannels = 128,
        HeadChannels = 32,
        HeadBlocks = [2, 2],
        Blocks = [new CamPlusBlock(12, 3, 1), new CamPlusBlock(24, 3, 2), new CamPlusBlock(16, 3, 2)],
        CamReduction = 2,
        CamSegmentLength = 100,
        BatchNormEps = 1e-5,
    };

    public override IReadOnlyList<string> ModelTypes { get; } = ["CAMPPlus"];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } =
        new Dictionary<string, Func<SpeechModel>>(StringComparer.OrdinalIgnoreCase)
        {
            ["campplus"] = () => Describe(s_published, "campplus"),
        };

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Describe(CamPlusConfig.Load(folder.Path), folder.Name);
    }

    static SpeechModel Describe(CamPlusConfig config, string name) => new()
    {
        Info = new ModelInfo
        {
            Name = name,
            Type = "CAMPPlus",
            Sizes =
            [
                ("mel bins", config.FeatDim), ("embedding", config.EmbeddingSize), ("dense blocks", config.Blocks.Count),
                ("dense layers", config.Blocks.Sum(block => block.NumLayers)), ("channels", config.InitChannels),
            ],
        },
        Parts = new ModelParts
        {
            SpeakerEncoder = new CamPlusSpeakerEncoder(config),
            // How many batches the norms saw in training.
            IsUnused = tensor => tensor.EndsWith(".num_batches_tracked", StringComparison.Ordinal),
        },
        Features = new KaldiFbankSettings(config.FeatDim) { SubtractsMeans = true },
        PrepareWeights = checkpoint => CamPlusModel.Prepare(checkpoint, config),
    };
}

/// <summary>CAM++ as a part.</summary>
public sealed class CamPlusSpeakerEncoder(CamPlusConfig config) : ISpeakerEncoder
{
    public int InputSize => config.FeatDim;

    public int LeastFrames => 3;

    public int EmbeddingSize => config.EmbeddingSize;

    public Tensor Embed(Tensor features, Scope root) => CamPlusModel.Embed(features, root, config);
}
