using System.Diagnostics;
using System.Globalization;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Bench;

/// <summary>
/// A recording of some minutes through a Conformer of a published shape with random weights, as a whole and with local attention: time of
/// features, encoder and transducer, and the memory that the process took beside its weights at most. One length a run, since a process'
/// peak never falls.
/// </summary>
internal static class LongAudioBench
{
    const int PieceFrames = 2000, PositionsAtOnce = 1024;

    public static async Task RunAsync(string shape, double minutes, WeightFormat format)
    {
        var model = ModelFamilies.Named(shape);
        var encoder = (ConformerEncoder)model.Parts.Encoder!;
        var parts = model.Parts with { Encoder = new ConformerEncoder(encoder.Config, encoder.Context.Within(128)) };
        using var device = new CpuDevice(new CpuOptions { Weights = format });
        using var runtime = new CpuModelRuntime(parts, model.Prepare(new RandomTensors()), device);
        // Weights are packed as they are first used, which is not to be measured.
        await EncodeAsync(runtime, model.Features!, 3000);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = ResidentBytes("VmRSS");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{shape}, {format}, {minutes} min: {runtime.PackedBytes / 1e6:F0} MB of weights, {before / 1e6:F0} MB resident before"));
        await EncodeAsync(runtime, model.Features!, (int)(minutes * 6000), print: true);
        long peak = ResidentBytes("VmHWM");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"peak {peak / 1e6:F0} MB resident, {(peak - runtime.PackedBytes) / 1e6:F0} MB beside the weights"));
    }

    static async Task EncodeAsync(CpuModelRuntime runtime, FeatureSettings settings, int frames, bool print = false)
    {
        var clock = new Clock();
        var features = Features(settings, frames);
        clock.Print("features", print);
        using var audio = await runtime.RequireEncoder().EncodeAsync(features, frames);
        features = [];
        clock.Print("encoder", print);
        if (runtime.Transducer is not { } transducer) return;
        using var stream = transducer.Begin();
        int tokens = 0, width = transducer.Shape.EncodedWidth;
        for (int first = 0, count; first < audio.Positions; first += count)
        {
            count = Math.Min(PositionsAtOnce, audio.Positions - first);
            tokens += (await stream.DecodeAsync(audio.Values.Slice(first * width, count * width), count)).Count;
        }
        clock.Print($"transducer ({tokens} random tokens)", print);
    }

    static float[] Features(FeatureSettings settings, int frames)
    {
        var (extractor, random) = (settings.CreateExtractor(), new Random(1));
        var features = new float[frames * settings.InputSize];
        var samples = new float[PieceFrames * settings.HopLength];
        for (int first = 0; first < frames; first += PieceFrames)
        {
            int count = Math.Min(PieceFrames, frames - first);
            for (int i = 0; i < samples.Length; i++) samples[i] = random.NextSingle() * 0.2f - 0.1f;
            extractor.ComputePiece(
                samples.AsSpan(0, count * settings.HopLength),
                features.AsSpan(first * settings.InputSize, count * settings.InputSize), count, [], []);
        }
        extractor.FinishPieces(features, frames);
        return features;
    }

    static long ResidentBytes(string what)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(what, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', '\t', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>What passes by the wall, and what the processor works.</summary>
    sealed class Clock
    {
        readonly Stopwatch _wall = Stopwatch.StartNew();
        TimeSpan _work = Process.GetCurrentProcess().TotalProcessorTime;

        public void Print(string what, bool print)
        {
            var work = Process.GetCurrentProcess().TotalProcessorTime;
            if (print)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {what} | {_wall.Elapsed.TotalSeconds:F2} s | {(work - _work).TotalSeconds:F2} s of processor time |"));
            }
            _work = work;
            _wall.Restart();
        }
    }
}
