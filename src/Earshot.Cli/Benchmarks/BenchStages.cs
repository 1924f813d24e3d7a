using Earshot.Benchmarks;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;

namespace Earshot.Cli.Benchmarks;

/// <summary>The stages of parts that are computed on a device directly: speaker encoders, segmentation and voices.</summary>
internal sealed class BenchStages : IDisposable
{
    // Three seconds of speech.
    const int SpeechFrames = 300;

    readonly CpuBackend _backend;
    readonly Scope _root;

    BenchStages(BenchModel model, CpuDevice device, ModelCosts costs)
    {
        _backend = new CpuBackend(device);
        _root = new Scope(model.Weights);
        var stages = new List<BenchmarkStage>();
        if (model.Model.Parts.SpeakerEncoder is { } encoder)
        {
            int frames = Math.Max(SpeechFrames, encoder.LeastFrames);
            stages.Add(new BenchmarkStage($"speaker encoder, {frames} frames",
                Running(new Shape(1, frames, encoder.InputSize), input => encoder.Embed(input, _root)), costs.SpeakerEncoder(frames)));
        }
        if (model.Model.Parts.Segmentation is { } segmentation)
            stages.Add(new BenchmarkStage("segmentation",
                Running(new Shape(1, segmentation.WindowSamples, 1), input => segmentation.Segment(input, _root)), costs.Segmentation()));
        if (model.Model.Parts.Voice is { } voice)
        {
            int frames = ModelCosts.SoundFrames(voice.Shape);
            stages.Add(new BenchmarkStage($"voice, {frames} frames",
                Running(new Shape(1, frames, voice.Shape.InputSize), input => voice.Speak(input, _root)), costs.Voice(frames)));
        }
        Stages = stages;
    }

    public IReadOnlyList<BenchmarkStage> Stages { get; }

    /// <summary>Bytes of the weights packed so far.</summary>
    public long PackedBytes => _backend.Device.PackedBytes(_root);

    public static BenchStages Of(BenchModel model, CpuDevice device, ModelCosts costs) => new(model, device, costs);

    public void Dispose()
    {
        _backend.Device.Unload(_root);
        _backend.Dispose();
    }

    Action Running(Shape shape, Func<Tensor, Tensor> compute)
    {
        var random = new Random(1);
        var values = new float[shape.Count];
        for (int i = 0; i < values.Length; i++) values[i] = random.NextSingle() - 0.5f;
        return () =>
        {
            _backend.FreeTemporaries();
            CpuBackend.Read(compute(_backend.Input(values, shape)));
        };
    }
}
