using System.Runtime.InteropServices;
using Earshot.Checkpoints;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Onnx.Tests.Export;

/// <summary>The real tiny.en checkpoint, and features of real recordings.</summary>
sealed class TinyEnglish : IDisposable
{
    readonly SafetensorsCheckpoint _weights;

    public TinyEnglish()
    {
        Folder = TestData.Require("models/whisper-tiny.en");
        Config = WhisperConfig.Load(Folder);
        _weights = SafetensorsCheckpoint.Open(Folder);
    }

    public string Folder { get; }

    public WhisperConfig Config { get; }

    public SafetensorsCheckpoint Weights => _weights;

    public CpuWhisperRuntime OpenRuntime() => new(_weights, Config, GenerationConfig.Load(Folder, Config));

    /// <summary>Features (frames, 80) of a clip.</summary>
    public static float[] Features(string clip, int frames)
    {
        var bytes = File.ReadAllBytes(TestData.Require("audio/" + clip));
        float[] samples = [.. MemoryMarshal.Cast<byte, short>(bytes.AsSpan(44)).ToArray().Select(sample => sample / 32768f)];
        var features = new float[frames * 80];
        new LogMelSpectrogram(80).Compute(samples.AsSpan(0, Math.Min(samples.Length, frames * LogMelSpectrogram.HopLength)), features, frames);
        return features;
    }

    public void Dispose() => _weights.Dispose();
}
