using System.Diagnostics;
using Earshot.Compute.Measuring;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Benchmarks;

/// <summary>
/// Times the stages of transcription apart: features, encoder (with the cross-attention's keys), prompt, tokens one by one,
/// and several streams at once. Settings take turns within each round, so that a noisy machine is noisy for all.
/// </summary>
public static class ModelBenchmark
{
    const string Features = "features", Encoder = "encoder", Prompt = "prompt", Token = "token";

    /// <summary>Measures every subject.</summary>
    public static IReadOnlyList<BenchmarkResult> Run(IReadOnlyList<BenchmarkSubject> subjects, BenchmarkOptions options, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(subjects);
        ArgumentNullException.ThrowIfNull(options);
        var samples = subjects.Select(_ => new List<Dictionary<string, double>>()).ToArray();
        var inputs = subjects.Select(subject => new BenchmarkInput(subject.Runtime, options)).ToArray();
        try
        {
            int rounds = options.Warmups + options.Rounds;
            for (int round = 0; round < rounds; round++)
            {
                for (int s = 0; s < subjects.Count; s++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var times = Measure(subjects[s].Runtime, inputs[s], options, cancellationToken);
                    if (round >= options.Warmups) samples[s].Add(times);
                    progress?.Report((round * subjects.Count + s + 1.0) / (rounds * subjects.Count));
                }
            }
            return [.. subjects.Select((subject, s) => Result(subject, options, samples[s], samples[0]))];
        }
        finally
        {
            foreach (var input in inputs) input.Dispose();
        }
    }

    static string StreamsStage(BenchmarkOptions options) => $"token of {options.Streams} streams";

    static Dictionary<string, double> Measure(WhisperRuntime runtime, BenchmarkInput input, BenchmarkOptions options, CancellationToken cancellationToken)
    {
        var times = new Dictionary<string, double>
        {
            [Features] = Seconds(() => input.ComputeFeatures()),
        };
        EncodedAudio? audio = null;
        times[Encoder] = Seconds(() => audio = runtime.Encode(input.Features, options.Frames, cancellationToken));
        using (audio)
        using (var decoder = runtime.CreateDecoder(audio!, 1, cancellationToken))
        {
            times[Prompt] = Seconds(() => decoder.Start(input.Prompt, [input.Prompt.Length - 1], input.Logits(0), cancellationToken));
            times[Token] = Seconds(() => Decode(decoder, input, 0, options.Tokens, cancellationToken)) / options.Tokens;
        }
        if (options.Streams > 1) times[StreamsStage(options)] = MeasureStreams(runtime, input, options, cancellationToken);
        return times;
    }

    // Each stream on its own thread and over its own window, as concurrent requests are; the time of one step for all.
    static double MeasureStreams(WhisperRuntime runtime, BenchmarkInput input, BenchmarkOptions options, CancellationToken cancellationToken)
    {
        var decoders = new List<WhisperDecoder>();
        try
        {
            foreach (var audio in input.Windows(options.Streams, cancellationToken))
            {
                decoders.Add(runtime.CreateDecoder(audio, 1, cancellationToken));
                // Their prompts are a stage of its own, and not part of a step.
                decoders[^1].Start(input.Prompt, [input.Prompt.Length - 1], input.Logits(decoders.Count - 1), cancellationToken);
            }
            Exception? failure = null;
            var threads = decoders.Select((decoder, stream) => new Thread(() =>
            {
                try
                {
                    Decode(decoder, input, stream, options.Tokens, cancellationToken);
                }
                catch (Exception exception)
                {
                    failure = exception; // told to the caller below; a thread may not throw
                }
            })).ToArray();
            double seconds = Seconds(() =>
            {
                foreach (var thread in threads) thread.Start();
                foreach (var thread in threads) thread.Join();
            });
            if (failure is OperationCanceledException) throw new OperationCanceledException(cancellationToken);
            if (failure is not null) throw new ModelException($"Decoding {options.Streams} streams at once failed: {failure.Message}", failure);
            return seconds / options.Tokens;
        }
        finally
        {
            foreach (var decoder in decoders) decoder.Dispose();
        }
    }

    static void Decode(WhisperDecoder decoder, BenchmarkInput input, int stream, int tokens, CancellationToken cancellationToken)
    {
        Span<int> token = stackalloc int[1];
        for (int i = 0; i < tokens; i++)
        {
            token[0] = 300 + (i * 37 + stream * 101) % 1000;
            decoder.Step(token, input.Logits(stream), cancellationToken);
        }
    }

