using Earshot.Checkpoints;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtime;

namespace Earshot.Onnx.Runner;

/// <summary>
/// An exported Whisper in ONNX Runtime. Caches stay where the decoder runs: each step's new past is the next step's input, in two
/// blocks of memory that take turns. Concurrent transcriptions run beside each other, each with its own memory.
/// </summary>
public sealed class OnnxWhisperRuntime : WhisperRuntime
{
    readonly OnnxSession _encoder;
    readonly SemaphoreSlim _encoding;
    readonly Lazy<OnnxSession?> _aligner;
    readonly OnnxAllocator? _allocator;
    bool _disposed;

    OnnxWhisperRuntime(ExportedModel model, OnnxWhisperOptions options)
    {
        Model = model;
        var sessionOptions = SessionOptions(model.Manifest, options);
        _encoder = OnnxSession.FromFile(model.PathOf(model.Manifest.Encoder), sessionOptions);
        try
        {
            // Every step has shapes of its own, for which planning memory does not pay.
            var stepping = sessionOptions with { MemoryPattern = false };
            Decoder = OnnxSession.FromFile(model.PathOf(model.Manifest.Decoder), stepping);
            _aligner = new Lazy<OnnxSession?>(() => model.Manifest.AligningDecoder is { } name ? OnnxSession.FromFile(model.PathOf(name), stepping) : null);
            Place = PlaceOf(Decoder.Providers.Used[0]);
            _allocator = ReferenceEquals(Place, OnnxMemoryInfo.Cpu) ? null : Decoder.CreateAllocator(Place);
            Layout = new CacheLayout(Config.DecoderLayers, Config.DecoderAttentionHeads, Config.DModel / Config.DecoderAttentionHeads, CacheType(Decoder), Place, _allocator);
            Rows = new CacheGraphs(Layout, sessionOptions);
        }
        catch
        {
            Decoder?.Dispose();
            _encoder.Dispose();
            throw;
        }
        _encoding = new SemaphoreSlim(options.EncodersAtOnce);
    }

    /// <summary>The folder that runs.</summary>
    public ExportedModel Model { get; }

    public override WhisperConfig Config => Model.Config;

    public override GenerationConfig Generation => Model.Generation;

    /// <summary>What it runs on, and why not on the rest of the wish.</summary>
    public ProviderReport Providers => Decoder.Providers;

    internal OnnxSession Decoder { get; }

    internal OnnxSession? Aligner => _aligner.Value;

    internal CacheLayout Layout { get; }

    internal CacheGraphs Rows { get; }

    /// <summary>Where caches live.</summary>
    internal OnnxMemoryInfo Place { get; }

    /// <summary>Opens an exported folder.</summary>
    /// <exception cref="CheckpointException">The folder is no exported model, or damaged.</exception>
    /// <exception cref="OnnxRuntimeException">ONNX Runtime is absent, refused a graph, or has none of the wished providers.</exception>
    public static OnnxWhisperRuntime Open(string folder, OnnxWhisperOptions? options = null) =>
        new(ExportedModel.Open(folder), options ?? new OnnxWhisperOptions());

    public override EncodedAudio Encode(ReadOnlySpan<float> features, int frames, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var outputs = new string[2 * Config.DecoderLayers];
        for (int i = 0; i < outputs.Length; i++) outputs[i] = CacheLayout.CrossOutput(i);
        return new OnnxEncodedAudio(Run(features, frames, outputs, Place, cancellationToken), frames / 2);
    }

    /// <summary>The encoder's output itself, (frames / 2, DModel), for inspection and tests.</summary>
    public float[] EncodeToArray(ReadOnlySpan<float> features, int frames, CancellationToken cancellationToken = default)
    {
        using var outputs = Run(features, frames, [WhisperGraphs.LastHiddenState], OnnxMemoryInfo.Cpu, cancellationToken);
        return outputs[0].ToArray<float>();
    }

    public override WhisperDecoder CreateDecoder(EncodedAudio audio, int rows, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        var window = audio as OnnxEncodedAudio ?? throw new ModelException($"Audio encoded by {audio?.GetType().Name ?? "nothing"} cannot be decoded by {nameof(OnnxWhisperRuntime)}.");
        return new OnnxWhisperDecoder(this, window, rows);
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed || !disposing) return;
        _disposed = true;
        Rows.Dispose();
        _allocator?.Dispose();
        if (_aligner.IsValueCreated) _aligner.Value?.Dispose();
        Decoder.Dispose();
        _encoder.Dispose();
        _encoding.Dispose();
        if (!ReferenceEquals(Place, OnnxMemoryInfo.Cpu)) Place.Dispose();
        base.Dispose(disposing);
    }

    OnnxOutputs Run(ReadOnlySpan<float> features, int frames, IReadOnlyList<string> outputs, OnnxMemoryInfo place, CancellationToken cancellationToken)
    {
        int mels = Config.NumMelBins;
        if (frames <= 0 || frames % 2 != 0 || frames > 2 * Config.MaxSourcePositions || features.Length != (long)frames * mels)
        {
            throw new ModelException($"Features of {frames} frames and {features.Length} values were given; expected an even number of at most {2 * Config.MaxSourcePositions} frames of {mels} mels.");
        }
        using var input = OnnxValue.Allocate(OnnxElementType.Float32, 1, mels, frames);
        var bySize = input.Span<float>();
        for (int t = 0; t < frames; t++)
        {
            for (int m = 0; m < mels; m++) bySize[m * frames + t] = features[t * mels + m];
        }
        _encoding.Wait(cancellationToken);
        try
        {
            using var binding = _encoder.CreateBinding();
            binding.BindInput(WhisperGraphs.InputFeatures, input);
            foreach (var output in outputs) binding.BindOutput(output, place);
            binding.Run(cancellationToken: cancellationToken);
            return binding.TakeOutputs();
        }
        finally
        {
            _encoding.Release();
        }
    }

    static OnnxSessionOptions SessionOptions(ExportManifest manifest, OnnxWhisperOptions options)
    {
        var entries = new Dictionary<string, string>(options.Entries);
        // Without VNNI, products of int8 pairs overflow 16 bits unless the runtime is told to avoid them.
        if (manifest.Precision == GraphPrecision.Int8) entries.TryAdd("session.x64quantprecision", "1");
        return new OnnxSessionOptions { Providers = options.Providers, IntraOpThreads = options.Threads, Entries = entries };
    }

    static OnnxElementType CacheType(OnnxSession decoder) => decoder.Inputs.First(input => input.Name == WhisperGraphs.PastKey(0, "decoder")).Type;

    static OnnxMemoryInfo PlaceOf(ExecutionProvider provider) => provider switch
    {
        CudaProvider cuda => OnnxMemoryInfo.Cuda(cuda.Device),
        TensorRtProvider tensorRt => OnnxMemoryInfo.Cuda(tensorRt.Device),
        _ => OnnxMemoryInfo.Cpu,
    };
}

/// <summary>A window's cross-attention keys and values, where the decoder runs; they live until the audio and the last decoder over it are disposed.</summary>
internal sealed class OnnxEncodedAudio(OnnxOutputs outputs, int positions) : EncodedAudio
{
    bool _disposed;

    public override int Positions => positions;

    /// <summary>Keys and values by layer, in turn.</summary>
    public OnnxOutputs Outputs => _disposed ? throw new ObjectDisposedException(nameof(EncodedAudio)) : outputs;

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        outputs.Dispose();
        base.Dispose(disposing);
    }
}
