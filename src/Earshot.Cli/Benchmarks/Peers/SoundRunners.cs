using System.Diagnostics;
using Earshot.Cli.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Transcription;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>
/// A whole recording, from samples in memory to text, by models that are loaded: greedy, without fallback, each window by itself, in a
/// language that all are told.
/// </summary>
internal sealed class SoundRunners(string folder, PeerSound sound, PeerSearch search, Terminal terminal) : IDisposable
{
    readonly Stack<IDisposable> _owned = [];

    public List<PeerRunner> Runners { get; } = [];

    public List<PeerRow> Absent { get; } = [];

    static TranscriptionOptions Options(string? language) => new()
    {
        Language = language,
        Decoding = new() { BeamSize = 1 },
        Fallback = new() { Temperatures = [0] },
        ConditionOnPreviousText = false,
    };

    /// <summary>Adds our own kernels, as a model is loaded where nothing is said, and in each setting; finds out the language.</summary>
    public async Task AddOursAsync(IReadOnlyList<BenchSetting> settings, CancellationToken cancellationToken)
    {
        var choices = new List<(string Name, TranscriberOptions Options)>
        {
            ("as it loads", TuningCache.Apply(new TranscriberOptions { Threads = sound.Threads })),
        };
        choices.AddRange(settings.Select(setting => (setting.Name, new TranscriberOptions
        {
            Weights = setting.Options.Weights,
            InstructionSet = setting.Options.InstructionSet,
            Threads = setting.Options.Threads,
        })));
        foreach (var (name, options) in choices)
        {
            var transcriber = Own(await Transcriber.LoadAsync(folder, options, cancellationToken: cancellationToken)
                .ConfigureAwait(false));
            if (Runners.Count == 0 && !sound.IsSynthetic
                && await LanguageAsync(transcriber, cancellationToken).ConfigureAwait(false) is { } heard)
                sound.Language = heard;
            Add("Earshot", name, transcriber);
        }
    }

    /// <summary>Adds ONNX Runtime with our graphs, which go with the sound.</summary>
    public async Task AddOnnxRuntimeAsync(GraphPrecision precision, CancellationToken cancellationToken)
    {
        var setting = $"our {GraphPrecisions.WeightsOf(precision)} graphs";
        if (!OnnxEnvironment.IsAvailable(out _))
        {
            Absent.Add(PeerRounds.Absent(
                "ONNX Runtime", setting, PeerRow.NotHere, "its library is not found; EARSHOT_ONNXRUNTIME names one"));
            return;
        }
        var named = $"ONNX Runtime {OnnxEnvironment.Current.Version}";
        try
        {
            var options = new LoadOptions
            {
                Onnx = OnnxDevice.Cpu,
                Precision = precision,
                Cpu = new TranscriberOptions { Threads = sound.Threads },
            };
            Add(named, setting, Own(await Task.Run(() => Exported(options, cancellationToken), cancellationToken).ConfigureAwait(false)));
        }
        catch (EarshotException e)
        {
            PeerRounds.Warn(terminal, named, e);
            Absent.Add(PeerRounds.Absent(named, setting, PeerRow.Failed, PeerRounds.Reason(e)));
        }
    }

    Transcriber Exported(LoadOptions options, CancellationToken cancellationToken)
    {
        var (source, weights) = OnnxLoading.SourceOf(folder);
        using var open = weights;
        var target = Path.Combine(sound.Folder, options.ExportPrecision.ToString());
        OnnxExporter.Export(
            source, target, new ExportOptions { Graph = new GraphOptions { Precision = options.ExportPrecision } },
            cancellationToken: cancellationToken);
        return OnnxLoading.Open((target, target), new OnnxModelOptions { Threads = sound.Threads }, null, OnnxLoading.Settings(options));
    }

    public void AddWhisperCpp()
    {
        var (program, file, why) = WhisperCpp.Find(search);
        if (why is not null)
        {
            Absent.Add(PeerRounds.Absent(WhisperCpp.Engine, "", PeerRow.NotHere, why));
            return;
        }
        var peer = new WhisperCpp(program!, file!, search, sound);
        Runners.Add(new PeerRunner(WhisperCpp.Engine, () => peer.Setting, peer.RunAsync));
    }

    public async Task AddFasterWhisperAsync(CancellationToken cancellationToken)
    {
        const string engine = PythonPeer.FasterWhisper;
        var python = PythonPeer.FindPython(search);
        bool installed = python is not null
            && await PythonPeer.HasAsync(python, "faster_whisper", search, cancellationToken).ConfigureAwait(false);
        var converted = search.Existing(PythonPeer.FasterWhisperModel);
        if (!installed || converted is null)
        {
            var package = $"pip install faster-whisper for the python3 on the path, or for that of {PythonPeer.PythonVariable}";
            var where = $"name a folder with a converted model in {PythonPeer.FasterWhisperModel}";
            var why = installed ? where : converted is null ? $"{package}; {where}" : package;
            Absent.Add(PeerRounds.Absent(engine, "", PeerRow.NotHere, why));
            return;
        }
        foreach (var setting in (string[])["float32", "int8"])
        {
            try
            {
                var peer = Own(await PythonPeer.OpenAsync(python!, new PythonTask
                {
                    Engine = engine,
                    Model = converted,
                    Threads = sound.Threads,
                    Setting = setting,
                    Audio = sound.WavFile,
                    Language = sound.Language,
                }, search, cancellationToken).ConfigureAwait(false));
                Runners.Add(new PeerRunner($"{engine} {peer.Version}", () => setting, peer.RunAsync));
            }
            catch (PeerException e)
            {
                PeerRounds.Warn(terminal, engine, e);
                Absent.Add(PeerRounds.Absent(engine, setting, PeerRow.Failed, e.Message));
            }
        }
    }

    public void Dispose()
    {
        while (_owned.TryPop(out var item)) item.Dispose();
    }

    void Add(string engine, string setting, Transcriber transcriber) =>
        Runners.Add(new PeerRunner(engine, () => setting, stop => TranscribeAsync(transcriber, stop)) { Computed = transcriber.Settings });

    async Task<PeerResult> TranscribeAsync(Transcriber transcriber, CancellationToken cancellationToken)
    {
        var options = Options(transcriber.Recognizer.Model.Info.Languages.Count > 1 ? sound.Language : null);
        var segments = new List<Segment>();
        long started = Stopwatch.GetTimestamp();
        var heard = transcriber.TranscribeAsync(new MemorySamples(sound.Samples), options, cancellationToken: cancellationToken);
        await foreach (var segment in heard.ConfigureAwait(false)) segments.Add(segment);
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return new PeerResult(seconds, new Transcript { Segments = segments, Info = new TranscriptionInfo() }.Text);
    }

    async Task<string?> LanguageAsync(Transcriber transcriber, CancellationToken cancellationToken)
    {
        if (transcriber.Recognizer.Model.Info.Languages.Count < 2) return null;
        return (await transcriber.DetectLanguageAsync(sound.WavFile, cancellationToken).ConfigureAwait(false)).Language;
    }

    T Own<T>(T item) where T : IDisposable
    {
        _owned.Push(item);
        return item;
    }
}
