using System.Globalization;
using Earshot.Benchmarks;
using Earshot.Checkpoints;
using Earshot.Compute;
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
        var features = Features(3000 * config.NumMelBins);
        runtime.Encode(features, 3000).Dispose();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var start = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime;
        int windows = 0;
        for (; watch.Elapsed < TimeSpan.FromSeconds(10); windows++) runtime.Encode(features, 3000).Dispose();
        var used = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime - start;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{shape} {format}: {used.TotalMilliseconds / windows:F1} ms of processor time a window, {windows} windows"));
    }

    /// <summary>Decodes 400 tokens of several windows at once and prints what a step of all takes: work for a profiler.</summary>
    public static void RunStreams(string shape, WeightFormat format, int streams, int threads)
    {
        var config = WhisperShapes.Named(shape);
        using var runtime = new CpuWhisperRuntime(new RandomWeights(config), config, WhisperShapes.GenerationFor(config), new CpuDevice(new CpuOptions { Weights = format, Threads = threads }));
        var features = Features(3000 * config.NumMelBins);
        var decoders = Enumerable.Range(0, streams).Select(_ => runtime.CreateDecoder(runtime.Encode(features, 3000), 1)).ToArray();
        var logits = decoders.Select(_ => new float[config.VocabSize]).ToArray();
        for (int i = 0; i < streams; i++) decoders[i].Start([300, 301, 302, 303], [3], logits[i]);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var start = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime;
        int steps = 0;
        var workers = decoders.Select((decoder, stream) => new Thread(() =>
        {
            for (int i = 0; i < 400; i++) decoder.Step([400 + i], logits[stream]);
            Interlocked.Add(ref steps, 400);
        })).ToArray();
        foreach (var worker in workers) worker.Start();
        foreach (var worker in workers) worker.Join();
        var used = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime - start;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{shape} {format}, {streams} streams: {watch.Elapsed.TotalMilliseconds * streams / steps:F2} ms a step of all, {used.TotalMilliseconds * streams / steps:F2} ms of processor time"));
        foreach (var decoder in decoders) decoder.Dispose();
    }

    /// <summary>Whether windows encoded together take less time each than one by one.</summary>
    public static void RunWindows(string shape)
    {
        const int windows = 4, rounds = 7;
        var config = WhisperShapes.Named(shape);
        var weights = WhisperModel.ModelScope(new Scope(new RandomWeights(config))) / "encoder";
        var features = Features(windows * 3000 * config.NumMelBins);
        foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8])
        {
            using var device = new CpuDevice(new CpuOptions { Weights = format });
            using var backend = new CpuBackend(device);
            var times = new Dictionary<int, List<double>> { [1] = [], [2] = [], [windows] = [] };
            for (int round = -1; round < rounds; round++)
            {
                foreach (var (batch, samples) in times)
                {
                    long start = System.Diagnostics.Stopwatch.GetTimestamp();
                    for (int first = 0; first < windows; first += batch)
                    {
                        backend.FreeTemporaries();
                        WhisperModel.Encode(backend.Input(features.AsSpan(0, batch * 3000 * config.NumMelBins), new Shape(batch, 3000, config.NumMelBins)), weights, config);
                    }
                    if (round >= 0) samples.Add(System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalMilliseconds / windows);
                }
            }
            foreach (var (batch, samples) in times) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{shape} {format}, {batch} together: {samples.Order().ElementAt(rounds / 2):F1} ms a window"));
        }
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

    static float[] Features(int count)
    {
        var random = new Random(1);
        var features = new float[count];
        for (int i = 0; i < count; i++) features[i] = random.NextSingle() - 0.5f;
        return features;
    }
}
