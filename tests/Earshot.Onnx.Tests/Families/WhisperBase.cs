using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Tests.Families;

/// <summary>The real base checkpoint, and features of real recordings.</summary>
sealed class WhisperBase : IDisposable
{
    static readonly ModelFolder s_folder = new(TestModels.WhisperBase);

    readonly ModelWeights _weights = s_folder.OpenWeights();

    public SpeechModel Model { get; } = ModelFamilies.Open(s_folder);

    public ModelParts Parts => Model.Parts;

    public WhisperGenerationConfig Generation => ((WhisperPrompt)Model.Prompt!).Generation;

    public ITensorStore Weights => _weights;

    public ExportSource Source => new(Parts, _weights, Model.Info.Type) { Folder = s_folder.Path };

    /// <summary>The CPU backend computing with the checkpoint's values in float32.</summary>
    public CpuModelRuntime OpenRuntime() => new(Parts, Weights);

    /// <summary>Exports it to a folder inside <paramref name="root"/>.</summary>
    public string Export(DirectoryInfo root, GraphOptions options)
    {
        var folder = Path.Combine(root.FullName, "base");
        OnnxExporter.Export(Source, folder, new ExportOptions { Graph = options });
        return folder;
    }

    /// <summary>Features (frames, 80) of a clip.</summary>
    public static float[] Features(string clip, int frames)
    {
        var samples = AudioFile.Load(TestData.Require("audio/" + clip));
        var features = new float[frames * 80];
        new LogMelSpectrogram(80)
            .Compute(samples.AsSpan(0, Math.Min(samples.Length, frames * LogMelSpectrogram.HopLength)), features, frames);
        return features;
    }

    public void Dispose() => _weights.Dispose();
}
