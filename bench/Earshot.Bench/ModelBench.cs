using System.Diagnostics;
using System.Globalization;
using Earshot.Benchmarks;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Bench;

/// <summary>A random model of a published shape in several weight formats, interleaved.</summary>
internal static class ModelBench
{
    static readonly int[] s_prompt = [300, 301, 302, 303];
    static readonly int[] s_last = [3];

    /// <summary>Encodes windows for ten seconds on one thread and prints the processor's time for each: work for a profiler.</summary>
    public static async Task RunEncoderAsync(string shape, WeightFormat format)
    {
        using var model = new RandomRuntime(shape, new CpuOptions { Weights = format, Threads = 1 });
        (await model.EncodeAsync()).Dispose();
        var watch = Stopwatch.StartNew();
        var start = Process.GetCurrentProcess().TotalProcessorTime;
        int windows = 0;
        for (; watch.Elapsed < TimeSpan.FromSeconds(10); windows++) (await model.EncodeAsync()).Dispose();
        var used = Process.GetCurrentProcess().TotalProcessorTime - start;
        Print($"{shape} {format}: {used.TotalMilliseconds / windows:F1} ms of processor time a window, {windows} windows");
    }

    /// <summary>Decodes 400 tokens of several windows at once and prints what a step of all takes: work for a profiler.</summary>
    public static async Task RunStreamsAsync(string shape, WeightFormat format, int streams, int threads)
    {
        const int tokens = 400;
        using var model = new RandomRuntime(shape, new CpuOptions { Weights = format, Threads = threads });
        var generations = new List<Generation>();
        var logits = Enumerable.Range(0, streams).Select(_ => new float[model.VocabSize]).ToArray();
        for (int i = 0; i < streams; i++)
        {
            generations.Add(await model.BeginAsync());
            await generations[i].PromptAsync(s_prompt, s_last, logits[i]);
        }
        var watch = Stopwatch.StartNew();
        var start = Process.GetCurrentProcess().TotalProcessorTime;
        await Task.WhenAll(generations.Select((generation, stream) => Task.Run(async () =>
        {
            var token = new int[1];
            for (int i = 0; i < tokens; i++)
            {
                token[0] = 400 + i;
                await generation.StepAsync(token, logits[stream]);
            }
        })));
        var used = Process.GetCurrentProcess().TotalProcessorTime - start;
        double wall = watch.Elapsed.TotalMilliseconds / tokens, processor = used.TotalMilliseconds / tokens;
        Print($"{shape} {format}, {streams} streams: {wall:F2} ms a step of all, {processor:F2} ms of processor time");
        foreach (var generation in generations) generation.Dispose();
    }

    /// <summary>What a step costs one generation where others have begun and say nothing, beside one that is alone.</summary>
    public static async Task RunIdleAsync(string shape, WeightFormat format, int generations)
    {
        const int rounds = 15, steps = 64;
        var options = new CpuOptions { Weights = format };
        using var alone = new RandomRuntime(shape, options, new RuntimeLimits { Windows = 1, Rows = 1 });
        using var shared = new RandomRuntime(shape, options, new RuntimeLimits { Windows = 1, Rows = generations });
        using var single = await alone.BeginAsync();
        using var audio = shared.Model.Parts.HasMemory ? await shared.EncodeAsync() : null;
        var all = new List<Generation>();
        var logits = new float[alone.VocabSize];
        int[] token = [400];
        for (int i = 0; i < generations; i++)
        {
            all.Add(await shared.Runtime.RequireDecoder().BeginAsync(audio, 1));
            await all[i].PromptAsync(s_prompt, s_last, logits);
            await all[i].StepAsync(token, logits);
        }
        var (one, many) = (new List<double>(), new List<double>());
        for (int round = -1; round < rounds; round++)
        {
            // In turns, either first.
            foreach (var (generation, times) in round % 2 == 0 ? [(single, one), (all[0], many)] : new[] { (all[0], many), (single, one) })
            {
                await generation.PromptAsync(s_prompt, s_last, logits);
                long started = Stopwatch.GetTimestamp();
                for (int i = 0; i < steps; i++) await generation.StepAsync(token, logits);
                if (round >= 0) times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds / steps);
            }
        }
        foreach (var generation in all) generation.Dispose();
        double[] ratios = [.. one.Zip(many, (own, beside) => beside / own).Order()];
        Print($"{shape} {format}, a step alone: {one.Median():F3} ms");
        Print($"of {generations} generations of which {generations - 1} are idle: {many.Median():F3} ms");
        Print($"ratio, median of {rounds} rounds: {ratios[rounds / 2]:F3}");
        Print($"middle half {ratios[rounds / 4]:F3} to {ratios[rounds * 3 / 4]:F3}");
    }

    /// <summary>Whether windows encoded together take less time each than one by one.</summary>
    public static void RunWindows(string shape)
    {
        const int windows = 4, rounds = 7;
        var model = ModelFamilies.Named(shape);
        var encoder = model.Parts.Encoder ?? throw new ModelException($"'{shape}' has no encoder.");
        var root = new Scope(model.Prepare(new RandomTensors()));
        int frames = ModelCosts.WindowFramesOf(model.Parts), window = frames * encoder.Shape.InputSize;
        var features = RandomRuntime.Features(windows * window);
        foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8])
        {
            using var device = new CpuDevice(new CpuOptions { Weights = format });
            using var backend = new CpuBackend(device);
            var times = new Dictionary<int, List<double>> { [1] = [], [2] = [], [windows] = [] };
            for (int round = -1; round < rounds; round++)
            {
                foreach (var (batch, samples) in times)
                {
                    long start = Stopwatch.GetTimestamp();
                    for (int first = 0; first < windows; first += batch)
                    {
                        backend.FreeTemporaries();
                        var input = backend.Input(features.AsSpan(0, batch * window), new Shape(batch, frames, encoder.Shape.InputSize));
                        encoder.Encode(input, root);
                    }
                    if (round >= 0) samples.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / windows);
                }
            }
            foreach (var (batch, samples) in times)
                Print($"{shape} {format}, {batch} together: {samples.Order().ElementAt(rounds / 2):F1} ms a window");
        }
    }

    public static async Task RunAsync(string shape)
    {
        var models = new List<RandomRuntime>();
        foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4Group32])
            models.Add(new RandomRuntime(shape, new CpuOptions { Weights = format }));
        var subjects = models.Select(Subject).ToList();
        foreach (var result in await ModelBenchmark.RunAsync(subjects, new BenchmarkOptions { Rounds = 3 }))
        {
            var (one, eight) = (result.TokensPerSecond, result.StreamsTokensPerSecond);
            Print($"{result.Name}: RTF {result.RealTimeFactor:F4}, {one:F0} tok/s, {eight:F0} tok/s of 8");
            foreach (var stage in result.Stages)
            {
                double? ratio = result.RatioToFirst.TryGetValue(stage.Name, out double measured) ? measured : null;
                Print($"  {stage.Name,-20} {stage.Milliseconds,9:F2} ms {(ratio is null ? "" : "× ")}{ratio:F2}");
            }
        }
        models.ForEach(model => model.Dispose());

        BenchmarkSubject Subject(RandomRuntime model) =>
            new() { Name = $"{shape} {model.Options.Weights}", Model = model.Model, Runtime = model.Runtime };
    }

    static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
