using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Tests.Models;

/// <summary>
/// The model in the box, opened once for all tests, at the first that needs it. Windows of audio are what these tests cost.
/// </summary>
internal static class WhisperBase
{
    static readonly Lazy<CpuModelRuntime> s_exact = new(() => Open(new CpuOptions()));
    static readonly Lazy<SpeechModel> s_model = new(() => ModelFamilies.Open(TestModels.WhisperBase));
    static readonly Lazy<EncodedAudio> s_jfk = new(() => Exact.Encode(Features(Samples("jfk.wav")), LogMelSpectrogram.WindowFrames));
    static readonly Lazy<Task<Transcriber>> s_shipped = new(() => LoadAsync(new TranscriberOptions()));

    /// <summary>Computes in float32 with the checkpoint's values, as the reference outputs were made.</summary>
    public static CpuModelRuntime Exact => s_exact.Value;

    public static SpeechModel Model => s_model.Value;

    public static WhisperTokenizer Tokenizer => (WhisperTokenizer)Model.RequireTokenizer();

    public static WhisperGenerationConfig Rules => ((WhisperPrompt)Model.Prompt!).Generation;

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
        var transcriber = new RecordingTranscriber(shipped.Recognizer, () => new SileroSpeechDetector(new SileroVad(weights, device)));
        return await transcriber.TranscribeToEndAsync(new MemorySamples(samples), options);
    }

    /// <summary>Loads it anew, with a detector.</summary>
    public static Task<Transcriber> LoadAsync(TranscriberOptions options) =>
        Transcriber.LoadAsync(TestModels.WhisperBase, options with { SpeechDetectorFile = TestModels.SileroVad });

    public static CpuModelRuntime Open(CpuOptions options, RuntimeLimits? limits = null)
    {
        var weights = new ModelFolder(TestModels.WhisperBase).OpenWeights();
        return new CpuModelRuntime(Model.Parts, weights, new CpuDevice(options), limits ?? new RuntimeLimits { Windows = 6, Rows = 16 });
    }

    /// <summary>A recording's samples.</summary>
    public static float[] Samples(string clip) => AudioFile.Load(TestRecordings.Path(clip));

    /// <summary>The features of the first 30 s, silence to their end: (3000, 80).</summary>
    public static float[] Features(float[] samples)
    {
        var features = new float[LogMelSpectrogram.WindowFrames * 80];
        new LogMelSpectrogram(80).Compute(
            samples.AsSpan(0, Math.Min(samples.Length, LogMelSpectrogram.WindowSamples)), features, LogMelSpectrogram.WindowFrames);
        return features;
    }

    /// <summary>Encodes the first 30 s in float32.</summary>
    public static EncodedAudio Encode(float[] samples) => Exact.Encode(Features(samples), LogMelSpectrogram.WindowFrames);
}
