using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Tests.Models;

/// <summary>The model in the box, opened once for all tests, at the first that needs it. Windows of audio are what these tests cost.</summary>
internal static class WhisperBase
{
    static readonly Lazy<CpuWhisperRuntime> s_exact = new(() => Open(new CpuOptions()));
    static readonly Lazy<WhisperTokenizer> s_tokenizer = new(() => WhisperTokenizer.Load(TestModels.WhisperBase, 51865));
    static readonly Lazy<EncodedAudio> s_jfk = new(() => Exact.Encode(Features(Samples("jfk.wav")), LogMelSpectrogram.WindowFrames));
    static readonly Lazy<Task<Transcriber>> s_shipped = new(() => LoadAsync(new TranscriberOptions()));

    /// <summary>Computes in float32 with the checkpoint's values, as the reference outputs were made.</summary>
    public static CpuWhisperRuntime Exact => s_exact.Value;

    public static WhisperTokenizer Tokenizer => s_tokenizer.Value;

    /// <summary>The encoded window of jfk.wav, in float32.</summary>
    public static EncodedAudio Jfk => s_jfk.Value;

    /// <summary>As it is used: int8 weights as they are stored, and the detector of the box. Not to be disposed of.</summary>
    public static Task<Transcriber> ShippedAsync() => s_shipped.Value;

    /// <summary>The same over samples that are in memory.</summary>
    public static async Task<Transcript> TranscribeAsync(float[] samples, TranscriptionOptions options)
    {
        var shipped = await ShippedAsync();
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var weights = SafetensorsFile.Open(TestModels.SileroVad);
        var transcriber = new WhisperTranscriber(shipped.Runtime, shipped.Tokenizer, () => new SileroSpeechDetector(new SileroVad(weights, device)));
        return await transcriber.TranscribeToEndAsync(new MemorySamples(samples), options);
    }

    /// <summary>Loads it anew, with a detector.</summary>
    public static Task<Transcriber> LoadAsync(TranscriberOptions options) =>
        Transcriber.LoadAsync(TestModels.WhisperBase, options with { SpeechDetectorFile = TestModels.SileroVad });

    public static CpuWhisperRuntime Open(CpuOptions options)
    {
        var checkpoint = WhisperCheckpoint.Open(TestModels.WhisperBase);
        return new CpuWhisperRuntime(checkpoint.Weights, checkpoint.Config, checkpoint.Generation, new CpuDevice(options), new RuntimeLimits { Windows = 6, Rows = 16 });
    }

    /// <summary>A recording's samples.</summary>
    public static float[] Samples(string clip) => AudioFile.Load(TestRecordings.Path(clip));

    /// <summary>The features of the first 30 s, silence to their end: (3000, 80).</summary>
    public static float[] Features(float[] samples)
    {
        var features = new float[LogMelSpectrogram.WindowFrames * 80];
        new LogMelSpectrogram(80).Compute(samples.AsSpan(0, Math.Min(samples.Length, LogMelSpectrogram.WindowSamples)), features, LogMelSpectrogram.WindowFrames);
        return features;
    }

    /// <summary>Encodes the first 30 s in float32.</summary>
    public static EncodedAudio Encode(float[] samples) => Exact.Encode(Features(samples), LogMelSpectrogram.WindowFrames);
}
