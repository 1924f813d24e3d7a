using System.Diagnostics;
using System.Globalization;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Bench;

/// <summary>
/// Recordings of 30 s of made-up encoded sound through a transducer of a published shape with random weights, one by one and all together,
/// taking turns: how much more is written a second, and whether the tokens are the same.
/// </summary>
internal static class TransducerBench
{
    const int Positions = 375;

    public static async Task RunAsync(string shape, WeightFormat format, int recordings, int rounds, int threads)
    {
        var model = ModelFamilies.Named(shape);
        using var device = new CpuDevice(new CpuOptions { Weights = format, Threads = threads });
        using var runtime = new CpuModelRuntime(
            new() { Transducer = model.Parts.Transducer }, model.Prepare(new RandomTensors()), device);
        var transducer = runtime.RequireTransducer();
        var encoded = Enumerable.Range(0, recordings).Select(seed => Sound(seed, transducer.Shape.EncodedWidth)).ToArray();
        var (ratios, singly, together) = (new List<double>(), new List<double>(), new List<double>());
        bool isSame = true;
        int count = 0;
        for (int round = -1; round < rounds; round++)
        {
            // What others do on the machine does not count where one thread works.
            double start = Now(threads);
            var alone = new List<IReadOnlyList<TransducerToken>>();
            foreach (var sound in encoded) alone.Add(await DecodeAsync(transducer, sound));
            double between = Now(threads);
            var all = await Task.WhenAll(encoded.Select(sound => Task.Run(() => DecodeAsync(transducer, sound))));
            double one = between - start, many = Now(threads) - between;
            isSame &= alone.Zip(all).All(pair => pair.First.SequenceEqual(pair.Second));
            count = all.Sum(tokens => tokens.Count);
            if (round < 0) continue;
            (ratios, singly, together) = ([.. ratios, one / many], [.. singly, one], [.. together, many]);
        }
        double seconds = recordings * Positions * 0.08;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{shape}, {format}, {threads} threads, {recordings} recordings of 30 s, {count} tokens: {singly.Median():F1} ms one by one " +
            $"({1000 * seconds / singly.Median():F0} × real time), {together.Median():F1} ms together, × {ratios.Median():F2}, " +
            $"tokens {(isSame ? "the same" : "differ")}"));
    }

    static double Now(int threads) => threads == 1
        ? Process.GetCurrentProcess().TotalProcessorTime.TotalMilliseconds
        : Stopwatch.GetElapsedTime(0).TotalMilliseconds;

    static async Task<IReadOnlyList<TransducerToken>> DecodeAsync(TransducerRuntime transducer, float[] sound)
    {
        using var stream = transducer.Begin();
        return await stream.DecodeAsync(sound, Positions);
    }

    static float[] Sound(int seed, int width)
    {
        var (random, values) = (new Random(seed), new float[Positions * width]);
        for (int i = 0; i < values.Length; i++) values[i] = random.NextSingle() * 2 - 1;
        return values;
    }
}
