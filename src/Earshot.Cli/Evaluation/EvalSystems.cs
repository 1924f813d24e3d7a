using System.Diagnostics;
using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Cli.Models;
using Earshot.Compute.Cpu;
using Earshot.Evaluation;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Cli.Evaluation;

/// <summary>Makes models and settings systems under test; settings that load a model alike share it.</summary>
internal sealed class EvalSystems(Terminal terminal, bool detectLanguage) : IDisposable
{
    readonly Dictionary<(string Folder, LoadOptions Options), (Transcriber Transcriber, long Bytes)> _loaded = [];

    /// <summary>The memory of the process before the first model; 0 until one is loaded.</summary>
    public long BaseBytes { get; private set; }

    /// <summary>Describes a system without loading it, downloading its model where needed.</summary>
    public async Task<(SystemDescription Description, string Folder)> DescribeAsync(
        string name, EvalChoice choice, CancellationToken cancellationToken)
    {
        var folder = await ModelFolders.GetAsync(choice.Model, terminal, cancellationToken).ConfigureAwait(false);
        var description = new SystemDescription
        {
            Name = name,
            Model = Path.Exists(choice.Model) ? LabelOf(choice.Model) : ModelNames.Full(choice.Model),
            Settings = choice.Settings,
            Device = DeviceOf(choice.Loading),
            Computed = choice.Loading.Onnx is null && !OnnxLoading.IsOnlyExported(folder)
                ? SettingsOf(folder, choice.Loading)
                : OnnxLoading.Settings(choice.Loading),
        };
        // Graphs without a checkpoint tell their size alone.
        if (OnnxLoading.IsOnlyExported(folder))
            return (description with { ModelBytes = new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length) }, folder);
        var model = ModelSummary.Of(folder);
        return (description with { ModelBytes = model.Bytes, Parameters = model.Parameters, Languages = model.Languages }, folder);
    }

    /// <summary>Loads a system.</summary>
    public async Task<SystemUnderTest> LoadAsync(
        SystemDescription description, string folder, EvalChoice choice, CancellationToken cancellationToken)
    {
        if (BaseBytes == 0) BaseBytes = ResidentBytes();
        if (!_loaded.TryGetValue((folder, choice.Loading), out var loaded))
        {
            long before = ResidentBytes();
            var transcriber = await ModelLoading.LoadAsync(folder, choice.Loading, terminal, cancellationToken).ConfigureAwait(false);
            loaded = _loaded[(folder, choice.Loading)] = (transcriber, Math.Max(0, ResidentBytes() - before));
        }
        if (choice.Transcription.Vad is not null || choice.Transcription.BatchSize > 1)
            await ModelLoading.LoadSpeechDetectorAsync(loaded.Transcriber, terminal, cancellationToken).ConfigureAwait(false);
        return new SystemUnderTest
        {
            Description = description,
            LoadedModel = loaded.Transcriber,
            LoadedBytes = loaded.Bytes,
            TranscribeAsync = (clip, stop) => TranscribeAsync(loaded.Transcriber, choice, clip, stop),
        };
    }

    public void Dispose()
    {
        foreach (var (transcriber, _) in _loaded.Values) transcriber.Dispose();
        _loaded.Clear();
    }

    /// <summary>A model's name as reports show it: the last part of a folder or of a name on the hub.</summary>
    public static string LabelOf(string model) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.Exists(model) ? Path.GetFullPath(model) : model.Split('@')[0]));

    async Task<SystemOutput> TranscribeAsync(
        Transcriber transcriber, EvalChoice choice, EvaluationClip clip, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        using var samples = SampleStream.Open(clip.Audio, choice.Transcription.Audio);
        var progress = new LatestInfo();
        var segments = new List<Segment>();
        TimeSpan? first = null;
        var options = choice.Transcription with { Language = choice.Transcription.Language ?? LanguageOf(clip) };
        await foreach (var segment in transcriber.TranscribeAsync(new RecordedSamples(samples), options, progress, cancellationToken)
            .ConfigureAwait(false))
        {
            first ??= Stopwatch.GetElapsedTime(started);
            segments.Add(segment);
        }
        var transcript = new Transcript { Segments = segments, Info = progress.Info };
        return new SystemOutput
        {
            Text = transcript.Text,
            FirstText = first,
            Duration = samples.Duration ?? progress.Info.Duration,
            Language = progress.Info.Language,
        };
    }

    /// <summary>The language that the manifest states, by its code without region; null where it is to be detected.</summary>
    string? LanguageOf(EvaluationClip clip)
    {
        if (detectLanguage || clip.Language is not { } language) return null;
        return WhisperLanguages.Parse(language.Split('-', '_')[0]);
    }

    static ComputeSettings SettingsOf(string folder, LoadOptions loading)
    {
        using var weights = new ModelFolder(folder).OpenWeights();
        return loading.Cpu.SettingsFor(weights);
    }

    static string DeviceOf(LoadOptions loading)
    {
        var options = loading.Cpu;
        if (loading.Onnx is { } onnx)
        {
            return $"onnx runtime, {onnx.Providers}, {options.Threads ?? Environment.ProcessorCount} threads, {loading.ExportPrecision}"
                .ToLowerInvariant();
        }
        var weights = options.Weights ?? CpuDevice.PreferredWeights(options.InstructionSet);
        var set = options.InstructionSet is { } most ? $"at most {most}" : "all instructions";
        return $"cpu, {set}, {options.Threads ?? ProcessorCores.Count} threads, {weights}".ToLowerInvariant();
    }

    static long ResidentBytes()
    {
        GC.Collect();
        return ProcessMemory.ResidentBytes;
    }

    sealed class LatestInfo : IProgress<TranscriptionProgress>
    {
        public TranscriptionInfo Info { get; private set; } = new();

        public void Report(TranscriptionProgress value) => Info = value.Info;
    }
}
