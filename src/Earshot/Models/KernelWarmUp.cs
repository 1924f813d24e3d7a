using System.Runtime.CompilerServices;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;

namespace Earshot.Models;

/// <summary>
/// Where code is compiled as it runs, the kernels' vector code takes a tenth of a second or two when the first window is computed. A tiny model with
/// random weights in the same formats hears one short window on a thread of its own meanwhile, while the real one is opened and the audio read. A
/// program that was compiled ahead of time needs none of it.
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
            var saved = CheckpointQuantizer.FormatOf(folder);
            using var device = new CpuDevice(options with { Threads = 1, WeightsFor = name => name.Contains("conv", StringComparison.Ordinal) ? null : saved });
            using var runtime = new CpuWhisperRuntime(new RandomWeights(s_tiny), s_tiny, WhisperShapes.GenerationFor(s_tiny), device, new RuntimeLimits { Windows = 1, Rows = Beams });
            using var audio = runtime.Encode(new float[Frames * s_tiny.NumMelBins], Frames);
            using var decoder = runtime.CreateDecoder(audio, Beams);
            var logits = new float[Beams * s_tiny.VocabSize];
            decoder.Start([1, 2, 3, 4], [0, 3], logits);
            decoder.Step([1, 2, 3, 4, 5], logits);
            decoder.Reorder([0, 0, 1, 1, 2]);
            decoder.Step([1], logits);
        }
        catch (Exception)
        {
            // Nobody waits for this thread: whatever is wrong is told where the real model is opened; here it only costs the head start.
        }
    }
}
