using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Transcription;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using TranscriptionOptions = Earshot.Transcription.TranscriptionOptions;

namespace Earshot.Tests.Transcription;

/// <summary>The whole way, from a file to text, with the real tiny.en.</summary>
public class TranscriberTests
{
    const string Jfk = "And so, my fellow Americans, ask not what your country can do for you";

    static Task<Transcriber> LoadAsync(TranscriberOptions? options = null) => Transcriber.LoadAsync(
        TestData.Require("models/whisper-tiny.en"),
        (options ?? new TranscriberOptions()) with { SpeechDetectorFile = Path.Combine(TestModels.InBox(BundledModels.SileroVad), "silero_vad_16k.safetensors") },
        cancellationToken: TestContext.Current.CancellationToken);

    [Fact]
    public async Task A_file_becomes_segments()
    {
        using var transcriber = await LoadAsync();
        var text = "";
        await foreach (var segment in transcriber.TranscribeAsync(TestData.Require("audio/jfk.wav"), cancellationToken: TestContext.Current.CancellationToken)) text += segment.Text;
        Assert.StartsWith(Words(Jfk), Words(text), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(WeightFormat.F32)]
    [InlineData(WeightFormat.BF16)]
    [InlineData(WeightFormat.Int8)]
    public async Task Every_weight_format_hears_the_same_words(WeightFormat format)
    {
        using var transcriber = await LoadAsync(new TranscriberOptions { Weights = format });
        var text = "";
        await foreach (var segment in transcriber.TranscribeAsync(TestData.Require("audio/jfk.wav"), cancellationToken: TestContext.Current.CancellationToken)) text += segment.Text;
        Assert.StartsWith(Words(Jfk), Words(text), StringComparison.Ordinal);
    }

    // The draft is the same model in int4: it guesses well, but not always right.
    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("librispeech-train-clean-2136-5140-0000.wav")]
    public async Task A_draft_changes_no_token(string clip)
    {
        var options = new TranscriptionOptions { BeamSize = 1, Temperatures = [0], ConditionOnPreviousText = false };
        using var alone = await LoadAsync(new TranscriberOptions { Weights = WeightFormat.F32 });
        using var temporary = new Earshot.Checkpoints.TemporaryFolder();
        var draft = Path.Combine(temporary.Path, "draft");
        Earshot.Checkpoints.CheckpointQuantizer.Run(TestData.Require("models/whisper-tiny.en"), draft, new() { Format = WeightFormat.Int4Group32 });
        using var drafted = await LoadAsync(new TranscriberOptions { Weights = WeightFormat.F32, Draft = draft });
        var expected = await TokensAsync(alone, clip, options);
        Assert.NotEmpty(expected);
        Assert.Equal(expected, await TokensAsync(drafted, clip, options));
    }

    static async Task<List<int>> TokensAsync(Transcriber transcriber, string clip, TranscriptionOptions options)
    {
        var tokens = new List<int>();
        await foreach (var segment in transcriber.TranscribeAsync(TestData.Require($"audio/{clip}"), options)) tokens.AddRange(segment.Tokens);
        return tokens;
    }

    [Theory]
    [InlineData("silence")]
    [InlineData("noise")]
    [InlineData("hum")]
    [InlineData("tones")]
    public async Task No_speech_in_no_words_out(string kind)
    {
        using var transcriber = await LoadAsync();
        var source = new MemorySamples(NonSpeech(kind, seconds: 20));
        var segments = new List<Segment>();
        await foreach (var segment in transcriber.TranscribeAsync(source, new TranscriptionOptions { Vad = new VadOptions() }, cancellationToken: TestContext.Current.CancellationToken)) segments.Add(segment);
        Assert.Empty(segments);
    }

    [Fact]
    public async Task Batched_and_sequential_hear_the_same_speech()
    {
        using var transcriber = await LoadAsync();
        var samples = AudioFile.Load(TestData.Require("audio/jfk.wav"));
        var twice = new float[samples.Length * 2 + 16000 * 3];
        samples.CopyTo(twice, 0);
        samples.CopyTo(twice, samples.Length + 16000 * 3);
        var batched = "";
        await foreach (var segment in transcriber.TranscribeAsync(new MemorySamples(twice), new TranscriptionOptions { BatchSize = 4 }, cancellationToken: TestContext.Current.CancellationToken)) batched += segment.Text;
        Assert.Equal(2, Words(batched).Split("fellow americans").Length - 1);
    }

