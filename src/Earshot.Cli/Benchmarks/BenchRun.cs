using System.Runtime.InteropServices;
using Earshot.Benchmarks;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Cli.Benchmarks;

/// <summary>The weights to run: a checkpoint's, or random ones.</summary>
internal sealed record BenchModel(string Name, WhisperConfig Config, GenerationConfig Generation, ITensorStore Weights, IDisposable? Owner) : IDisposable
{
    public static BenchModel OfShape(string shape)
    {
        var config = WhisperShapes.Named(shape);
        return new BenchModel($"random {shape}", config, WhisperShapes.GenerationFor(config), new RandomWeights(config), null);
    }

    public static BenchModel OfFolder(string folder)
    {
        var checkpoint = WhisperCheckpoint.Open(folder);
        return new BenchModel(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), checkpoint.Config, checkpoint.Generation, checkpoint.Weights, checkpoint);
    }

    public void Dispose() => Owner?.Dispose();
}

/// <summary>Measures the settings of a model beside the machine's own limits.</summary>
internal static class BenchRun
{
    public static BenchmarkReport Run(BenchModel model, IReadOnlyList<BenchSetting> settings, BenchmarkOptions options, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var runtimes = new List<CpuWhisperRuntime>();
        var devices = new List<CpuDevice>();
        try
        {
            var subjects = new List<BenchmarkSubject>();
            var peaks = new Dictionary<string, double>();
            MachinePeaks? machine = null;
            foreach (var setting in settings)
            {
                cancellationToken.ThrowIfCancellationRequested();
                machine = new MachinePeaks(setting.Options);
                peaks[setting.Name] = machine.Gigaflops(setting.Options.Weights);
                devices.Add(new CpuDevice(setting.Options));
                runtimes.Add(new CpuWhisperRuntime(model.Weights, model.Config, model.Generation, devices[^1], new RuntimeLimits { Windows = options.Streams + 1, Rows = options.Streams + 1 }));
                subjects.Add(Subject(model, setting, runtimes[^1], machine));
            }
            return new BenchmarkReport
            {
                Machine = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors, {machine!.Instructions}",
                Model = model.Name,
                Threads = settings[0].Options.Threads ?? Environment.ProcessorCount,
                PeakGigaflops = peaks,
                ReadGigabytesPerSecond = machine.ReadGigabytesPerSecond,
                Results = ModelBenchmark.Run(subjects, options, progress, cancellationToken),
            };
        }
        finally
        {
            foreach (var runtime in runtimes) runtime.Dispose();
            foreach (var device in devices) device.Dispose();
        }
    }

    static BenchmarkSubject Subject(BenchModel model, BenchSetting setting, CpuWhisperRuntime runtime, MachinePeaks machine) => new()
    {
        Name = setting.Name,
        Runtime = runtime,
        Costs = new WhisperCosts(model.Weights, model.Config, parameter => PackedBytes(parameter, setting.Options.Weights), runtime.Device.KeyValues),
        PeakFlops = machine.Gigaflops(setting.Options.Weights) * 1e9,
        ReadBytesPerSecond = machine.ReadGigabytesPerSecond * 1e9,
        WeightBytes = () => runtime.PackedBytes,
    };

    // Bytes that must be read, without padding: the roofline is of the work, not of its layout.
    static long PackedBytes(Parameter parameter, WeightFormat format)
    {
        long count = parameter.Shape.Count, rows = parameter.Shape[0];
        return format switch
        {
            WeightFormat.F32 => count * 4,
            WeightFormat.BF16 => count * 2,
            WeightFormat.Int8 => count + rows * 4,
            WeightFormat.Int4Group32 => count / 2 + count / 32 * 2,
            WeightFormat.Int4Group128 => count / 2 + count / 128 * 2,
            _ => count / 2 + count / 64,
        };
    }
}
