using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// A model of any parts in ONNX Runtime, as fast as that runs it, for benchmarks to stand beside: one encoder run, or one decoding step,
/// with inputs bound beforehand.
/// </summary>
internal sealed class OnnxPeer : IDisposable
{
    readonly string _folder;
    readonly ModelParts _parts;
    readonly List<IDisposable> _owned = [];

    OnnxPeer(ModelParts parts, ITensorStore weights, GraphOptions options, int? threads)
    {
        _parts = parts;
        _folder = Directory.CreateTempSubdirectory("earshot-peer-").FullName;
        try
        {
            OnnxExporter.Export(
                new ExportSource(parts, weights, "peer"), Path.Combine(_folder, "model"),
                new ExportOptions { Graph = options, WordTimes = false });
            var manifest = ExportManifest.Load(Path.Combine(_folder, "model"));
            var session = new OnnxSessionOptions { IntraOpThreads = threads };
            Encoder = Open(manifest.Encoder, session);
            Decoder = Open(manifest.Decoder, session with { MemoryPattern = false });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The encoder's graph; null where the model has none.</summary>
    public OnnxSession? Encoder { get; }

    /// <summary>The decoder's graph; null where the model has none.</summary>
    public OnnxSession? Decoder { get; }

    /// <summary>
    /// Exports to a temporary folder and loads it; disposing removes the folder. Where the precision is int8, what is coarse in it stays in
    /// float only if <paramref name="options"/> say so.
    /// </summary>
    public static OnnxPeer Create(ModelParts parts, ITensorStore weights, GraphOptions options, int? threads = null) =>
        new(parts with { IsCoarseInInt8 = null }, weights, options, threads);

    /// <summary>
    /// One window through the encoder and what finishes it, with the cross-attention's keys and values where they are wanted.
    /// </summary>
    public Action EncoderRun(int frames, bool crossKeys = false)
    {
        var shape = _parts.Encoder!.Shape;
        var sound = new float[frames * shape.InputSize];
        var random = new Random(1);
        for (int i = 0; i < sound.Length; i++) sound[i] = random.NextSingle() * 2 - 1;
        var binding = Own(Encoder!.CreateBinding());
        binding.BindInput(GraphNames.EncoderInput(shape.InputSize), Own(shape.InputSize == 1
            ? OnnxValue.FromMemory<float>(sound, 1, frames)
            : OnnxValue.FromMemory<float>(sound, 1, shape.InputSize, frames)));
        bool finishes = !_parts.HasMemory;
        var output = finishes ? GraphNames.Finished(_parts) : GraphNames.LastHiddenState;
        long positions = finishes ? _parts.FinishedPositionsOf(frames) : _parts.Encoder.PositionsOf(frames);
        binding.BindOutput(output, Zeros(OnnxElementType.Float32, 1, positions, finishes ? _parts.FinishedWidth : shape.Width));
        for (int i = 0; crossKeys && i < 2 * _parts.Decoder!.Shape.Layers; i++)
        {
            var (heads, size) = CrossHeads();
            binding.BindOutput(
                CacheLayout.CrossOutput(i), Zeros(TypeOf(Encoder.Outputs, CacheLayout.CrossOutput(i)), 1, heads, positions, size));
        }
        return () => binding.Run();
    }

    /// <summary>
    /// One step of hypotheses that have <paramref name="past"/> tokens behind them, over a window of <paramref name="positions"/> where the
    /// decoder attends to audio.
    /// </summary>
    public Action StepRun(int rows = 1, int past = 64, int positions = 1500)
    {
        var binding = Own(Decoder!.CreateBinding());
        var shape = _parts.Decoder!.Shape;
        var type = TypeOf(Decoder.Inputs, CacheLayout.Past(0));
        bool attends = shape.MemoryPositions > 0;
        if (attends) binding.BindInput(GraphNames.InputIds, Own(OnnxValue.CopyOf<long>(new long[rows], rows, 1)));
        else binding.BindInput(GraphNames.InputsEmbeds, Zeros(OnnxElementType.Float32, rows, 1, shape.Width));
        if (Decoder.Inputs.Any(input => input.Name == GraphNames.FirstLogit))
            binding.BindInput(GraphNames.FirstLogit, Own(OnnxValue.CopyOf<long>([0], 1)));
        for (int i = 0; i < 2 * shape.Layers; i++)
        {
            binding.BindInput(CacheLayout.Past(i), Zeros(type, rows, shape.Heads.KeyValue, past, shape.HeadSize));
            if (attends) binding.BindInput(CacheLayout.CrossInput(i), Zeros(type, 1, CrossHeads().Heads, positions, CrossHeads().Size));
            binding.BindOutput(CacheLayout.Present(i), Zeros(type, rows, shape.Heads.KeyValue, past + 1, shape.HeadSize));
        }
        binding.BindOutput(GraphNames.Logits, Zeros(OnnxElementType.Float32, rows, 1, shape.VocabSize));
        return () => binding.Run();
    }

    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned)) owned.Dispose();
        _owned.Clear();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    static OnnxElementType TypeOf(IReadOnlyList<OnnxTensorDescription> all, string name) => all.First(own => own.Name == name).Type;

    OnnxSession? Open(string? file, OnnxSessionOptions options) =>
        file is null ? null : Own(OnnxSession.FromFile(Path.Combine(_folder, "model", file), options));

    (int Heads, int Size) CrossHeads() =>
        (_parts.Decoder!.Shape.Heads.KeyValue, _parts.Decoder.Shape.Width / _parts.Decoder.Shape.Heads.KeyValue);

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
