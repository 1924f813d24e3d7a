using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.PeerBench;

/// <summary>Our decoder, as a language model loads it.</summary>
internal sealed class EarshotPeer : IPeer, IDisposable
{
    readonly ModelWeights _weights;
    readonly CpuDevice _device;
    readonly CpuModelRuntime _runtime;

    EarshotPeer(string path, int threads)
    {
        var model = CausalLmFamily.OpenGguf(path);
        _weights = new ModelFolder(path).OpenWeights();
        _device = new CpuDevice(MatrixUse.ChoiceOf(_weights).Apply(new CpuOptions { Threads = threads }));
        _runtime = new CpuModelRuntime(model.Parts, model.Prepare(_weights), _device, new RuntimeLimits { PrefixPositions = 0 });
    }

    public string Name => "Earshot";

    public static Task<EarshotPeer> LoadAsync(string path, int threads) => Task.Run(() => new EarshotPeer(path, threads));

    public async Task<Taken> MeasureAsync(int[][] prompts, int tokens)
    {
        var decoder = _runtime.RequireDecoder();
        int size = decoder.Shape.VocabSize;
        if (tokens == 0)
        {
            var clock = new Clock();
            using var generation = await decoder.BeginAsync(null, 1);
            await generation.PromptAsync(prompts[0], new[] { prompts[0].Length - 1 }, new float[size]);
            return clock.Elapsed;
        }
        var generations = new List<Generation>();
        try
        {
            foreach (var prompt in prompts)
            {
                generations.Add(await decoder.BeginAsync(null, 1));
                await generations[^1].PromptAsync(prompt, new[] { prompt.Length - 1 }, new float[size]);
            }
            var clock = new Clock();
            await Task.WhenAll(generations.Select(generation => Task.Run(() => WriteAsync(generation, tokens))));
            return clock.Elapsed;
        }
        finally
        {
            generations.ForEach(generation => generation.Dispose());
        }
    }

    static async Task WriteAsync(Generation generation, int tokens)
    {
        var (logits, next) = (new float[generation.VocabSize], new int[1]);
        for (int i = 0; i < tokens; i++)
        {
            next[0] = 500 + i;
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            await generation.StepAsync(next, logits);
        }
    }

    public void Dispose()
    {
        _runtime.Dispose();
        _device.Dispose();
        _weights.Dispose();
    }
}
