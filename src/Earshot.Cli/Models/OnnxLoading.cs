using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;
using Earshot.Onnx;
using Earshot.Onnx.Export;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Recognition;
using Earshot.TextGeneration;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>Loads models into ONNX Runtime: exported folders as they are, checkpoints through an export that is kept.</summary>
internal static class OnnxLoading
{
    /// <summary>Whether a folder holds graphs and no checkpoint, so that only ONNX Runtime can run it.</summary>
    public static bool IsOnlyExported(string folder) =>
        ExportManifest.IsIn(folder) && !Directory.EnumerateFiles(folder, "*.safetensors").Any();

    /// <summary>Loads a model by its folder.</summary>
    /// <exception cref="UsageException">Options ask for what ONNX Runtime cannot do.</exception>
    /// <exception cref="EarshotException">The runtime or every wished device is absent, or the model is damaged.</exception>
    public static async Task<Transcriber> LoadAsync(
        (string Name, string Folder) model, LoadOptions options, Terminal terminal, CancellationToken cancellationToken)
    {
        if (options.Onnx is null)
        {
            terminal.Say($"'{model.Name}' is an exported model: it runs in ONNX Runtime (--device {OnnxDevice.CpuName}).");
            options = options with { Onnx = OnnxDevice.Cpu };
        }
        if (options.WhyNotOnnx is { } reason) throw new UsageException(reason);
        Probe(options.Onnx.Providers);
        var folder = await FolderAsync(model, options, terminal, cancellationToken).ConfigureAwait(false);
        using var status = new StatusLine(terminal);
        status.Show(_ => $"Loading {model.Name}…");
        long started = Stopwatch.GetTimestamp();
        var runtimeOptions = new OnnxModelOptions { Providers = options.Onnx.Providers, Threads = options.Cpu.Threads };
        var settings = Settings(options);
        var transcriber = await Task.Run(() => Open((model.Name, folder), runtimeOptions, options.Cpu, settings), cancellationToken)
            .ConfigureAwait(false);
        var providers = (transcriber.Recognizer.Runtime as OnnxModelRuntime)?.Providers;
        status.Above(() => terminal.Detail(
            $"Loaded {folder} in {Units.Time(Stopwatch.GetElapsedTime(started))}. {providers} Computed with {settings}."));
        return transcriber;
    }

    /// <summary>Opens an exported folder.</summary>
    /// <exception cref="EarshotException">The runtime is absent, or the model is damaged.</exception>
    public static Transcriber Open(
        (string Name, string Folder) exported, OnnxModelOptions options, TranscriberOptions? transcription,
        ComputeSettings? settings = null)
    {
        var model = ModelFamilies.Open(exported.Folder);
        var runtime = OnnxModelRuntime.Open(exported.Folder, model.Parts, options);
        try
        {
            return Transcriber.Over(exported.Name, Recognizers.For(model, runtime), transcription, settings);
        }
        catch
        {
            runtime.Dispose();
            throw;
        }
    }

    /// <summary>Loads a language model by its folder.</summary>
    /// <inheritdoc cref="LoadAsync"/>
    public static async Task<LanguageModel> LoadLanguageModelAsync(
        (string Name, string Folder) model, LoadOptions options, LanguageModelOptions language, Terminal terminal,
        CancellationToken cancellationToken)
    {
        if (options.WhyNotOnnx is { } reason) throw new UsageException(reason);
        if (language.Adapters.Count > 0)
            throw new UsageException("--adapter is for Earshot's own kernels; leave it out, or take --device cpu.");
        Probe(options.Onnx!.Providers);
        var folder = await FolderAsync(model, options, terminal, cancellationToken).ConfigureAwait(false);
        using var status = new StatusLine(terminal);
        status.Show(_ => $"Loading {model.Name}…");
        long started = Stopwatch.GetTimestamp();
        var runtimeOptions = new OnnxModelOptions
        {
            Providers = options.Onnx.Providers,
            Threads = options.Cpu.Threads,
            Limits = language.Limits,
        };
        var opened = await Task.Run(
            () =>
            {
                var parts = ModelFamilies.Open(folder);
                return LanguageModel.Over(
                    model.Name, parts, OnnxModelRuntime.Open(folder, parts.Parts, runtimeOptions), language, Settings(options));
            },
            cancellationToken).ConfigureAwait(false);
        status.Above(() => terminal.Detail(
            $"Loaded {folder} in {Units.Time(Stopwatch.GetElapsedTime(started))}. Computed with {opened.Settings}."));
        return opened;
    }

    /// <summary>What ONNX Runtime computes with.</summary>
    public static ComputeSettings Settings(LoadOptions options) => new()
    {
        Engine = $"ONNX Runtime {OnnxEnvironment.Current.Version}",
        Threads = options.Cpu.Threads ?? Environment.ProcessorCount,
        Choice = options.Precision is null ? "table" : "given",
        Formats = new Dictionary<string, string> { ["graph"] = GraphPrecisions.WeightsOf(options.ExportPrecision).Name },
    };

