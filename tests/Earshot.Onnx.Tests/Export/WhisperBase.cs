using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Onnx.Tests.Export;

/// <summary>The real base checkpoint, and features of real recordings.</summary>
sealed class WhisperBase : IDisposable
{
    readonly WhisperCheckpoint _checkpoint = WhisperCheckpoint.Open(TestModels.WhisperBase);

    public WhisperConfig Config => _checkpoint.Config;

    public ITensorStore Weights => _checkpoint.Weights;

    /// <summary>The CPU backend computing with the checkpoint's values in float32.</summary>
    public CpuWhisperRuntime OpenRuntime() => new(Weights, Config, _checkpoint.Generation);

    /// <summary>Features (frames, 80) of a clip.</summary>
    public static float[] Features(string clip, int frames)
    {
        var samples = AudioFile.Load(TestData.Require("audio/" + clip));
        var features = new float[frames * 80];
        new LogMelSpectrogram(80).Compute(samples.AsSpan(0, Math.Min(samples.Length, frames * LogMelSpectrogram.HopLength)), features, frames);
        return features;
    }

    public void Dispose() => _checkpoint.Dispose();
}
