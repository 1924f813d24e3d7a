using System.Runtime.CompilerServices;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;

namespace Earshot.Models;

/// <summary>
/// Where code is compiled as it runs, the kernels' vector code takes a tenth of a second or two when the first window is computed. A tiny
/// model with random weights in the same formats hears one short window on a thread of its own meanwhile, while the real one is opened and
/// the audio read. A program that was compiled ahead of time needs none of it.
/// </summary>
static class KernelWarmUp
{
    const int Frames = 24, Beams = 5;

    static readonly WhisperConfig s_tiny = new()
    {
        DModel = 128,
        EncoderLayers = 1,
        EncoderAttentionHeads = 2,
        EncoderFfnDim = 256,
        DecoderLayers = 1,
        DecoderAttentionHeads = 2,
        DecoderFfnDim = 256,
        VocabSize = 256,
        MaxSourcePositions = Frames / 2,
        MaxTargetPositions = 32,
        NameOrPath = "tiny, for compiling",
    };

    static readonly int[] s_tokens = [1, 2, 3, 4, 5];
    static readonly int[] s_wanted = [0, 3];
    static int s_started;

    /// <summary>Begins, once a process.</summary>
    /// <param name="folder">The model that is about to be opened.</param>
    /// <param name="options">What it will be computed with, but for the format that it is saved in.</param>
    public static void Start(string folder, CpuOptions options)
    {
        if (!RuntimeFeature.IsDynamicCodeCompiled || Environment.ProcessorCount < 2 || Interlocked.Exchange(ref s_started, 1) != 0) return;
        new Thread(() => Run(folder, options)) { IsBackground = true, Name = "Earshot warm-up" }.Start();
    }

    static void Run(string folder, CpuOptions options)
    {
        try
        {
            var saved = new ModelFolder(folder).Quantization;
            using var device = new CpuDevice(
                options with { Threads = 1, WeightsFor = name => name.Contains("conv", StringComparison.Ordinal) ? null : saved });
            using var runtime = new CpuModelRuntime(
                WhisperFamily.OfShape(s_tiny).Parts, new RandomTensors(), device, new RuntimeLimits { Windows = 1, Rows = Beams });
            RunAsync(runtime).AsTask().GetAwaiter().GetResult();
        }
        catch (Exception)
        {
            // Nobody waits for this thread: whatever is wrong is told where the real model is opened; here it only costs the head start.
        }
    }

    static async ValueTask RunAsync(CpuModelRuntime runtime)
    {
        using var audio = await runtime.RequireEncoder().EncodeAsync(new float[Frames * s_tiny.NumMelBins], Frames).ConfigureAwait(false);
        using var generation = await runtime.RequireDecoder().BeginAsync(audio, Beams).ConfigureAwait(false);
        var logits = new float[Beams * s_tiny.VocabSize];
        await generation.PromptAsync(s_tokens.AsMemory(0, 4), s_wanted, logits).ConfigureAwait(false);
        await generation.StepAsync(s_tokens, logits).ConfigureAwait(false);
        generation.Reorder([0, 0, 1, 1, 2]);
        await generation.StepAsync(s_tokens.AsMemory(0, 1), logits).ConfigureAwait(false);
    }
}
