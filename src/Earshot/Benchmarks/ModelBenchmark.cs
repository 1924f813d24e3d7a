using System.Diagnostics;
using Earshot.Compute.Measuring;
using Earshot.Compute.Runtimes;

namespace Earshot.Benchmarks;

/// <summary>
/// Times the stages of a model apart, those of the parts that it has: features, encoder (with what finishes its output: cross-attention's
/// keys, a head, a projector), prompt, tokens one by one, and several streams at once. Settings take turns within each round, so that a
/// noisy machine is noisy for all.
/// </summary>
public static class ModelBenchmark
{
    const string Features = "features", Encoder = "encoder", Prompt = "prompt", Token = "token";

    /// <summary>Measures every subject.</summary>
    /// <exception cref="ModelException">A model has no part that can be measured.</exception>
    public static async Task<IReadOnlyList<BenchmarkResult>> RunAsync(
        IReadOnlyList<BenchmarkSubject> subjects, BenchmarkOptions options, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(subjects);
        ArgumentNullException.ThrowIfNull(options);
        var samples = subjects.Select(_ => new List<Dictionary<string, double>>()).ToArray();
        var inputs = subjects.Select(subject => new BenchmarkInput(subject, options)).ToArray();
        try
        {
            int rounds = options.Warmups + options.Rounds;
            for (int round = 0; round < rounds; round++)
            {
                for (int s = 0; s < subjects.Count; s++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var times = await MeasureAsync(subjects[s], inputs[s], options, cancellationToken).ConfigureAwait(false);
                    if (times.Count == 0) throw new ModelException($"'{subjects[s].Model.Info.Name}' has no part that can be measured.");
                    if (round >= options.Warmups) samples[s].Add(times);
                    progress?.Report((round * subjects.Count + s + 1.0) / (rounds * subjects.Count));
                }
            }
            var results = subjects.Select((subject, s) => Result((subject, inputs[s]), options, samples[s], samples[0])).ToList();
            return [.. results.Select((result, s) => Scaled(subjects, result, s, samples))];
        }
        finally
        {
            foreach (var input in inputs) input.Dispose();
        }
    }

    static string StreamsStage(BenchmarkOptions options) => $"token of {options.Streams} streams";

    static async Task<Dictionary<string, double>> MeasureAsync(
        BenchmarkSubject subject, BenchmarkInput input, BenchmarkOptions options, CancellationToken cancellationToken)
    {
        var times = new Dictionary<string, double>();
        if (input.ComputesFeatures) times[Features] = Seconds(input.ComputeFeatures);
        long started = Stopwatch.GetTimestamp();
        using var audio = await input.EncodeAsync(cancellationToken).ConfigureAwait(false);
        if (audio is not null) times[Encoder] = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (subject.Runtime.Decoder is not null)
        {
            using (var generation = await input.BeginAsync(audio, cancellationToken).ConfigureAwait(false))
            {
                started = Stopwatch.GetTimestamp();
                await PromptAsync(generation, input.Prompt, input.Logits(0), cancellationToken).ConfigureAwait(false);
                times[Prompt] = Stopwatch.GetElapsedTime(started).TotalSeconds;
                started = Stopwatch.GetTimestamp();
                await DecodeAsync(generation, input, 0, options.Tokens, cancellationToken).ConfigureAwait(false);
                times[Token] = Stopwatch.GetElapsedTime(started).TotalSeconds / options.Tokens;
            }
            if (options.Streams > 1)
                times[StreamsStage(options)] = await MeasureStreamsAsync(input, options, cancellationToken).ConfigureAwait(false);
        }
        foreach (var other in subject.Others) times[other.Name] = Seconds(other.Run);
        return times;
    }

    // Each stream over its own window, as concurrent requests are; the time of one step for all.
    static async Task<double> MeasureStreamsAsync(BenchmarkInput input, BenchmarkOptions options, CancellationToken cancellationToken)
    {
        var generations = new List<Generation>();
        try
        {
            foreach (var audio in await input.WindowsAsync(options.Streams, cancellationToken).ConfigureAwait(false))
            {
                generations.Add(await input.BeginAsync(audio, cancellationToken).ConfigureAwait(false));
                // Their prompts are a stage of its own, and not part of a step.
                await PromptAsync(generations[^1], input.StreamPrompt, input.Logits(generations.Count - 1), cancellationToken)
                    .ConfigureAwait(false);
            }
            long started = Stopwatch.GetTimestamp();
            var streams = generations.Select((generation, i) =>
                Task.Run(() => DecodeAsync(generation, input, i, options.Tokens, cancellationToken), cancellationToken));
            await Task.WhenAll(streams).ConfigureAwait(false);
            return Stopwatch.GetElapsedTime(started).TotalSeconds / options.Tokens;
        }
        finally
        {
            foreach (var generation in generations) generation.Dispose();
        }
    }

