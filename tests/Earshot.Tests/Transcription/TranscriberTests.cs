using Earshot.Audio;
using Earshot.Compute.Quantization;
using Earshot.Tests.Models;
using Earshot.Transcription;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using TranscriptionOptions = Earshot.Transcription.TranscriptionOptions;

namespace Earshot.Tests.Transcription;

/// <summary>The whole way, from a file to text, with the model in the box.</summary>
public class TranscriberTests
{
    const string Jfk = "And so, my fellow Americans, ask not what your country can do for you";

    static readonly TranscriptionOptions s_greedy = new() { Decoding = new() { BeamSize = 1 }, Fallback = new() { Temperatures = [0] } };

    [Fact]
    public async Task A_file_becomes_segments()
    {
        var transcriber = await WhisperBase.ShippedAsync();
        Assert.StartsWith(
            Words(Jfk), Words(await TextAsync(transcriber, TestRecordings.Jfk, new TranscriptionOptions())), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    [InlineData("int8")]
    public async Task Every_weight_format_hears_the_same_words(string name)
    {
        var format = WeightFormat.Parse(name);
        using var transcriber = await WhisperBase.LoadAsync(new TranscriberOptions { Weights = format });
        Assert.StartsWith(Words(Jfk), Words(await TextAsync(transcriber, TestRecordings.Jfk, s_greedy)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kerstin-de_rhasspy-0773.flac", "de", "Auch den bei der Kopfjagd")]
    [InlineData("nathalie-nl_rhasspy_1151.flac", "nl", "Ja, vind je het gek")]
    public async Task Languages_are_heard_and_written(string clip, string language, string begins)
    {
        var transcriber = await WhisperBase.ShippedAsync();
        var detection = await transcriber.DetectLanguageAsync(TestRecordings.Path(clip));
        Assert.Equal(language, detection.Language);
        double expected = WhisperGoldens.Clip("languages.json", "kerstin-de_rhasspy-0773.flac").GetProperty("up_to_30s")
            .GetProperty("p_best").GetDouble();
        if (language == "de") Assert.Equal(expected, detection.Probability, 0.01);
        Assert.StartsWith(
            Words(begins), Words(await TextAsync(transcriber, TestRecordings.Path(clip), s_greedy)), StringComparison.Ordinal);
    }

    // A draft of other weights guesses well, but not always right.
    [Fact]
    public async Task A_draft_changes_no_token()
    {
        var options = s_greedy with { ConditionOnPreviousText = false };
        using var alone = await WhisperBase.LoadAsync(new TranscriberOptions { Weights = WeightFormat.F32 });
        using var drafted = await WhisperBase.LoadAsync(
            new TranscriberOptions { Weights = WeightFormat.F32, Draft = TestModels.WhisperBase });
        foreach (var clip in (string[])["jfk.wav", "kerstin-de_rhasspy-0773.flac"])
        {
            var expected = await TokensAsync(alone, clip, options);
            Assert.NotEmpty(expected);
            Assert.Equal(expected, await TokensAsync(drafted, clip, options));
        }
    }

    static async Task<List<int>> TokensAsync(Transcriber transcriber, string clip, TranscriptionOptions options)
    {
        var tokens = new List<int>();
        await foreach (var segment in transcriber.TranscribeAsync(TestRecordings.Path(clip), options)) tokens.AddRange(segment.Tokens);
        return tokens;
    }

    [Theory]
    [InlineData("silence")]
    [InlineData("noise")]
    [InlineData("hum")]
    [InlineData("tones")]
    public async Task No_speech_in_no_words_out(string kind)
    {
        var transcriber = await WhisperBase.ShippedAsync();
        var source = new MemorySamples(NonSpeech(kind, seconds: 20));
        var segments = new List<Segment>();
        await foreach (var segment in transcriber.TranscribeAsync(
            source, s_greedy with { Vad = new VadOptions() }, cancellationToken: TestContext.Current.CancellationToken))
        {
            segments.Add(segment);
        }
        Assert.Empty(segments);
    }

    [Fact]
    public async Task Batched_and_sequential_hear_the_same_speech()
    {
        var transcriber = await WhisperBase.ShippedAsync();
        var samples = AudioFile.Load(TestRecordings.Jfk);
        var twice = new float[samples.Length * 2 + 16000 * 3];
        samples.CopyTo(twice, 0);
        samples.CopyTo(twice, samples.Length + 16000 * 3);
        var batched = "";
        await foreach (var segment in transcriber.TranscribeAsync(
            new MemorySamples(twice), s_greedy with { BatchSize = 4 }, cancellationToken: TestContext.Current.CancellationToken))
        {
            batched += segment.Text;
        }
        Assert.Equal(2, Words(batched).Split("fellow americans").Length - 1);
    }

    [Fact]
    public async Task It_serves_as_the_dotnet_abstraction()
    {
        var transcriber = await WhisperBase.ShippedAsync();
        var client = transcriber.AsSpeechToTextClient();
        using var stream = File.OpenRead(TestRecordings.Jfk);
        var response = await client.GetTextAsync(
            stream, new SpeechToTextOptions { SpeechLanguage = "en-US" }, TestContext.Current.CancellationToken);
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
        var transcriber = await WhisperBase.ShippedAsync();
        var asked = new List<string?>();
        var services = new ServiceCollection();
        services.AddSpeechToTextClient(transcriber.AsSpeechToTextClient()).ConfigureOptions(options => asked.Add(options.SpeechLanguage));
        await using var provider = services.BuildServiceProvider();
        var client = provider.GetRequiredService<ISpeechToTextClient>();
        using var stream = File.OpenRead(TestRecordings.Jfk);
        var response = await client.GetTextAsync(
            stream, new SpeechToTextOptions { SpeechLanguage = "en" }, TestContext.Current.CancellationToken);
        Assert.StartsWith(Words(Jfk), Words(response.Text), StringComparison.Ordinal);
        Assert.Equal(["en"], asked);
        Assert.Same(transcriber, client.GetService<Transcriber>());
    }

    [Fact]
    public async Task Streaming_updates_open_tell_and_close()
    {
        var transcriber = await WhisperBase.ShippedAsync();
        var client = transcriber.AsSpeechToTextClient();
        using var stream = File.OpenRead(TestRecordings.Jfk);
        var updates = new List<SpeechToTextResponseUpdate>();
        await foreach (var update in client.GetStreamingTextAsync(stream, cancellationToken: TestContext.Current.CancellationToken))
            updates.Add(update);
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionOpen, updates[0].Kind);
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionClose, updates[^1].Kind);
        Assert.All(updates[1..^1], update => Assert.Equal(SpeechToTextResponseUpdateKind.TextUpdated, update.Kind));
        Assert.All(updates, update => Assert.Equal(updates[0].ResponseId, update.ResponseId));
        Assert.StartsWith(Words(Jfk), Words(updates.ToSpeechToTextResponse().Text), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_English_model_cannot_do_is_refused()
    {
        using var temporary = new Earshot.Checkpoints.TemporaryFolder();
        using var transcriber = await Transcriber.LoadAsync(RandomModel.WriteTo(temporary.Path));
        using var client = transcriber.AsSpeechToTextClient();
        using var stream = File.OpenRead(TestRecordings.Jfk);
        await Assert.ThrowsAsync<ModelException>(() => client.GetTextAsync(
            stream, new SpeechToTextOptions { SpeechLanguage = "de", TextLanguage = "en" }, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ModelException>(
            () => client.GetTextAsync(stream, new SpeechToTextOptions { ModelId = "another" }, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ModelException>(
            () => transcriber.DetectLanguageAsync(TestRecordings.Jfk, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Speech_of_another_language_is_translated()
    {
        var client = (await WhisperBase.ShippedAsync()).AsSpeechToTextClient();
        using var stream = File.OpenRead(TestRecordings.Path("nathalie-nl_rhasspy_1151.flac"));
        var response = await client.GetTextAsync(
            stream, new SpeechToTextOptions { SpeechLanguage = "nl", TextLanguage = "en" }, TestContext.Current.CancellationToken);
        Assert.Contains("do you think", response.Text, StringComparison.OrdinalIgnoreCase);
    }

    static async Task<string> TextAsync(Transcriber transcriber, string recording, TranscriptionOptions options)
    {
        var text = "";
        await foreach (var segment in transcriber.TranscribeAsync(
            recording, options, cancellationToken: TestContext.Current.CancellationToken))
        {
            text += segment.Text;
        }
        return text;
    }

    static string Words(string text) =>
        string.Join(' ', new string([.. text.ToLowerInvariant().Select(c => char.IsLetter(c) ? c : ' ')])
            .Split(' ', StringSplitOptions.RemoveEmptyEntries));

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
                "tones" =>
                    (float)(0.2 * Math.Sin(2 * Math.PI * 220 * Math.Pow(2, Math.Floor(t * 2) % 12 / 12) * t) * Math.Exp(-(t * 2 % 1) * 3)),
                _ => 0,
            };
        }
        return samples;
    }
}
