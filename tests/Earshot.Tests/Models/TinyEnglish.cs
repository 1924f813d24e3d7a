using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Tests.Models;

/// <summary>The real tiny.en checkpoint on the CPU backend.</summary>
internal static class TinyEnglish
{
    public static CpuWhisperRuntime Open(CpuOptions? options = null)
    {
        var folder = TestData.Require("models/whisper-tiny.en");
        var config = WhisperConfig.Load(folder);
        return new CpuWhisperRuntime(SafetensorsCheckpoint.Open(folder), config, GenerationConfig.Load(folder, config), new CpuDevice(options));
    }

    /// <summary>The reference's features of jfk.wav, frame-major: (3000, 80).</summary>
    public static float[] ReferenceFeatures()
    {
        var (mel, shape) = NpyFile.Read(TestData.Require("goldens/whisper-tiny.en/jfk.log_mel.npy"));
        var features = new float[mel.Length];
        for (int m = 0; m < shape[0]; m++)
        {
            for (int t = 0; t < shape[1]; t++) features[t * shape[0] + m] = mel[m * shape[1] + t];
        }
        return features;
    }
}
