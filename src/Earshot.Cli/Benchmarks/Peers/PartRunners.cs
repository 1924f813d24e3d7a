using System.Diagnostics;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Transcription;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>
/// A window through the encoder (with the keys and values of what the decoder attends to), and a decoding step, over the same input of
/// chance: ours, and our own exported graphs in others' engines.
/// </summary>
internal sealed class PartRunners(BenchModel model, PeerSearch search, Terminal terminal) : IDisposable
{
    const int Steps = 24, Past = 64;

    readonly Stack<IDisposable> _owned = [];

    public List<PeerRunner> Encoders { get; } = [];

    public List<PeerRunner> Tokens { get; } = [];

    /// <summary>Engines that are not here, or could not be opened.</summary>
    public List<PeerRow> Absent { get; } = [];

    /// <summary>Those of them that run decoders too.</summary>
    public List<PeerRow> AbsentForTokens { get; } = [];

    ModelParts Parts => model.Model.Parts;

    int Frames => ModelCosts.WindowFramesOf(Parts);

    /// <summary>Adds our own kernels in a setting.</summary>
    public async Task AddOursAsync(BenchSetting setting, CancellationToken cancellationToken)
    {
        var device = Own(new CpuDevice(setting.Options));
        var runtime = Own(new CpuModelRuntime(Parts, model.Weights, device, new RuntimeLimits { Windows = 2, Rows = 1 }));
        var features = Noise(Frames * Parts.Encoder!.Shape.InputSize);
        var computed = new TranscriberOptions
        {
            Weights = setting.Options.Weights,
            InstructionSet = setting.Options.InstructionSet,
            Threads = setting.Options.Threads,
        }.SettingsFor(model.Stored);
        Encoders.Add(new PeerRunner("Earshot", () => setting.Name, async stop =>
        {
            long started = Stopwatch.GetTimestamp();
            using var audio = await runtime.RequireEncoder().EncodeAsync(features, Frames, stop).ConfigureAwait(false);
            return Since(started);
        })
        { Computed = computed });
        if (runtime.Decoder is null) return;
        var heard = Parts.HasMemory
            ? Own(await runtime.RequireEncoder().EncodeAsync(features, Frames, cancellationToken).ConfigureAwait(false))
            : null;
        var generation = Own(await runtime.RequireDecoder().BeginAsync(heard, 1, cancellationToken).ConfigureAwait(false));
        var logits = new float[generation.VocabSize];
        var prompt = Enumerable.Range(0, Past).Select(i => (100 + i) % generation.VocabSize).ToArray();
        await generation.PromptAsync(prompt, ReadOnlyMemory<int>.Empty, logits, cancellationToken).ConfigureAwait(false);
        var token = new int[1];
        Tokens.Add(new PeerRunner("Earshot", () => setting.Name, async stop =>
        {
            generation.Truncate(Past);
            long started = Stopwatch.GetTimestamp();
            for (int i = 0; i < Steps; i++)
            {
                token[0] = (300 + i) % generation.VocabSize;
                await generation.StepAsync(token, logits, stop).ConfigureAwait(false);
            }
            return Since(started, Steps);
        })
        { Computed = computed });
    }

