using System.Numerics.Tensors;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>A language model opened in float32 or as it is stored, and the reference's numbers beside it.</summary>
internal sealed class CausalLmRun : IDisposable
{
    readonly ModelWeights _weights;
    readonly CpuDevice _device;
    readonly CpuModelRuntime _runtime;

    public CausalLmRun(string path, InstructionSet? set = null, bool asStored = false)
    {
        var folder = new ModelFolder(path);
        Model = folder.Container == ModelContainer.Gguf ? CausalLmFamily.OpenGguf(path) : ModelFamilies.Open(folder);
        _weights = folder.OpenWeights();
        CausalLmFamily.RequireTensors(Model, Config, _weights);
        _device = new CpuDevice(new CpuOptions
        {
            InstructionSet = set,
            Threads = 2,
            WeightsFor = asStored ? _weights.FormatOf : null,
        });
        _runtime = new CpuModelRuntime(Model.Parts, Model.Prepare(_weights), _device);
    }

    public SpeechModel Model { get; }

    public CausalLmConfig Config => ((CausalLmPrompt)Model.Prompt!).Config;

    public ITensorStore Weights => _weights;

    public DecoderRuntime Decoder => _runtime.RequireDecoder();

    public static int[] Ids(JsonElement element) => [.. element.EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>The likeliest tokens that follow a prompt, and the logits that each was chosen from.</summary>
    public async Task<(int[] Tokens, float[][] Logits)> GreedyAsync(int[] prompt, int count)
    {
        using var generation = await Decoder.BeginAsync(null, 1);
        var (tokens, all) = (new int[count], new float[count][]);
        for (int i = 0; i < count; i++)
        {
            all[i] = new float[Decoder.Shape.VocabSize];
            if (i == 0) await generation.PromptAsync(prompt, new[] { prompt.Length - 1 }, all[i]);
            else await generation.StepAsync(tokens.AsMemory(i - 1, 1), all[i]);
            tokens[i] = Logits.ArgMax(all[i]);
        }
        return (tokens, all);
    }

    /// <summary>Logits after the prompt's tokens at some positions.</summary>
    public async Task<float[]> PromptAsync(int[] prompt, params int[] positions)
    {
        var logits = new float[positions.Length * Decoder.Shape.VocabSize];
        using var generation = await Decoder.BeginAsync(null, 1);
        await generation.PromptAsync(prompt, positions, logits);
        return logits;
    }

    /// <summary>The mean negative log-likelihood of each token but the first after those before it, all at once or step by step.</summary>
    public async Task<double> LossAsync(int[] tokens, bool stepByStep)
    {
        int vocabulary = Decoder.Shape.VocabSize, count = tokens.Length - 1;
        var logits = new float[count * vocabulary];
        using var generation = await Decoder.BeginAsync(null, 1);
        if (!stepByStep) await generation.PromptAsync(tokens.AsMemory(0, count), Enumerable.Range(0, count).ToArray(), logits);
        for (int i = 0; stepByStep && i < count; i++)
        {
            var own = logits.AsMemory(i * vocabulary, vocabulary);
            if (i == 0) await generation.PromptAsync(tokens.AsMemory(0, 1), new[] { 0 }, own);
            else await generation.StepAsync(tokens.AsMemory(i, 1), own);
        }
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            var row = logits.AsSpan(i * vocabulary, vocabulary);
            double largest = TensorPrimitives.Max(row), total = 0;
            foreach (float value in row) total += Math.Exp(value - largest);
            sum += largest + Math.Log(total) - row[tokens[i + 1]];
        }
        return sum / count;
    }

    public void Dispose()
    {
        _runtime.Dispose();
        _device.Dispose();
        _weights.Dispose();
    }
}
