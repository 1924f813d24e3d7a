using System.Globalization;
using System.Runtime.InteropServices;
using Earshot.Benchmarks;
using Earshot.Compute.Cpu;
using Earshot.Onnx.Recording;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>What to measure beside other engines.</summary>
internal sealed record PeerOptions
{
    public required BenchModel Model { get; init; }

    /// <summary>What the model is called in reports.</summary>
    public required string ModelName { get; init; }

    public required IReadOnlyList<BenchSetting> Settings { get; init; }

    public required BenchmarkOptions Benchmark { get; init; }

    /// <summary>A recording; null for a sound that is made.</summary>
    public string? Audio { get; init; }

    public PeerSearch Search { get; init; } = PeerSearch.OfProcess;
}

/// <summary>Measures this machine, Earshot's stages, and other engines on the same input.</summary>
internal static class PeerRun
{
    public static async Task<PeerReport> RunAsync(PeerOptions options, Terminal terminal, CancellationToken cancellationToken)
    {
        var (model, settings) = (options.Model, options.Settings);
        if (model.Model.Parts.Encoder is null)
            throw new UsageException($"'{options.ModelName}' has no encoder; --peers compares models that hear.");
        int threads = settings[0].Threads;
        using var sound = PeerSound.Read(options.Audio, threads);
        using var status = new StatusLine(terminal);
        var stages = await BenchRun.RunAsync(
            model, settings, options.Benchmark, new PercentStatus(status, "Measuring Earshot's stages"), cancellationToken)
            .ConfigureAwait(false);
        var groups = await PartsAsync(options, sound, terminal, status, cancellationToken).ConfigureAwait(false);
        if (model.Folder is { } folder)
            groups.Add(await SoundAsync((options, folder), sound, terminal, status, cancellationToken).ConfigureAwait(false));
        return new PeerReport
        {
            Measured = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime),
            Machine = Machine(settings[0].Options),
            Model = options.ModelName,
            Threads = threads,
            Rounds = options.Benchmark.Rounds,
            PeakGigaflops = stages.PeakGigaflops,
            ReadGigabytesPerSecond = stages.ReadGigabytesPerSecond,
            Stages = stages.Results,
            Groups = groups,
        };
    }

    static async Task<List<PeerGroup>> PartsAsync(
        PeerOptions options, PeerSound sound, Terminal terminal, StatusLine status, CancellationToken cancellationToken)
    {
        using var parts = new PartRunners(options.Model, options.Search, terminal);
        status.Show(_ => "Opening engines…");
        await Task.Run(async () =>
        {
            foreach (var setting in options.Settings) await parts.AddOursAsync(setting, cancellationToken).ConfigureAwait(false);
            foreach (var precision in (GraphPrecision[])[GraphPrecision.Float32, GraphPrecision.Int8])
            {
                cancellationToken.ThrowIfCancellationRequested();
                parts.AddOnnxRuntime(precision, sound.Threads);
            }
            await parts.AddOpenVinoAsync(sound.Folder, sound.Threads, cancellationToken).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false);
        var window = new PeerGroup("encoder", "A window of sound through the encoder", null, parts.Absent);
        var groups = new List<PeerGroup>
        {
            await Rounds("encoders").MeasureAsync(window, parts.Encoders, "", cancellationToken).ConfigureAwait(false),
        };
        if (parts.Tokens.Count > 0)
        {
            groups.Add(await Rounds("tokens").MeasureAsync(
                new PeerGroup("token", "A token of one stream", null, parts.AbsentForTokens), parts.Tokens, "", cancellationToken)
                .ConfigureAwait(false));
        }
        return groups;

        PeerRounds Rounds(string what) => new(options.Benchmark.Rounds, terminal, new PercentStatus(status, $"Measuring {what}"));
    }

    static async Task<PeerGroup> SoundAsync(
        (PeerOptions Options, string Folder) run, PeerSound sound, Terminal terminal, StatusLine status,
        CancellationToken cancellationToken)
    {
        using var runners = new SoundRunners(run.Folder, sound, run.Options.Search, terminal);
        await runners.AddOursAsync(run.Options.Settings, cancellationToken).ConfigureAwait(false);
        foreach (var precision in (GraphPrecision[])[GraphPrecision.Float32, GraphPrecision.Int8])
            await runners.AddOnnxRuntimeAsync(precision, cancellationToken).ConfigureAwait(false);
        runners.AddWhisperCpp();
        await runners.AddFasterWhisperAsync(cancellationToken).ConfigureAwait(false);
        var what = string.Create(
            CultureInfo.InvariantCulture,
            $"{sound.Seconds:0.0} s of {(sound.IsSynthetic ? "a made sound in which nobody speaks" : "a recording")}, greedy");
        var rounds = new PeerRounds(run.Options.Benchmark.Rounds, terminal, new PercentStatus(status, "Measuring recordings"));
        var group = new PeerGroup("recording", what, Math.Round(sound.Seconds, 2), runners.Absent);
        return await rounds.MeasureAsync(group, runners.Runners, sound.Language, cancellationToken).ConfigureAwait(false);
    }

    static PeerMachine Machine(CpuOptions options) => new()
    {
        Processor = ProcessorName.Name,
        Cores = ProcessorCores.Count,
        Processors = Environment.ProcessorCount,
        Instructions = TuningKey.Of(options).Instructions,
        FirstCache = CacheSizes.OfThisMachine.First,
        SecondCache = CacheSizes.OfThisMachine.Second,
        System = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}",
        Runtime = RuntimeInformation.FrameworkDescription,
        Earshot = KernelVersion.Name,
    };
}