    static BenchmarkResult Result(BenchmarkSubject subject, BenchmarkOptions options, List<Dictionary<string, double>> samples, List<Dictionary<string, double>> first)
    {
        double Of(string stage) => Median(samples.Select(times => times[stage]));
        var stages = new List<StageResult> { Stage(subject, Features, Of(Features), null) };
        stages.Add(Stage(subject, Encoder, Of(Encoder), Sum(subject.Costs?.Encoder(options.Frames), subject.Costs?.CrossAttentionKeys())));
        stages.Add(Stage(subject, Prompt, Of(Prompt), subject.Costs?.Step(1, 0, options.PromptTokens)));
        stages.Add(Stage(subject, Token, Of(Token), subject.Costs?.Step(1, options.PromptTokens + options.Tokens / 2)));
        double? streams = null;
        if (options.Streams > 1)
        {
            streams = Of(StreamsStage(options));
            stages.Add(Stage(subject, StreamsStage(options), streams.Value, subject.Costs?.Step(options.Streams, options.PromptTokens + options.Tokens / 2, windows: options.Streams)));
        }
        double total = Of(Features) + Of(Encoder) + Of(Prompt) + options.Tokens * Of(Token);
        return new BenchmarkResult
        {
            Name = subject.Name,
            Stages = stages,
            RealTimeFactor = total / (options.Frames / 100.0),
            TokensPerSecond = 1 / Of(Token),
            StreamsTokensPerSecond = options.Streams / streams,
            WeightBytes = subject.WeightBytes(),
            PeakMemoryBytes = Process.GetCurrentProcess().PeakWorkingSet64,
            RatioToFirst = ReferenceEquals(samples, first)
                ? new Dictionary<string, double>()
                : samples[0].Keys.ToDictionary(stage => stage, stage => Median(samples.Zip(first, (own, other) => own[stage] / other[stage]))),
        };
    }

    static StageResult Stage(BenchmarkSubject subject, string name, double seconds, Cost? cost) => new(
        name,
        seconds * 1000,
        cost?.Flops ?? 0,
        cost is { } bytes ? bytes.WeightBytes + bytes.KeyValueBytes : 0,
        cost is { } known ? subject.Limit(known) / seconds : null);

    static Cost? Sum(Cost? left, Cost? right) => left is { } a && right is { } b
        ? new Cost(a.Flops + b.Flops, a.WeightBytes + b.WeightBytes, a.ActivationBytes + b.ActivationBytes, a.KeyValueBytes + b.KeyValueBytes)
        : null;

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

/// <summary>Synthetic speech-like sound and the buffers of a run.</summary>
sealed class BenchmarkInput : IDisposable
{
    readonly WhisperRuntime _runtime;
    readonly List<EncodedAudio> _windows = [];
    readonly LogMelSpectrogram _spectrogram;
    readonly float[] _samples;
    readonly float[][] _logits;
    readonly int _frames;

    public BenchmarkInput(WhisperRuntime runtime, BenchmarkOptions options)
    {
        _runtime = runtime;
        _frames = options.Frames;
        _spectrogram = new LogMelSpectrogram(runtime.Config.NumMelBins);
        var random = new Random(1);
        _samples = new float[_frames * LogMelSpectrogram.HopLength];
        for (int i = 0; i < _samples.Length; i++) _samples[i] = 0.1f * MathF.Sin(i * 0.05f) * (random.NextSingle() - 0.5f);
        Features = new float[_frames * runtime.Config.NumMelBins];
        Prompt = [.. Enumerable.Range(0, options.PromptTokens).Select(i => runtime.Config.VocabSize - 1600 + i)];
        _logits = [.. Enumerable.Range(0, Math.Max(1, options.Streams)).Select(_ => new float[runtime.Config.VocabSize])];
    }

    public float[] Features { get; }

    public int[] Prompt { get; }

    public Span<float> Logits(int stream) => _logits[stream];

    public void ComputeFeatures() => _spectrogram.Compute(_samples, Features, _frames);

    /// <summary>Windows of full length for the streams, encoded once for all rounds.</summary>
    public IReadOnlyList<EncodedAudio> Windows(int count, CancellationToken cancellationToken)
    {
        while (_windows.Count < count) _windows.Add(_runtime.Encode(Features, _frames, cancellationToken));
        return _windows;
    }

    public void Dispose()
    {
        foreach (var window in _windows) window.Dispose();
    }
}
