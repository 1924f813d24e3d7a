using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// An exported model in ONNX Runtime. Caches stay where the decoder runs: each step's new past is the next step's input, in two
/// blocks of memory that take turns. A generation has memory of its own; steps of several have their turns.
/// </summary>
public sealed class OnnxModelRuntime : ModelRuntime
{
    readonly OnnxEncoderRuntime? _encoder;
    readonly OnnxDecoderRuntime? _decoder;
    readonly OnnxTransducerRuntime? _transducer;
    readonly OnnxVoiceRuntime? _voice;
    readonly Lazy<OnnxStreamingEncoderRuntime>? _streaming;
    bool _disposed;

    OnnxModelRuntime(string folder, ExportManifest manifest, ModelParts parts, OnnxModelOptions options) : base(parts)
    {
        (Folder, Manifest) = (folder, manifest);
        var session = SessionOptions(manifest, options);
        try
        {
            if (parts.Decoder is not null) _decoder = new OnnxDecoderRuntime(folder, manifest, parts, session, options);
            if (parts.Encoder is not null)
                _encoder = new OnnxEncoderRuntime(folder, manifest, parts, session, options) { Memory = parts.HasMemory ? _decoder : null };
            if (parts.Transducer is not null) _transducer = new OnnxTransducerRuntime(folder, manifest, parts, session, options);
            if (parts.Voice is not null) _voice = new OnnxVoiceRuntime(folder, manifest, parts, session, options);
        }
        catch
        {
            _transducer?.Dispose();
            _encoder?.Dispose();
            _decoder?.Dispose();
            throw;
        }
        if (parts.Encoder is IStreamingEncoder && manifest.StreamingEncoder is { } file)
            _streaming = new(() => new OnnxStreamingEncoderRuntime(folder, file, parts, session, options));
    }

    /// <summary>The folder that runs.</summary>
    public string Folder { get; }

    public ExportManifest Manifest { get; }

    public override EncoderRuntime? Encoder => _encoder;

    /// <summary>
    /// Runs the encoder over streams; null where the model hears none, or was exported without. Its graph, with weights of its own in
    /// memory, is loaded when it is first asked for.
    /// </summary>
    /// <exception cref="CheckpointException">The graph is missing, or does not fit the parts.</exception>
    /// <exception cref="OnnxRuntimeException">ONNX Runtime refused the graph.</exception>
    public override StreamingEncoderRuntime? Streaming => _streaming?.Value;

    public override DecoderRuntime? Decoder => _decoder;

    public override TransducerRuntime? Transducer => _transducer;

    public override VoiceRuntime? Voice => _voice;

    public override RuntimeTimes? Times => new RuntimeTimes(
        Elapsed(_encoder?.Time), _encoder?.Time.Count ?? 0,
        Elapsed(_decoder?.Time) + Elapsed(_transducer?.Time), (_decoder?.Time.Count ?? 0) + (_transducer?.Time.Count ?? 0))
    {
        Speaking = Elapsed(_voice?.Time),
        Pieces = _voice?.Time.Count ?? 0,
    };

    /// <summary>What it runs on, and why not on the rest of the wish.</summary>
    public ProviderReport Providers =>
        _decoder?.Providers ?? _encoder?.Providers ?? _transducer?.Providers ?? _voice?.Providers ?? new ProviderReport([], []);

    /// <summary>Opens an exported folder as a model of the parts that the settings beside the graphs describe.</summary>
    /// <param name="parts">What the model is made of; parts that are not run, such as a segmentation, do not count.</param>
    /// <exception cref="CheckpointException">The folder is no exported model, is damaged, or its graphs do not fit the parts.</exception>
    /// <exception cref="OnnxRuntimeException">ONNX Runtime is absent, refused a graph, or has none of the wished providers.</exception>
    public static OnnxModelRuntime Open(string folder, ModelParts parts, OnnxModelOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(parts);
        return new OnnxModelRuntime(folder, ExportManifest.Load(folder), parts, options ?? new OnnxModelOptions());
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed || !disposing) return;
        _disposed = true;
        if (_streaming is { IsValueCreated: true }) _streaming.Value.Dispose();
        _voice?.Dispose();
        _transducer?.Dispose();
        _encoder?.Dispose();
        _decoder?.Dispose();
        base.Dispose(disposing);
    }

    static TimeSpan Elapsed(StageTimer? timer) => timer?.Elapsed ?? default;

    static OnnxSessionOptions SessionOptions(ExportManifest manifest, OnnxModelOptions options)
    {
        var entries = new Dictionary<string, string>(options.Entries);
        // Without VNNI, products of int8 pairs overflow 16 bits unless the runtime is told to avoid them.
        if (manifest.Precision == GraphPrecision.Int8) entries.TryAdd(ByteProducts.ExactEntry, "1");
        return new OnnxSessionOptions { Providers = options.Providers, IntraOpThreads = options.Threads, Entries = entries };
    }
}
