using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Decoding;
using Earshot.Models;

namespace Earshot.TextGeneration;

/// <summary>What a folder or a file with a language model says.</summary>
static class LanguageModelLoading
{
    /// <exception cref="ModelException">It is a model of another kind.</exception>
    public static (SpeechModel Model, CausalLmPrompt Prompt) Open(string path)
    {
        var model = ModelFamilies.OpenAny(new ModelFolder(path));
        return (model, PromptOf(path, model));
    }

    /// <exception cref="ModelException">It is a model of another kind.</exception>
    public static CausalLmPrompt PromptOf(string path, SpeechModel model) =>
        model.Prompt as CausalLmPrompt ?? throw new ModelException(
            $"'{path}' holds a model of type '{model.Info.Type}', which writes no text by itself. Choose a language model: " +
            $"a folder or GGUF file of type {string.Join(", ", CausalLmConfig.Types)}, such as SmolLM2 or Qwen2.5.");

    /// <summary>What a device computes a model with; the matrices of adapters, which are narrow, as they are.</summary>
    public static CpuOptions Options(WeightChoice choice, LanguageModelOptions options, LanguageModelAdapters adapters)
    {
        var applied = choice.Apply(new CpuOptions { Threads = options.Threads });
        return !adapters.IsAny ? applied : applied with
        {
            WeightsFor = name => LanguageModelAdapters.IsPart(name) ? WeightFormat.F32 : choice.Of(name),
        };
    }

    /// <summary>The sampling that a model's makers recommend.</summary>
    public static SamplingOptions SamplingOf(CausalLmGeneration generation) => new()
    {
        Temperature = generation.DoSample ? (float)(generation.Temperature ?? 1) : 0,
        TopK = generation.DoSample ? generation.TopK ?? 0 : 0,
        TopP = generation.DoSample ? (float)(generation.TopP ?? 1) : 1,
        MinP = generation.DoSample ? (float)(generation.MinP ?? 0) : 0,
        RepetitionPenalty = (float)(generation.RepetitionPenalty ?? 1),
    };
}