    /// <summary>What an export of a folder's model is made of; the weights are the caller's to dispose of.</summary>
    /// <exception cref="EarshotException">It is no model, or is damaged.</exception>
    public static (ExportSource Source, IDisposable Weights) SourceOf(string path)
    {
        var folder = new ModelFolder(path);
        if (folder.Container == ModelContainer.Gguf)
            throw new CheckpointException(
                $"'{path}' is a GGUF file, which is not exported: its settings and tokenizer have no place beside graphs. " +
                "Export the folder that it was made from, in Hugging Face's format.");
        var model = ModelFamilies.Open(folder);
        var weights = folder.OpenWeights();
        try
        {
            bool isFolder = folder.Container == ModelContainer.HuggingFace;
            return (new ExportSource(model.Parts, model.Prepare(weights), model.Info.Type)
            {
                Folder = isFolder ? path : null,
                Name = model.Info.Name,
                // Another program's settings are written as the house's.
                Files = model.Files,
                WriteTo = isFolder ? null : to => model.Tokenizer?.TryWriteCompact(to),
            }, weights);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Shows how far an export is.</summary>
    public static IProgress<ExportProgress> Progress(StatusLine status, string name) => new Shown(status, name);

    /// <summary>Finds out with the smallest graph there is whether the wish can be granted, before a model is exported for it.</summary>
    static void Probe(ProviderPreference providers)
    {
        var graph = new GraphBuilder("probe", GraphOptions.OperatorSet);
        graph.Output("y", graph.Node("Neg", graph.Input("x", OnnxElementType.Float32, 1)));
        using var session = OnnxSession.FromBytes(
            graph.Build().ToBytes(), new OnnxSessionOptions { Providers = providers, LogSeverity = OnnxLogSeverity.Error });
    }

    /// <summary>The model's own folder where it is exported as asked, else that of its export, which is made once.</summary>
    static async Task<string> FolderAsync(
        (string Name, string Folder) model, LoadOptions options, Terminal terminal, CancellationToken cancellationToken)
    {
        if (ExportManifest.IsIn(model.Folder))
        {
            var exported = ExportManifest.Load(model.Folder).Precision;
            if (options.Precision is null || options.Precision == exported) return model.Folder;
            if (IsOnlyExported(model.Folder))
            {
                throw new UsageException(
                    $"'{model.Name}' was exported in {exported}; leave --precision and --quantize out, " +
                    "or give the checkpoint it was exported from.");
            }
        }
        var folder = CacheFolder(model.Folder, options.ExportPrecision);
        if (ExportManifest.IsIn(folder)) return folder;
        terminal.Say($"Exporting {model.Name} for ONNX Runtime ({options.ExportPrecision}) to {folder}; it is kept for the next time.");
        using var status = new StatusLine(terminal);
        await Task.Run(
            () => Export(model.Folder, folder, options.ExportPrecision, Progress(status, model.Name), cancellationToken), cancellationToken)
            .ConfigureAwait(false);
        return folder;
    }

    static void Export(
        string from, string to, GraphPrecision precision, IProgress<ExportProgress> progress, CancellationToken cancellationToken)
    {
        var (source, weights) = SourceOf(from);
        using var open = weights;
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        try
        {
            OnnxExporter.Export(
                source, to, new ExportOptions { Graph = new GraphOptions { Precision = precision } }, progress, cancellationToken);
        }
        catch (CheckpointException) when (ExportManifest.IsIn(to))
        {
            // Another process was faster; what it made is the same.
        }
    }

    /// <summary>Where the export of a checkpoint is kept: another place as soon as its weights change.</summary>
    static string CacheFolder(string folder, GraphPrecision precision)
    {
        var key = new StringBuilder(Path.GetFullPath(folder)).Append('\n').Append(ExportManifest.CurrentFormat).Append('\n')
            .Append(precision);
        foreach (var file in ModelFile.AllOf(folder).Where(file => Path.GetExtension(file.Name) is ".safetensors" or ".bin"))
        {
            var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            if (!target.Exists) continue;
            key.Append(CultureInfo.InvariantCulture, $"\n{file.Name} {target.Length} {target.LastWriteTimeUtc.Ticks}");
        }
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key.ToString())).AsSpan(0, 8));
        return Path.Combine(EarshotCache.Folder, "onnx", hash);
    }

    sealed class Shown(StatusLine status, string name) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value) =>
            status.Show(_ => string.Create(CultureInfo.InvariantCulture, $"Exporting {name}: {value.Stage} … {100 * value.Fraction:0} %"));
    }
}
