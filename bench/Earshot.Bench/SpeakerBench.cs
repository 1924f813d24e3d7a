using System.Diagnostics;
using System.Globalization;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Speakers;

namespace Earshot.Bench;

/// <summary>
/// The speaker models in the box (found through EARSHOT_MODELS): time and share of the machine's float32 peak, interleaved.
/// </summary>
internal static class SpeakerBench
{
    public static void Run(int rounds)
    {
        foreach (int threads in (int[])[1, 2])
        {
            using var device = new CpuDevice(new CpuOptions { Threads = threads });
            using var segmentation = SpeakerSegmentation.OpenBundled(device);
            using var encoder = SpeakerEncoder.OpenBundled(device);
            double peak = new MachinePeaks(device.Options).Gigaflops(WeightFormat.F32);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threads} threads, float32 peak {peak:F0} GFLOP/s"));
            var work = new List<(string Name, double Flops, Action Run)>();
            foreach (int windows in (int[])[1, 8, 24])
            {
                work.Add(($"segmentation, {windows} windows of 10 s, each", windows * SegmentationFlops(segmentation), Segmentation(
                    segmentation, windows)));
            }
            foreach (int seconds in (int[])[3, 10])
            {
                var samples = Noise(seconds * 16_000);
                var features = encoder.ComputeFeatures(samples);
                work.Add(($"features of {seconds} s", 0, () => encoder.ComputeFeatures(samples)));
                work.Add(
                    ($"embedding of {seconds} s", EmbeddingFlops(encoder, features.Length / 80), () => encoder.EmbedFeatures([features])));
            }
            Measure(work, rounds, peak);
        }
    }

    static Action Segmentation(SpeakerSegmentation segmentation, int count)
    {
        var windows = Noise(count * segmentation.WindowSamples);
        var results = new float[count * segmentation.FrameCount(segmentation.WindowSamples) * segmentation.Powerset.Count];
        return () => segmentation.Segment(windows, count, results);
    }

    static void Measure(List<(string Name, double Flops, Action Run)> work, int rounds, double peak)
    {
        var (wall, processor) = (work.Select(_ => new List<double>()).ToArray(), work.Select(_ => new List<double>()).ToArray());
        using var process = Process.GetCurrentProcess();
        for (int round = -1; round < rounds; round++)
        {
            for (int i = 0; i < work.Count; i++)
            {
                process.Refresh();
                var used = process.TotalProcessorTime;
                long start = Stopwatch.GetTimestamp();
                work[i].Run();
                double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                process.Refresh();
                if (round < 0) continue;
                wall[i].Add(milliseconds);
                processor[i].Add((process.TotalProcessorTime - used).TotalMilliseconds);
            }
        }
        for (int i = 0; i < work.Count; i++)
        {
            int parts = work[i].Name.Contains("each", StringComparison.Ordinal)
                ? int.Parse(work[i].Name.Split(' ')[1], CultureInfo.InvariantCulture)
                : 1;
            double median = wall[i].Median(), least = wall[i].Min();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {work[i].Name}: median {median / parts:F1} ms, least {least / parts:F1} ms, " +
                $"processor {processor[i].Median() / parts:F1} ms; {work[i].Flops / parts / 1e9:F2} GFLOP, " +
                $"{work[i].Flops / median / 1e6 / peak:P0} of peak (least {work[i].Flops / least / 1e6 / peak:P0})"));
        }
    }

    static double SegmentationFlops(SpeakerSegmentation segmentation)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(BundledModels.Require(BundledModels.SpeakerSegmentation));
        var (backend, config) = (new MeasuringBackend(), segmentation.Config);
        var w = new Scope(PyannoteSegmentationModel.Prepare(checkpoint, config));
        PyannoteSegmentationModel.Classify(
            PyannoteSegmentationModel.Encode(backend.Input(new Shape(1, config.WindowSamples, 1)), w, config), w, config,
            segmentation.Powerset.Count);
        return backend.Total.Flops;
    }

    static double EmbeddingFlops(SpeakerEncoder encoder, int frames)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(BundledModels.Require(BundledModels.SpeakerEmbedding));
        var backend = new MeasuringBackend();
        CamPlusModel.Embed(
            backend.Input(new Shape(1, frames, 80)), new Scope(CamPlusModel.Prepare(checkpoint, encoder.Config)), encoder.Config);
        return backend.Total.Flops;
    }

    static float[] Noise(int count)
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 0.4f - 0.2f)];
    }
}
