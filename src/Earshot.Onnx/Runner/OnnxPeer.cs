using Earshot.Checkpoints;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtime;

namespace Earshot.Onnx.Runner;

/// <summary>
/// A Whisper of any shape with random weights in ONNX Runtime, as fast as that runs it, for benchmarks to stand beside: one encoder
/// run, or one decoding step, with inputs bound beforehand.
/// </summary>
internal sealed class OnnxPeer : IDisposable
{
    readonly string _folder;
    readonly List<IDisposable> _owned = [];

    OnnxPeer(WhisperConfig config, GraphOptions options, int? threads)
    {
        Config = config;
        _folder = Directory.CreateTempSubdirectory("earshot-peer-").FullName;
        try
        {
            var graphs = new WhisperGraphs(new RandomWeights(config), config, options);
            var encoder = graphs.Encoder();
            var decoder = graphs.Decoder();
            WeightFile.Write([encoder, decoder], Path.Combine(_folder, WhisperExporter.WeightsName));
            encoder.Save(Path.Combine(_folder, "encoder.onnx"));
            decoder.Save(Path.Combine(_folder, "decoder.onnx"));
            var sessionOptions = new OnnxSessionOptions { IntraOpThreads = threads };
            Encoder = Own(OnnxSession.FromFile(Path.Combine(_folder, "encoder.onnx"), sessionOptions));
            Decoder = Own(OnnxSession.FromFile(Path.Combine(_folder, "decoder.onnx"), sessionOptions with { MemoryPattern = false }));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public WhisperConfig Config { get; }

    public OnnxSession Encoder { get; }

    public OnnxSession Decoder { get; }

    /// <summary>Exports to a temporary folder and loads it; disposing removes the folder.</summary>
    public static OnnxPeer Create(WhisperConfig config, GraphOptions options, int? threads = null) => new(config, options, threads);

    /// <summary>One window through the encoder, with the cross-attention's keys and values where they are wanted.</summary>
    public Action EncoderRun(int frames = 3000, bool crossKeys = false)
    {
        var features = new float[frames * Config.NumMelBins];
        var random = new Random(1);
        for (int i = 0; i < features.Length; i++) features[i] = random.NextSingle() * 2 - 1;
        var binding = Own(Encoder.CreateBinding());
        binding.BindInput(WhisperGraphs.InputFeatures, Own(OnnxValue.FromMemory<float>(features, 1, Config.NumMelBins, frames)));
        binding.BindOutput(WhisperGraphs.LastHiddenState, Own(OnnxValue.Allocate(OnnxElementType.Float32, 1, frames / 2, Config.DModel)));
        int heads = Config.DecoderAttentionHeads;
        for (int i = 0; crossKeys && i < 2 * Config.DecoderLayers; i++)
        {
            var type = Encoder.Outputs.First(output => output.Name == CacheLayout.CrossOutput(i)).Type;
            binding.BindOutput(CacheLayout.CrossOutput(i), Zeros(type, 1, heads, frames / 2, Config.DModel / heads));
        }
        return () => binding.Run();
    }

    /// <summary>One step of hypotheses that have <paramref name="past"/> tokens behind them, over a window of <paramref name="positions"/>.</summary>
    public Action StepRun(int rows = 1, int past = 64, int positions = 1500)
    {
        var binding = Own(Decoder.CreateBinding());
        int heads = Config.DecoderAttentionHeads, size = Config.DModel / heads;
        var type = Decoder.Inputs.First(input => input.Name == CacheLayout.Past(0)).Type;
        binding.BindInput(WhisperGraphs.InputIds, Own(OnnxValue.CopyOf<long>(new long[rows], rows, 1)));
        if (Decoder.Inputs.Any(input => input.Name == WhisperGraphs.FirstLogit)) binding.BindInput(WhisperGraphs.FirstLogit, Own(OnnxValue.CopyOf<long>([0], 1)));
        for (int i = 0; i < 2 * Config.DecoderLayers; i++)
        {
            binding.BindInput(CacheLayout.Past(i), Zeros(type, rows, heads, past, size));
            binding.BindInput(CacheLayout.CrossInput(i), Zeros(type, 1, heads, positions, size));
            binding.BindOutput(CacheLayout.Present(i), Zeros(type, rows, heads, past + 1, size));
        }
        binding.BindOutput(WhisperGraphs.Logits, Zeros(OnnxElementType.Float32, rows, 1, Config.VocabSize));
        return () => binding.Run();
    }

    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned)) owned.Dispose();
        _owned.Clear();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    OnnxValue Zeros(OnnxElementType type, params ReadOnlySpan<long> shape)
    {
        var value = Own(OnnxValue.Allocate(type, shape));
        value.Bytes().Clear();
        return value;
    }

    T Own<T>(T value) where T : IDisposable
    {
        _owned.Add(value);
        return value;
    }
}
