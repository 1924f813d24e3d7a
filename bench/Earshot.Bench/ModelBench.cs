using System.Globalization;
using Earshot.Benchmarks;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Bench;

/// <summary>A random model of a published shape in several weight formats, interleaved.</summary>
internal static class ModelBench
{
    /// <summary>Encodes windows for ten seconds on one thread and prints the processor's time for each: work for a profiler.</summary>
    public static void RunEncoder(string shape, WeightFormat format)
    {
        var config = WhisperShapes.Named(shape);
        using var runtime = new CpuWhisperRuntime(new RandomWeights(config), config, WhisperShapes.GenerationFor(config), new CpuDevice(new CpuOptions { Weights = format, Threads = 1 }));
        var features = new float[3000 * config.NumMelBins];
        var random = new Random(1);
        for (int i = 0; i < features.Length; i++) features[i] = random.NextSingle() - 0.5f;
        runtime.Encode(features, 3000).Dispose();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var start = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime;
        int windows = 0;
        for (; watch.Elapsed < TimeSpan.FromSeconds(10); windows++) runtime.Encode(features, 3000).Dispose();
        var used = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime - start;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{shape} {format}: {used.TotalMilliseconds / windows:F1} ms of processor time a window, {windows} windows"));
    }

    public static void Run(string shape)
    {
        var config = WhisperShapes.Named(shape);
        var subjects = new List<BenchmarkSubject>();
        foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4Group32])
        {
            var runtime = new CpuWhisperRuntime(new RandomWeights(config), config, WhisperShapes.GenerationFor(config), new CpuDevice(new CpuOptions { Weights = format }));
            subjects.Add(new BenchmarkSubject { Name = $"{shape} {format}", Runtime = runtime });
        }
        foreach (var result in ModelBenchmark.Run(subjects, new BenchmarkOptions { Rounds = 3 }))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Name}: RTF {result.RealTimeFactor:F4}, {result.TokensPerSecond:F0} tok/s, {result.StreamsTokensPerSecond:F0} tok/s of 8"));
            foreach (var stage in result.Stages) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {stage.Name,-20} {stage.Milliseconds,9:F2} ms {(result.RatioToFirst.TryGetValue(stage.Name, out double ratio) ? $"× {ratio:F2}" : "")}"));
        }
    }
}
