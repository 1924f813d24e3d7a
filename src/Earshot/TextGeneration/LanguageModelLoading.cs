using Earshot.Chat;
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

    /// <summary>Whether the answer to a prompt begins with a thought.</summary>
    public static ThoughtHabit ThoughtOf(ChatPrompt prompt, ChatFormat format, ChatPromptOptions options) =>
        prompt.OpensReasoning ? ThoughtHabit.Open
        : format.HasReasoning && options.EnableReasoning != false ? ThoughtHabit.Possible
        : ThoughtHabit.None;

    /// <exception cref="ModelException">A draft's tokens are not those of the model that it guesses for.</exception>
    public static void RequireSameVocabulary(LanguageModel model, LanguageModel draft)
    {
        var (own, other) = (model.Tokenizer, draft.Tokenizer);
        int at = own.VocabSize == other.VocabSize ? 0 : -1;
        while (at >= 0 && at < own.VocabSize)
        {
            if (!own.TokenBytes(at).SequenceEqual(other.TokenBytes(at)) || own.IsSpecial(at) != other.IsSpecial(at)) break;
            at++;
        }
        if (at == own.VocabSize) return;
        var where = at < 0 ? $"{other.VocabSize} tokens, and not {own.VocabSize}" : $"another token {at}";
        throw new ModelException(
            $"'{draft.Model}' cannot guess for '{model.Model}': its vocabulary has {where}. Choose a smaller model of the same family.");
    }
}
