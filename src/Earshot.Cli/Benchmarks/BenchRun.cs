using System.Runtime.InteropServices;
using Earshot.Benchmarks;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Transcription;

namespace Earshot.Cli.Benchmarks;

/// <summary>A model to run: a checkpoint, or a published shape with random weights.</summary>
internal sealed record BenchModel(SpeechModel Model, ITensorStore Weights, IDisposable? Owner) : IDisposable
{
    /// <summary>The weights as they are saved.</summary>
    public required ITensorStore Stored { get; init; }

    /// <summary>The folder; null for random weights.</summary>
    public string? Folder { get; init; }

    public static BenchModel OfShape(string shape)
    {
        var model = ModelFamilies.Named(shape);
        var stored = RandomTensors.For(model.Parts, model.PrepareWeights);
        model = model with { Info = model.Info with { Name = $"random {shape}" } };
        return new BenchModel(model, model.Prepare(stored), null) { Stored = stored };
    }

    public static BenchModel OfFolder(string path)
    {
        var folder = new ModelFolder(path);
        var model = ModelFamilies.OpenAny(folder);
        var weights = folder.OpenWeights();
        try
        {
            return new BenchModel(model, model.Prepare(weights), weights) { Stored = weights, Folder = path };
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public void Dispose() => Owner?.Dispose();
}

/// <summary>What the machine can do at most, measured once for each instruction set and number of threads.</summary>
internal sealed class MachineLimits
{
    readonly Dictionary<(InstructionSet?, int?), MachinePeaks> _measured = [];

    public MachinePeaks Of(CpuOptions options)
    {
        if (!_measured.TryGetValue((options.InstructionSet, options.Threads), out var machine))
            _measured[(options.InstructionSet, options.Threads)] = machine = new MachinePeaks(options);
        return machine;
    }
}

/// <summary>Measures the settings of a model beside the machine's own limits.</summary>
internal static class BenchRun
{
    public static async Task<BenchmarkReport> RunAsync(
        BenchModel model, IReadOnlyList<BenchSetting> settings, BenchmarkOptions options, IProgress<double> progress,
        CancellationToken cancellationToken)
    {
        var owned = new Stack<IDisposable>();
        try
        {
            var subjects = new List<BenchmarkSubject>();
            var peaks = new Dictionary<string, double>();
            var machines = new MachineLimits();
            foreach (var setting in settings)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var machine = machines.Of(setting.Options);
                peaks[setting.Name] = machine.Gigaflops(setting.Options.Weights);
                var limits = new RuntimeLimits { Windows = options.Streams + 1, Rows = options.Streams + 1 };
                subjects.Add(Subject(model, setting, machine, limits, owned));
            }
            return new BenchmarkReport
            {
                Machine = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, "
                    + $"{Environment.ProcessorCount} processors, {machines.Of(settings[0].Options).Instructions}",
                Model = model.Model.Info.Name,
                Threads = settings[0].Threads,
                PeakGigaflops = peaks,
                ReadGigabytesPerSecond = machines.Of(settings[0].Options).ReadGigabytesPerSecond,
                Results = await ModelBenchmark.RunAsync(subjects, options, progress, cancellationToken).ConfigureAwait(false),
            };
        }
        finally
        {
            while (owned.TryPop(out var item)) item.Dispose();
        }
    }

    static BenchmarkSubject Subject(
        BenchModel model, BenchSetting setting, MachinePeaks machine, RuntimeLimits limits, Stack<IDisposable> owned)
    {
        Func<string, WeightFormat?>? formatOf = setting.AsSaved && model.Stored is ModelWeights saved ? saved.FormatOf : null;
        var device = new CpuDevice(setting.Options with { WeightsFor = formatOf });
        owned.Push(device);
        var runtime = new CpuModelRuntime(model.Model.Parts, model.Weights, device, limits);
        owned.Push(runtime);
        var costs = new ModelCosts(
            model.Model.Parts, model.Weights,
            parameter => PackedBytes(parameter, formatOf?.Invoke(parameter.Name) ?? setting.Options.Weights), device.KeyValues);
        var others = BenchStages.Of(model, device, costs);
        owned.Push(others);
        return new BenchmarkSubject
        {
            Name = setting.Name,
            Model = model.Model,
            Runtime = runtime,
            Costs = costs,
            Others = others.Stages,
            Computed = new TranscriberOptions
            {
                Weights = setting.AsSaved ? null : setting.Options.Weights,
                InstructionSet = setting.Options.InstructionSet,
                Threads = setting.Options.Threads,
            }.SettingsFor(model.Stored),
            ScalesFrom = setting.ScalesFrom,
            PeakFlops = machine.Gigaflops(setting.Options.Weights) * 1e9,
            ReadBytesPerSecond = machine.ReadGigabytesPerSecond * 1e9,
            WeightBytes = () => runtime.PackedBytes + others.PackedBytes,
        };
    }

    // Bytes that must be read, without padding: the roofline is of the work, not of its layout.
    static long PackedBytes(Parameter parameter, WeightFormat format) =>
        format.BytesOf(parameter.Shape[0], parameter.Shape.Count / parameter.Shape[0]);
}
