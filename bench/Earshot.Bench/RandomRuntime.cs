using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Bench;

/// <summary>A published shape with random weights on a device of its own, and a window of features for it.</summary>
internal sealed class RandomRuntime : IDisposable
{
    readonly CpuDevice _device;
    readonly float[] _features;
    readonly int _frames;

    public RandomRuntime(string shape, CpuOptions options, RuntimeLimits? limits = null)
    {
        Options = options;
        Model = ModelFamilies.Named(shape);
        _device = new CpuDevice(options);
        Runtime = new CpuModelRuntime(Model.Parts, Model.Prepare(new RandomTensors()), _device, limits);
        _frames = ModelCosts.WindowFramesOf(Model.Parts);
        _features = Features(_frames * (Model.Parts.Encoder?.Shape.InputSize ?? 0));
    }

    public CpuOptions Options { get; }

    public SpeechModel Model { get; }

    public CpuModelRuntime Runtime { get; }

    public int VocabSize => Runtime.RequireDecoder().Shape.VocabSize;

    public ValueTask<EncodedAudio> EncodeAsync() => Runtime.RequireEncoder().EncodeAsync(_features, _frames);

    /// <summary>A generation of one sequence over a window of its own, where the decoder attends to audio.</summary>
    public async ValueTask<Generation> BeginAsync() =>
        await Runtime.RequireDecoder().BeginAsync(Model.Parts.HasMemory ? await EncodeAsync() : null, 1);

    public static float[] Features(int count)
    {
        var random = new Random(1);
        var features = new float[count];
        for (int i = 0; i < count; i++) features[i] = random.NextSingle() - 0.5f;
        return features;
    }

    public void Dispose()
    {
        Runtime.Dispose();
        _device.Dispose();
    }
}
