using Earshot.Decoding;
using Earshot.Tests.Decoding;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

public class TranscriptionOptionsTests
{
    public static TheoryData<string, TranscriptionOptions> Wrong => new()
    {
        { nameof(TemperatureFallback.Temperatures), new() { Fallback = new() { Temperatures = [] } } },
        { nameof(TemperatureFallback.Temperatures), new() { Fallback = new() { Temperatures = [0, -1] } } },
        { nameof(TranscriptionOptions.BatchSize), new() { BatchSize = 0 } },
        { nameof(DecodingOptions.BeamSize), new() { Decoding = new() { BeamSize = 0 } } },
        { nameof(TranscriptionOptions.WordTimestamps), new() { HallucinationSilenceThreshold = TimeSpan.FromSeconds(2) } },
        { nameof(TranscriptionOptions.ClipRanges), new() { ClipRanges = [new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(3))] } },
        { nameof(TranscriptionOptions.ClipRanges), new() { ClipRanges = [new(TimeSpan.FromSeconds(5)), new(TimeSpan.FromSeconds(9))] } },
        { nameof(TranscriptionOptions.ClipRanges), new() { ClipRanges = [new(TimeSpan.Zero)], Vad = new() } },
        { nameof(VadOptions.Threshold), new() { Vad = new() { Threshold = 0 } } },
        { nameof(VadOptions.MaxSpeechDuration), new() { Vad = new() { MaxSpeechDuration = TimeSpan.FromSeconds(0.5) } } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Says_which_option_is_wrong(string option, TranscriptionOptions options)
    {
        var recording = new ScriptedRecording(SmallTokenizer.English, 10);
        using var runtime = recording.Runtime();
        var error = Assert.Throws<ArgumentException>(() => ScriptedRecording.Transcriber(runtime).TranscribeAsync(recording, options));
        Assert.Contains(option, error.Message);
    }

    [Theory]
    [InlineData(4, 4, true)]
    [InlineData(32, 32, true)]
    [InlineData(32, 4, false)]
    [InlineData(32, 2, false)]
    public void Translates_only_with_models_that_were_trained_to(int encoderLayers, int decoderLayers, bool can)
    {
        using var runtime = new ScriptedRuntime(SmallTokenizer.Multilingual, LanguageModels.Hashed(1), encoderLayers, decoderLayers);
        if (can)
        {
            Assert.Null(ScriptedRecording.Recognizer(runtime).RequireLanguage(SpeechTask.Translate, null));
            return;
        }
        var error = Assert.Throws<ModelException>(() => ScriptedRecording.Recognizer(runtime).RequireLanguage(SpeechTask.Translate, "de"));
        Assert.Contains(decoderLayers == 4 ? "turbo" : "distilled", error.Message);
        Assert.Contains("large-v3", error.Message);
    }

    [Fact]
    public void English_only_models_know_English_alone()
    {
        using var runtime = new ScriptedRuntime(SmallTokenizer.English, LanguageModels.Hashed(1));
        Assert.Equal("en", ScriptedRecording.Recognizer(runtime).RequireLanguage(SpeechTask.Transcribe, null));
        Assert.Equal("en", ScriptedRecording.Recognizer(runtime).RequireLanguage(SpeechTask.Transcribe, "English"));
        Assert.Contains(
            "German",
            Assert.Throws<ModelException>(() => ScriptedRecording.Recognizer(runtime).RequireLanguage(SpeechTask.Transcribe, "de")).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "English-only",
            Assert.Throws<ModelException>(() => ScriptedRecording.Recognizer(runtime).RequireLanguage(SpeechTask.Translate, null)).Message);
        Assert.Throws<ModelException>(() => ScriptedRecording.Recognizer(runtime).RequireLanguage(SpeechTask.Transcribe, "klingon"));
    }
}