    [Fact]
    public async Task It_serves_as_the_dotnet_abstraction()
    {
        using var transcriber = await LoadAsync();
        using var client = transcriber.AsSpeechToTextClient();
        using var stream = File.OpenRead(TestData.Require("audio/jfk.wav"));
        var response = await client.GetTextAsync(stream, new SpeechToTextOptions { SpeechLanguage = "en-US" }, TestContext.Current.CancellationToken);
        Assert.StartsWith(Words(Jfk), Words(response.Text), StringComparison.Ordinal);
        Assert.Equal(11, response.EndTime!.Value.TotalSeconds, 0.1);
        Assert.True(stream.CanRead);
        Assert.IsType<Transcript>(response.RawRepresentation);
        Assert.Equal("earshot", client.GetService<SpeechToTextClientMetadata>()!.ProviderName);
        Assert.Same(transcriber, client.GetService<Transcriber>());
        Assert.Same(client, client.GetService<ISpeechToTextClient>());
        Assert.Null(client.GetService<string>());
        Assert.Null(client.GetService(typeof(Transcriber), "key"));
    }

    [Fact]
    public async Task It_serves_behind_the_builder_and_in_dependency_injection()
    {
        using var transcriber = await LoadAsync();
        var asked = new List<string?>();
        var services = new ServiceCollection();
        services.AddSpeechToTextClient(transcriber.AsSpeechToTextClient()).ConfigureOptions(options => asked.Add(options.SpeechLanguage));
        await using var provider = services.BuildServiceProvider();
        var client = provider.GetRequiredService<ISpeechToTextClient>();
        using var stream = File.OpenRead(TestData.Require("audio/jfk.wav"));
        var response = await client.GetTextAsync(stream, new SpeechToTextOptions { SpeechLanguage = "en" }, TestContext.Current.CancellationToken);
        Assert.StartsWith(Words(Jfk), Words(response.Text), StringComparison.Ordinal);
        Assert.Equal(["en"], asked);
        Assert.Same(transcriber, client.GetService<Transcriber>());
    }

    [Fact]
    public async Task Streaming_updates_open_tell_and_close()
    {
        using var transcriber = await LoadAsync();
        using var client = transcriber.AsSpeechToTextClient();
        using var stream = File.OpenRead(TestData.Require("audio/jfk.wav"));
        var updates = new List<SpeechToTextResponseUpdate>();
        await foreach (var update in client.GetStreamingTextAsync(stream, cancellationToken: TestContext.Current.CancellationToken)) updates.Add(update);
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionOpen, updates[0].Kind);
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionClose, updates[^1].Kind);
        Assert.All(updates[1..^1], update => Assert.Equal(SpeechToTextResponseUpdateKind.TextUpdated, update.Kind));
        Assert.All(updates, update => Assert.Equal(updates[0].ResponseId, update.ResponseId));
        Assert.StartsWith(Words(Jfk), Words(updates.ToSpeechToTextResponse().Text), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_model_cannot_do_is_refused()
    {
        using var transcriber = await LoadAsync();
        using var client = transcriber.AsSpeechToTextClient();
        using var stream = File.OpenRead(TestData.Require("audio/jfk.wav"));
        await Assert.ThrowsAsync<ModelException>(() => client.GetTextAsync(stream, new SpeechToTextOptions { SpeechLanguage = "de", TextLanguage = "en" }, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ModelException>(() => client.GetTextAsync(stream, new SpeechToTextOptions { ModelId = "another" }, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ModelException>(() => transcriber.DetectLanguageAsync(TestData.Require("audio/jfk.wav"), TestContext.Current.CancellationToken));
    }

    static string Words(string text) =>
        string.Join(' ', new string([.. text.ToLowerInvariant().Select(c => char.IsLetter(c) ? c : ' ')]).Split(' ', StringSplitOptions.RemoveEmptyEntries));

    static float[] NonSpeech(string kind, int seconds)
    {
        var random = new Random(5);
        var samples = new float[seconds * 16000];
        for (int i = 0; i < samples.Length; i++)
        {
            double t = i / 16000.0;
            samples[i] = kind switch
            {
                "noise" => (random.NextSingle() - 0.5f) * 0.2f,
                "hum" => (float)(0.2 * Math.Sin(2 * Math.PI * 50 * t) + 0.05 * Math.Sin(2 * Math.PI * 150 * t)),
                "tones" => (float)(0.2 * Math.Sin(2 * Math.PI * 220 * Math.Pow(2, Math.Floor(t * 2) % 12 / 12) * t) * Math.Exp(-(t * 2 % 1) * 3)),
                _ => 0,
            };
        }
        return samples;
    }
}
