using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Features;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>Toy: a convolution, residual layers, and a letter for every position.</summary>
public sealed class ToyFamily : ModelFamily
{
    public override IReadOnlyList<string> ModelTypes { get; } = ["toy"];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } = new Dictionary<string, Func<SpeechModel>>
    {
        ["toy-small"] = () => Describe("toy-small", new ToyConfig(MelBins: 80, Size: 32, Layers: 2, Letters: 29)),
    };

    public override SpeechModel Open(ModelFolder folder)
    {
        using var settings = folder.OpenConfig();
        settings.OnlyIfPresent("activation", "\"relu\"");
        var config = new ToyConfig(
            settings.Integer("num_mel_bins", 1, 512),
            settings.Integer("hidden_size", 1, 1 << 16),
            settings.Integer("num_layers", 0, 1024),
            settings.Integer("vocab_size", 1, 1 << 20));
        return Describe(folder.Name, config) with { Tokenizer = CtcVocabulary.Load(folder.Path) };
    }

    static SpeechModel Describe(string name, ToyConfig config) => new()
    {
        Info = new ModelInfo { Name = name, Type = "toy", Sizes = [("width", config.Size), ("layers", config.Layers)], Languages = ["en"] },
        Parts = new ModelParts { Encoder = new ToyEncoder(config), Ctc = new ToyHead(config) },
        Features = new LogMelSettings(config.MelBins),
    };
}

public sealed record ToyConfig(int MelBins, int Size, int Layers, int Letters);

public sealed class ToyEncoder(ToyConfig config) : IAudioEncoder
{
    public EncoderShape Shape { get; } = new()
    {
        InputSize = config.MelBins,
        Width = config.Size,
        LeastFrames = 2,
        MostFrames = 3000,
        FrameMultiple = 2,
        SecondsPerPosition = 0.02,
    };

    public int PositionsOf(int frames) => frames / 2;

    public Tensor Encode(Tensor features, Scope root)
    {
        var x = features.Convolve(
            root / "front", config.Size, kernel: 3, new Convolution(Stride: 2, PadLeft: 1, PadRight: 1)); // (batch, frames / 2, size)
        for (int i = 0; i < config.Layers; i++)
        {
            var (mark, w) = (x.Backend.Mark(), root / "layers" / i);
            var h = x.LayerNorm(w / "norm").Linear(w / "inner", 2 * config.Size, Activation.Relu);
            x = x.Backend.KeepOnly(x, h.Linear(w / "outer", config.Size, residual: x), mark);
        }
        return x.LayerNorm(root / "norm");
    }
}

public sealed class ToyHead(ToyConfig config) : ICtcHead
{
    public int Blank => 0;

    public int VocabSize => config.Letters;

    public Tensor Logits(Tensor encoded, Scope root) => encoded.Linear(root / "letters", config.Letters);
}
