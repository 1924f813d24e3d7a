using Earshot.Checkpoints.Nemo;
using Earshot.Compute.Parts;
using Earshot.Features;

namespace Earshot.Models;

/// <summary>The sizes that NVIDIA published.</summary>
static class ConformerShapes
{
    static readonly ConformerConfig s_large = new()
    {
        MelBins = 80,
        Size = 512,
        Layers = 17,
        Heads = 8,
        InnerSize = 2048,
        ScalesInput = true,
    };

    static readonly ConformerConfig s_extraLarge = s_large with
    {
        Size = 1024,
        Layers = 24,
        InnerSize = 4096,
        ScalesInput = false,
        HasLinearBias = false,
        HasConvolutionBias = false,
    };

    public static IReadOnlyDictionary<string, Func<SpeechModel>> All { get; } =
        new Dictionary<string, Func<SpeechModel>>(StringComparer.OrdinalIgnoreCase)
        {
            ["parakeet-tdt-0.6b-v3"] = () => Transducer("parakeet-tdt-0.6b-v3", s_extraLarge with { MelBins = 128 }, 8192, 2),
            ["parakeet-tdt-0.6b-v2"] = () => Transducer("parakeet-tdt-0.6b-v2", s_extraLarge with { MelBins = 128 }, 1024, 2),
            ["parakeet-tdt-0.6b"] = () => Transducer("parakeet-tdt-0.6b", s_extraLarge with { MelBins = 128 }, 8192, 2),
            ["parakeet-ctc-0.6b"] = () => Ctc("parakeet-ctc-0.6b", s_extraLarge, 1024),
            ["parakeet-ctc-1.1b"] = () => Ctc("parakeet-ctc-1.1b", s_extraLarge with { Layers = 42 }, 1024),
            ["stt_en_conformer_ctc_large"] = () => Ctc(
                "stt_en_conformer_ctc_large",
                s_large with
                {
                    Layers = 18,
                    Kernel = 31,
                    Subsampling = SubsamplingKind.Striding,
                    SubsamplingFactor = 4,
                    SubsamplingChannels = 512,
                },
                128),
            ["stt_en_fastconformer_ctc_large"] = () => Ctc("stt_en_fastconformer_ctc_large", s_large, 1024),
            ["stt_en_fastconformer_hybrid_large_streaming_multi"] = () => Streaming(
                "stt_en_fastconformer_hybrid_large_streaming_multi", [13, 6, 1, 0]),
        };

    static SpeechModel Ctc(string name, ConformerConfig config, int tokens) => ConformerFamily.Describe(
        config, new ConformerHeads { Ctc = new ConformerCtcHead(NemoNames.Ctc, tokens + 1) }, name, NemoArchive.ModelType);

    static SpeechModel Transducer(string name, ConformerConfig config, int tokens, int layers) => ConformerFamily.Describe(
        config, new ConformerHeads { Transducer = Lstm(config, tokens, layers, [0, 1, 2, 3, 4]) }, name, NemoArchive.ModelType);

    static SpeechModel Streaming(string name, int[] right)
    {
        const int left = 70, tokens = 1024;
        var config = s_large with
        {
            IsSubsamplingCausal = true,
            IsConvolutionCausal = true,
            HasLayerNorm = true,
            Contexts = [.. right.Select(chunk => new AttentionContext(left, chunk, IsChunked: true))],
        };
        var heads = new ConformerHeads
        {
            Transducer = Lstm(config, tokens, layers: 1, []),
            Ctc = new ConformerCtcHead(NemoNames.AuxiliaryCtc, tokens + 1),
            Normalization = MelNormalization.None,
        };
        return ConformerFamily.Describe(config, heads, name, NemoArchive.ModelType);
    }

    static LstmTransducer Lstm(ConformerConfig config, int tokens, int layers, int[] durations) => new()
    {
        Shape = new TransducerShape
        {
            VocabSize = tokens + 1,
            Blank = tokens,
            Durations = durations,
            EncodedWidth = config.Size,
            Width = 640,
            StateSizes = [.. Enumerable.Repeat(640, layers)],
        },
        Names = NemoNames.Transducer(hasDropout: true),
    };
}

/// <summary>What NeMo's checkpoints call what writes.</summary>
static class NemoNames
{
    public const string Ctc = "decoder.decoder_layers.0", AuxiliaryCtc = "ctc_decoder.decoder_layers.0";

    /// <param name="hasDropout">Whether the joiner was trained with one, which counts as a layer.</param>
    public static TransducerNames Transducer(bool hasDropout) => new()
    {
        Embedding = "decoder.prediction.embed",
        Lstm = "decoder.prediction.dec_rnn.lstm",
        Predicted = "joint.pred",
        Encoded = "joint.enc",
        Output = hasDropout ? "joint.joint_net.2" : "joint.joint_net.1",
    };
}
