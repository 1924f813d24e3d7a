using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>A language model opened in float32, and the reference's numbers beside it.</summary>
internal sealed class CausalLmRun : IDisposable
{
    readonly ModelWeights _weights;
    readonly CpuDevice _device;
    readonly CpuModelRuntime _runtime;

    public CausalLmRun(string path, InstructionSet? set = null)
    {
        var folder = new ModelFolder(path);
        Model = folder.Container == ModelContainer.Gguf ? CausalLmFamily.OpenGguf(path) : ModelFamilies.Open(folder);
        _weights = folder.OpenWeights();
        CausalLmFamily.RequireTensors(Model, Config, _weights);
        _device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
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

    public void Dispose()
    {
        _runtime.Dispose();
        _device.Dispose();
        _weights.Dispose();
    }
}
