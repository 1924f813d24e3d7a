using System.Diagnostics;
using System.Globalization;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;

namespace Earshot.Bench;

/// <summary>
/// Our CPU backend beside ONNX Runtime (float32 with fused attention, and dynamic int8) on the same random model: encoder
/// window (with the cross-attention's keys and values) and, where there is a decoder, decoding step, taking turns in one run. Times are
/// medians; ratios are medians of each round's ratio. Of one thread, processor time counts too: what others do on the machine is not in it.
/// </summary>
internal static class PeerBench
{
    const int Steps = 24;
    const int Past = 64;

    public static async Task RunAsync(string shape, int rounds, int threads)
    {
        var runners = new List<Runner>();
        bool steps = ModelFamilies.Named(shape).Parts.Decoder is not null;
        foreach (var (name, options) in Settings())
        {
            // What AVX2 alone reaches is compared where weights are few.
            if (steps || options.InstructionSet is null) runners.Add(await OursAsync(name, shape, options with { Threads = threads }));
        }
        foreach (var precision in (GraphPrecision[])[GraphPrecision.Float32, GraphPrecision.Int8])
            runners.Add(Peer(shape, precision, threads));
        var first = runners.FindIndex(runner => runner.Name == "onnxruntime Float32");
        Console.WriteLine($"{shape}, {threads} threads, {rounds} rounds; × is the peer's float32 time over this one's");
        await MeasureAsync("encoder window", runners, (first, rounds), runner => runner.Encode(), 1);
        if (steps) await MeasureAsync("token", runners, (first, rounds), runner => runner.Step(), Steps);
        foreach (var runner in runners) runner.Owned.ForEach(owned => owned.Dispose());
    }

    static IEnumerable<(string, CpuOptions)> Settings()
    {
        foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8])
            yield return ($"earshot {format}", new CpuOptions { Weights = format });
        yield return ("earshot F32 avx2", new CpuOptions { Weights = WeightFormat.F32, InstructionSet = InstructionSet.Avx2 });
        yield return ("earshot Int8 avx2", new CpuOptions { Weights = WeightFormat.Int8, InstructionSet = InstructionSet.Avx2Vnni });
    }

    static async Task MeasureAsync(
        string what, List<Runner> runners, (int First, int Rounds) run, Func<Runner, ValueTask> action, int divisor)
    {
        var times = runners.Select(_ => new List<double>()).ToArray();
        var work = runners.Select(_ => new List<double>()).ToArray();
        for (int round = -1; round < run.Rounds; round++)
        {
            for (int r = 0; r < runners.Count; r++)
            {
                var (start, before) = (Stopwatch.GetTimestamp(), Process.GetCurrentProcess().TotalProcessorTime);
                await action(runners[r]);
                if (round < 0) continue;
                times[r].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / divisor);
                work[r].Add((Process.GetCurrentProcess().TotalProcessorTime - before).TotalMilliseconds / divisor);
            }
        }
        for (int r = 0; r < runners.Count; r++)
        {
            double ratio = times[run.First].Zip(times[r], (peer, own) => peer / own).Median();
            double workRatio = work[run.First].Zip(work[r], (peer, own) => peer / own).Median();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {what} | {runners[r].Name} | {times[r].Median():F2} ms | × {ratio:F2} | {work[r].Median():F2} ms of processor time | " +
                $"× {workRatio:F2} |"));
        }
    }

    static async Task<Runner> OursAsync(string name, string shape, CpuOptions options)
    {
        var model = new RandomRuntime(shape, options, new RuntimeLimits { Windows = 2, Rows = 1 });
        if (model.Model.Parts.Decoder is null)
            return new Runner(name, async () => (await model.EncodeAsync()).Dispose(), () => ValueTask.CompletedTask, [model]);
        var generation = await model.BeginAsync();
        var logits = new float[model.VocabSize];
        await generation.PromptAsync(Enumerable.Range(100, Past).ToArray(), ReadOnlyMemory<int>.Empty, logits);
        var token = new int[1];
        return new Runner(
            name,
            async () => (await model.EncodeAsync()).Dispose(),
            async () =>
            {
                generation.Truncate(Past);
                for (int i = 0; i < Steps; i++)
                {
                    token[0] = 300 + i;
                    await generation.StepAsync(token, logits);
                }
            },
            [generation, model]);
    }

    static Runner Peer(string shape, GraphPrecision precision, int threads)
    {
        var model = ModelFamilies.Named(shape);
        var peer = OnnxPeer.Create(
            model.Parts, model.Prepare(new RandomTensors()), new GraphOptions { Precision = precision }, threads);
        int frames = ModelCosts.WindowFramesOf(model.Parts);
        bool steps = model.Parts.Decoder is not null;
        Action encode = peer.EncoderRun(frames, crossKeys: steps);
        Action step = steps ? peer.StepRun(1, Past, model.Parts.FinishedPositionsOf(frames)) : () => { };
        return new Runner(
            $"onnxruntime {precision}",
            () =>
            {
                encode();
                return ValueTask.CompletedTask;
            },
            () =>
            {
                for (int i = 0; i < Steps; i++) step();
                return ValueTask.CompletedTask;
            },
            [peer]);
    }

    sealed record Runner(string Name, Func<ValueTask> Encode, Func<ValueTask> Step, List<IDisposable> Owned);
}
