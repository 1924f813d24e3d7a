using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Tests.Models;

/// <summary>All that a Whisper model's folder holds.</summary>
internal sealed class WhisperFolder : IDisposable
{
    WhisperFolder(string path)
    {
        var folder = new ModelFolder(path);
        Model = ModelFamilies.Open(folder);
        Weights = folder.OpenWeights();
    }

    public SpeechModel Model { get; }

    public ModelWeights Weights { get; }

    public WhisperConfig Config => ((WhisperPrompt)Model.Prompt!).Config;

    public WhisperGenerationConfig Generation => ((WhisperPrompt)Model.Prompt!).Generation;

    public WhisperTokenizer Tokenizer => (WhisperTokenizer)Model.RequireTokenizer();

    public WeightFormat? Quantization => Weights.Quantized?.Format;

    public static WhisperFolder Open(string path) => new(path);

    public void Dispose() => Weights.Dispose();
}
