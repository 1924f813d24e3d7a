using System.Diagnostics;
using System.Globalization;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runner;

namespace Earshot.Bench;

/// <summary>
/// Our CPU backend beside ONNX Runtime (float32 with fused attention, and dynamic int8) on the same random model: encoder
/// window (with the cross-attention's keys and values) and decoding step, taking turns in one run. Times are medians; ratios are medians of each round's ratio.
/// </summary>
internal static class PeerBench
{
    const int Steps = 24;
    const int Past = 64;

    public static void Run(string shape, int rounds)
    {
        var config = WhisperShapes.Named(shape);
        var runners = new List<Runner>();
        foreach (var (name, options) in Settings()) runners.Add(Ours(name, config, options));
        foreach (var precision in (GraphPrecision[])[GraphPrecision.Float32, GraphPrecision.Int8]) runners.Add(Peer(config, precision));
        var first = runners.FindIndex(runner => runner.Name == "onnxruntime Float32");
        Console.WriteLine($"{shape}, {Environment.ProcessorCount} threads, {rounds} rounds; × is the peer's float32 time over this one's");
        Measure("encoder window", runners, first, rounds, runner => runner.Encode(), 1);
        Measure("token", runners, first, rounds, runner => runner.Step(), Steps);
        foreach (var runner in runners) runner.Owned.ForEach(owned => owned.Dispose());
    }

    static IEnumerable<(string, CpuOptions)> Settings()
    {
        foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8]) yield return ($"earshot {format}", new CpuOptions { Weights = format });
        yield return ("earshot F32 avx2", new CpuOptions { Weights = WeightFormat.F32, InstructionSet = InstructionSet.Avx2 });
        yield return ("earshot Int8 avx2", new CpuOptions { Weights = WeightFormat.Int8, InstructionSet = InstructionSet.Avx2Vnni });
    }

    static void Measure(string what, List<Runner> runners, int first, int rounds, Action<Runner> action, int divisor)
    {
        var times = runners.Select(_ => new List<double>()).ToArray();
        for (int round = -1; round < rounds; round++)
        {
            for (int r = 0; r < runners.Count; r++)
            {
                long start = Stopwatch.GetTimestamp();
                action(runners[r]);
                if (round >= 0) times[r].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / divisor);
            }
        }
        for (int r = 0; r < runners.Count; r++)
        {
            double ratio = Median(times[first].Zip(times[r], (peer, own) => peer / own));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {runners[r].Name} | {Median(times[r]):F2} ms | × {ratio:F2} |"));
        }
    }

    static Runner Ours(string name, WhisperConfig config, CpuOptions options)
    {
        var device = new CpuDevice(options);
        var runtime = new CpuWhisperRuntime(new RandomWeights(config), config, WhisperShapes.GenerationFor(config), device, new RuntimeLimits { Windows = 2, Rows = 1 });
        var features = new float[3000 * config.NumMelBins];
        var random = new Random(1);
        for (int i = 0; i < features.Length; i++) features[i] = random.NextSingle() * 2 - 1;
        var audio = runtime.Encode(features, 3000);
        var decoder = runtime.CreateDecoder(audio, 1);
        var logits = new float[config.VocabSize];
        decoder.Start([.. Enumerable.Range(100, Past)], [], logits);
        return new Runner(
            name,
            () => runtime.Encode(features, 3000).Dispose(),
            () =>
            {
                decoder.Truncate(Past);
                for (int i = 0; i < Steps; i++) decoder.Step([300 + i], logits);
            },
            [decoder, audio, runtime, device]);
    }

    static Runner Peer(WhisperConfig config, GraphPrecision precision)
    {
        var peer = OnnxPeer.Create(config, new GraphOptions { Precision = precision }, Environment.ProcessorCount);
        Action encode = peer.EncoderRun(crossKeys: true), step = peer.StepRun(1, Past);
        return new Runner($"onnxruntime {precision}", encode, () =>
        {
            for (int i = 0; i < Steps; i++) step();
        }, [peer]);
    }

    static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    sealed record Runner(string Name, Action Encode, Action Step, List<IDisposable> Owned);
}