    static ValueTask PromptAsync(Generation generation, int[] prompt, Memory<float> logits, CancellationToken cancellationToken) =>
        generation.PromptAsync(prompt, new[] { prompt.Length - 1 }, logits, cancellationToken);

    static async Task DecodeAsync(Generation generation, BenchmarkInput input, int stream, int tokens, CancellationToken cancellationToken)
    {
        var token = new int[1];
        for (int i = 0; i < tokens; i++)
        {
            token[0] = (300 + (i * 37 + stream * 101) % 1000) % generation.VocabSize;
            await generation.StepAsync(token, input.Logits(stream), cancellationToken).ConfigureAwait(false);
        }
    }

    static BenchmarkResult Result(
        (BenchmarkSubject Subject, BenchmarkInput Input) run, BenchmarkOptions options, List<Dictionary<string, double>> samples,
        List<Dictionary<string, double>> first)
    {
        var (subject, input) = run;
        var medians = samples[0].Keys.ToDictionary(stage => stage, stage => Median(samples.Select(times => times[stage])));
        double? token = medians.TryGetValue(Token, out double one) ? one : null;
        double once = new[] { Features, Encoder, Prompt }.Sum(stage => medians.GetValueOrDefault(stage)),
            total = once + options.Tokens * (token ?? 0);
        return new BenchmarkResult
        {
            Name = subject.Name,
            Stages = [
                .. medians.Select(stage => Stage(subject, stage.Key, stage.Value, CostOf(stage.Key, subject, input.Frames, options)))
            ],
            RealTimeFactor = input.Seconds > 0 ? total / input.Seconds : null,
            PromptTokensPerSecond = subject.Model.Parts.Encoder is null && medians.TryGetValue(Prompt, out double prompt)
                ? input.Prompt.Length / prompt
                : null,
            TokensPerSecond = 1 / token,
            StreamsTokensPerSecond = medians.TryGetValue(StreamsStage(options), out double streams) ? options.Streams / streams : null,
            WeightBytes = subject.WeightBytes(),
            Computed = subject.Computed,
            PeakMemoryBytes = Process.GetCurrentProcess().PeakWorkingSet64,
            RatioToFirst = ReferenceEquals(samples, first) ? new Dictionary<string, double>() : Ratios(samples, first),
        };
    }

    static BenchmarkResult Scaled(
        IReadOnlyList<BenchmarkSubject> subjects, BenchmarkResult result, int own, List<Dictionary<string, double>>[] samples)
    {
        var fewest = subjects.Select((subject, s) => (subject.Name, subject.Computed?.Threads, Samples: samples[s]))
            .FirstOrDefault(subject => subject.Name == subjects[own].ScalesFrom);
        if (fewest.Threads is not { } least || result.Computed?.Threads is not { } threads) return result;
        var speedup = Ratios(fewest.Samples, samples[own]);
        return result with
        {
            Speedup = speedup,
            Efficiency = speedup.ToDictionary(stage => stage.Key, stage => stage.Value * least / threads),
        };
    }

    static Dictionary<string, double> Ratios(List<Dictionary<string, double>> above, List<Dictionary<string, double>> below) =>
        above[0].Keys.Where(below[0].ContainsKey)
            .ToDictionary(stage => stage, stage => Median(above.Zip(below, (one, other) => one[stage] / other[stage])));

    static Cost? CostOf(string stage, BenchmarkSubject subject, int frames, BenchmarkOptions options)
    {
        if (subject.Others.FirstOrDefault(other => other.Name == stage) is { } known) return known.Cost;
        if (subject.Costs is not { } costs || stage == Features) return null;
        var parts = subject.Model.Parts;
        int prompt = options.PromptOf(parts), decoded = options.Tokens / 2;
        return stage switch
        {
            Encoder => costs.Encoder(frames) + costs.Finish() + costs.Memory(),
            Prompt => costs.Step(1, 0, prompt),
            Token => costs.Step(1, prompt + decoded),
            _ => costs.Step(options.Streams, options.StreamPromptOf(parts) + decoded, windows: options.Streams),
        };
    }

    static StageResult Stage(BenchmarkSubject subject, string name, double seconds, Cost? cost) => new(
        name,
        seconds * 1000,
        cost?.Flops ?? 0,
        cost is { } bytes ? bytes.WeightBytes + bytes.KeyValueBytes : 0,
        cost is { } known ? subject.Limit(known) / seconds : null);

    static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