    /// <summary>Adds ONNX Runtime with our graphs in a precision.</summary>
    public void AddOnnxRuntime(GraphPrecision precision, int threads)
    {
        const string engine = "ONNX Runtime";
        var setting = $"our {GraphPrecisions.WeightsOf(precision)} graph";
        if (!OnnxEnvironment.IsAvailable(out var why))
        {
            terminal.Detail(why);
            Add(PeerRounds.Absent(engine, setting, PeerRow.NotHere, "its library is not found; EARSHOT_ONNXRUNTIME names one"), all: true);
            return;
        }
        var named = $"{engine} {OnnxEnvironment.Current.Version}";
        try
        {
            var peer = Own(OnnxPeer.Create(Parts, model.Weights, new GraphOptions { Precision = precision }, threads));
            var computed = new ComputeSettings
            {
                Engine = named,
                Threads = threads,
                Formats = new Dictionary<string, string> { ["graph"] = GraphPrecisions.WeightsOf(precision).Name },
            };
            var encode = peer.EncoderRun(Frames, crossKeys: Parts.HasMemory);
            Encoders.Add(new PeerRunner(named, () => setting, _ => Timed(encode, 1)) { Computed = computed });
            if (Parts.Decoder is null) return;
            var step = Parts.HasMemory ? peer.StepRun(1, Past, Parts.FinishedPositionsOf(Frames)) : peer.StepRun(1, Past);
            Tokens.Add(new PeerRunner(named, () => setting, _ => Timed(step, Steps)) { Computed = computed });
        }
        catch (EarshotException e)
        {
            PeerRounds.Warn(terminal, named, e);
            Add(PeerRounds.Absent(named, setting, PeerRow.Failed, PeerRounds.Reason(e)), all: true);
        }
    }

    /// <summary>Adds OpenVINO with our graph of the encoder, in float32 and in what it chooses itself.</summary>
    public async Task AddOpenVinoAsync(string folder, int threads, CancellationToken cancellationToken)
    {
        const string setting = "our graph";
        const string hint = "pip install openvino for the python3 on the path, or for that of " + PythonPeer.PythonVariable;
        if (PythonPeer.FindPython(search) is not { } python
            || !await PythonPeer.HasAsync(python, "openvino", search, cancellationToken).ConfigureAwait(false))
        {
            Add(PeerRounds.Absent(PythonPeer.OpenVino, setting, PeerRow.NotHere, hint), all: false);
            return;
        }
        // Without operators of ONNX Runtime's own.
        var graphs = Path.Combine(folder, "graphs");
        var manifest = await Task.Run(() => OnnxExporter.Export(
            new ExportSource(Parts, model.Weights, "peer"), graphs,
            new ExportOptions { Graph = new GraphOptions { Target = GraphTarget.Portable }, WordTimes = false },
            cancellationToken: cancellationToken), cancellationToken).ConfigureAwait(false);
        int size = Parts.Encoder!.Shape.InputSize;
        foreach (var precision in (string[])["f32", "auto"])
        {
            var named = $"{setting}, {precision}";
            try
            {
                var peer = Own(await PythonPeer.OpenAsync(python, new PythonTask
                {
                    Engine = "openvino",
                    Model = Path.Combine(graphs, manifest.Encoder!),
                    Threads = threads,
                    Setting = precision,
                    Shape = size == 1 ? [1, Frames] : [1, size, Frames],
                }, search, cancellationToken).ConfigureAwait(false));
                Encoders.Add(new PeerRunner($"{PythonPeer.OpenVino} {peer.Version}", () => named, peer.RunAsync));
            }
            catch (PeerException e)
            {
                PeerRounds.Warn(terminal, PythonPeer.OpenVino, e);
                Add(PeerRounds.Absent(PythonPeer.OpenVino, named, PeerRow.Failed, e.Message), all: false);
            }
        }
    }

    public void Dispose()
    {
        while (_owned.TryPop(out var item)) item.Dispose();
    }

    void Add(PeerRow row, bool all)
    {
        Absent.Add(row);
        if (all) AbsentForTokens.Add(row);
    }

    static Task<PeerResult> Timed(Action action, int times) => Task.Run(() =>
    {
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < times; i++) action();
        return Since(started, times);
    });

    static PeerResult Since(long started, int times = 1) => new(Stopwatch.GetElapsedTime(started).TotalSeconds / times);

    static float[] Noise(int count)
    {
        var random = new Random(1);
        var values = new float[count];
        for (int i = 0; i < count; i++) values[i] = random.NextSingle() - 0.5f;
        return values;
    }

    T Own<T>(T item) where T : IDisposable
    {
        _owned.Push(item);
        return item;
    }
}
