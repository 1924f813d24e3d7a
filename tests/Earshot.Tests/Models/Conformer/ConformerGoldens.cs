using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Tests.Models;

/// <summary>NeMo's and transformers' outputs of tiny Conformers, and what is computed here for them.</summary>
internal static class ConformerGoldens
{
    public static readonly string[] Nemo = ["conformer-ctc", "fastconformer-ctc", "hybrid", "tdt", "streaming"];

    /// <summary>The archive of a model, or its folder in Hugging Face's format.</summary>
    public static string ModelPath(string name) => name.StartsWith("parakeet-tiny/", StringComparison.Ordinal)
        ? Path.GetDirectoryName(TestData.Require($"goldens/{name}/tokenizer.json"))!
        : TestData.Require($"goldens/nemo-tiny/{name}/{name}.nemo");

    public static float[] Audio(string utterance) => NpyFile.Read(TestData.Require($"goldens/nemo-tiny/audio_{utterance}.npy")).Values;

    public static (float[] Values, int[] Shape) Read(string name, string file) => NpyFile.Read(
        TestData.Require($"goldens/{(name.Contains('/', StringComparison.Ordinal) ? name : $"nemo-tiny/{name}")}/{file}.npy"));

    public static JsonDocument Outputs(string name) => JsonDocument.Parse(File.ReadAllText(TestData.Require(
        $"goldens/{(name.Contains('/', StringComparison.Ordinal) ? name : $"nemo-tiny/{name}")}/outputs.json")));

    /// <summary>The features of a recording, (frames, mels).</summary>
    public static (float[] Values, int Frames) Features(SpeechModel model, ReadOnlySpan<float> audio)
    {
        var settings = model.Features!;
        int frames = settings.FramesOf(audio.Length), whole = frames * settings.HopLength;
        var features = new float[frames * settings.InputSize];
        settings.CreateExtractor().Compute(audio[..whole], features, frames, after: audio[whole..]);
        return (features, frames);
    }

    /// <summary>What an encoder makes of a recording, (positions, size).</summary>
    public static float[] Encode(
        string name, ReadOnlySpan<float> audio, InstructionSet set, Func<ConformerEncoder, ConformerEncoder>? change = null,
        int outputsOfBlock = int.MaxValue)
    {
        var folder = new ModelFolder(ModelPath(name));
        var model = ModelFamilies.Open(folder);
        var encoder = (ConformerEncoder)model.Parts.Encoder!;
        if (change is not null) encoder = change(encoder);
        using var weights = folder.OpenWeights();
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        using var backend = new CpuBackend(device)
        {
            OutputsOfBlock = outputsOfBlock,
            QueriesOfBlock = Math.Min(256, outputsOfBlock / 2),
        };
        var (features, frames) = Features(model, audio);
        var root = new Scope(model.Prepare(weights));
        float[] encoded = [.. CpuBackend.Read(
            encoder.Encode(backend.Input(features, new Shape(1, frames, model.Features!.InputSize)), root))];
        device.Unload(root);
        return encoded;
    }
}
