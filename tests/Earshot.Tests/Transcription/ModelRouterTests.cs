using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

public sealed class ModelRouterTests
{
    static readonly RoutingTable s_table = new()
    {
        Models = [new("asian") { Languages = ["zh", "ja"] }, new("english"), new("large"), new("small")],
    };

    static readonly Catalog s_catalog = new()
    {
        ["asian"] = new() { Recognizes = true },
        ["english"] = new() { Recognizes = true, Languages = ["en"], WordTimestamps = true },
        ["large"] = new()
        {
            Recognizes = true,
            Languages = ["en", "de", "zh"],
            Translates = true,
            WordTimestamps = true,
            Memory = 3_000_000_000,
        },
        ["small"] = new()
        {
            Recognizes = true,
            Languages = ["en", "de", "zh"],
            Translates = true,
            WordTimestamps = true,
            Memory = 300_000_000,
            RealTimeFactor = () => 0.1,
        },
        ["voices"] = new() { Recognizes = false },
    };

    [Theory]
    [InlineData("zh", false, false, false, "asian")]
    [InlineData("en", false, false, false, "english")]
    [InlineData("de", false, false, false, "large")]
    [InlineData(null, false, false, false, "large")] // one that tells languages apart
    [InlineData("zh", true, false, false, "large")]
    [InlineData("zh", false, true, false, "large")]
    public void The_first_that_can_is_chosen(string? language, bool translate, bool words, bool streaming, string model)
    {
        var choice = new ModelRouter(s_table, s_catalog).Choose(new RoutingRequest
        {
            Language = language,
            Task = translate ? SpeechTask.Translate : SpeechTask.Transcribe,
            WordTimestamps = words,
            Streaming = streaming,
        });
        Assert.Equal((model, language), (choice.Model, choice.Language));
        Assert.Equal(3, choice.Others.Count);
    }

    [Fact]
    public void Reasons_say_what_decided_and_why_others_did_not()
    {
        var request = new RoutingRequest { Language = "de", LanguageSource = "heard in 3 s, 0.97" };
        var choice = new ModelRouter(s_table, s_catalog).Choose(request);
        Assert.Equal(
            "large: german (heard in 3 s, 0.97); the first in the table of 2 that can " +
            "(asian is not for de; english does not know de; small stands behind it)", choice.ToString());
    }

    [Fact]
    public void Fewest_wrong_words_decide_where_they_are_known_of_all()
    {
        Dictionary<string, double> Rate(double rate) => new() { ["de"] = rate };
        var table = s_table with
        {
            Models = [new("large") { WordErrorRates = Rate(12) }, new("small") { WordErrorRates = Rate(9.5) }, new("english")],
        };
        var choice = new ModelRouter(table, s_catalog).Choose(new RoutingRequest { Language = "de" });
        Assert.Equal("small", choice.Model);
        Assert.Contains("fewest wrong words of 2 that can, 9.5 %", choice.Reason, StringComparison.Ordinal);
        Assert.Contains(new PassedOver("large", "has 12 % of words wrong"), choice.Others);
        // One that nobody measured may be better: the table's order decides.
        table = table with { Models = [new("large"), table.Models[1]] };
        Assert.Equal("large", new ModelRouter(table, s_catalog).Choose(new RoutingRequest { Language = "de" }).Model);
    }

    [Fact]
    public void Memory_and_speed_are_limits()
    {
        var choice = new ModelRouter(s_table with { MostMemory = 1_000_000_000 }, s_catalog).Choose(new RoutingRequest { Language = "de" });
        Assert.Equal("small", choice.Model);
        Assert.Contains(new PassedOver("large", "takes 3000 MB of the 1000 it may"), choice.Others);
        var slow = s_table with { MostRealTimeFactor = 0.5, Models = [new("large") { RealTimeFactor = 0.8 }, new("small")] };
        choice = new ModelRouter(slow, s_catalog).Choose(new RoutingRequest { Language = "de" });
        Assert.Equal("small", choice.Model);
        Assert.Contains(new PassedOver("large", "takes 0.8 s a second of sound of the 0.5 it may"), choice.Others);
    }

    [Fact]
    public void A_model_that_is_not_here_counts_only_where_it_may_be_downloaded()
    {
        var table = s_table with { Models = [new("absent"), new("far") { Download = true, Languages = ["de"] }, new("small")] };
        var choice = new ModelRouter(table, s_catalog).Choose(new RoutingRequest { Language = "de" });
        Assert.Equal("far", choice.Model);
        Assert.Contains(new PassedOver("absent", "is not here"), choice.Others);
        table = table with { Models = [new("far") { Download = true, Translates = false }, new("voices")] };
        var request = new RoutingRequest { Language = "de", Task = SpeechTask.Translate, WordTimestamps = true };
        var refused = Assert.Throws<ModelException>(() => new ModelRouter(table, s_catalog).Choose(request));
        Assert.Contains(
            "can translate german with times of words: far does not translate; voices recognises no speech", refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Models_of_this_machine_tell_what_they_can()
    {
        var catalog = new LocalModelCatalog();
        var whisper = catalog.Find(TestModels.WhisperBase)!;
        Assert.True(whisper is { Recognizes: true, Translates: true, WordTimestamps: true, Streaming: false });
        Assert.Contains("de", whisper.Languages);
        // 75 MB of weights; keys and values of a window and a text are 48 MB in float32.
        Assert.InRange(whisper.Memory, 90e6, 160e6);
        Assert.False(catalog.Find(TestModels.InBox(BundledModels.SmartTurn))!.Recognizes);
        Assert.Null(catalog.Find("nobody/nothing"));
        Assert.False(ModelFacts.Of(ModelFamilies.Named("large-v3-turbo")).Translates);
        Assert.Equal(["en"], ModelFacts.Of(ModelFamilies.Named("tiny.en")).Languages);
    }

    [Fact(Explicit = true), Trait("Run", "Long")]
    public void Speed_on_this_machine_is_estimated_from_its_limits() =>
        Assert.InRange(new LocalModelCatalog().Find(TestModels.WhisperBase)!.RealTimeFactor!(), 0.001, 5);

    [Fact]
    public async Task A_recording_s_language_is_heard_in_its_first_seconds_and_its_model_loaded_once()
    {
        var loaded = new List<string>();
        var table = RoutingTable.Default with { Detector = TestModels.WhisperBase, Models = [new(TestModels.WhisperBase)] };
        using var routed = new RoutedTranscriber(new ModelRouter(table), async (model, cancellationToken) =>
        {
            loaded.Add(model);
            return await Transcriber.LoadAsync(model, cancellationToken: cancellationToken);
        });
        var english = new CountedSamples("jfk.wav");
        var recording = await routed.RouteAsync(english, new TranscriptionOptions(), TestContext.Current.CancellationToken);
        Assert.Equal("en", recording.Choice.Language);
        Assert.StartsWith("english (heard in 3 s, ", recording.Choice.Reason, StringComparison.Ordinal);
        Assert.Equal(48_000, english.Count);
        var german = await routed.RouteAsync(
            new CountedSamples("kerstin-de_rhasspy-0893.flac"), new TranscriptionOptions(), TestContext.Current.CancellationToken);
        Assert.Equal("de", german.Choice.Language);
        // A language that is given is not listened for.
        var given = new CountedSamples("jfk.wav");
        await routed.RouteAsync(given, new TranscriptionOptions { Language = "nl" }, TestContext.Current.CancellationToken);
        Assert.Equal(0, given.Count);
        Assert.Equal([TestModels.WhisperBase], loaded);
    }

    [Fact]
    public void A_language_is_listened_for_again_while_it_is_not_sure()
    {
        var probe = new LanguageProbe(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(20), 0.6f, []);
        double[] asked = [3, 6, 12, 20];
        foreach (double seconds in asked)
        {
            Assert.Equal(seconds, probe.Next!.Value.TotalSeconds);
            probe.Add(probe.Next.Value, Heard(("de", 0.5f), ("nl", 0.4f)));
            Assert.Null(probe.Language);
        }
        Assert.Null(probe.Next);
        Assert.Equal(("de", "de at best, 20 s, 0.50"), (probe.Likeliest, probe.Source));

        probe = new LanguageProbe(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(20), 0.6f, []);
        probe.Add(TimeSpan.FromSeconds(3), Heard(("de", 0.5f), ("nl", 0.4f)));
        probe.Add(TimeSpan.FromSeconds(6), Heard(("de", 0.1f), ("nl", 0.8f)));
        Assert.Equal(("nl", null, "heard in 6 s, 0.80"), (probe.Language, probe.Next, probe.Source));

        probe = new LanguageProbe(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(20), 0.6f, ["nl", "fr"]);
        probe.Add(TimeSpan.FromSeconds(3), Heard(("de", 0.8f), ("nl", 0.15f), ("fr", 0.05f)));
        Assert.Equal(("nl", 0.75f), (probe.Language, probe.Probability));

        probe = new LanguageProbe(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(20), 0.6f, []);
        probe.Add(TimeSpan.FromSeconds(1.5), Heard(("de", 0.5f)), ended: true);
        Assert.Null(probe.Next);
    }

    [Fact]
    public void A_table_is_read_from_a_file()
    {
        using var folder = new TemporaryFolder();
        folder.Write("table.json", """
            {
              "format": "earshot-routing-1", "detector": "small", "first_seconds": 4, "confidence": 0.8, "among": ["western", "ja"],
              "most_memory_mb": 2000, "most_real_time_factor": 0.5,
              "groups": { "western": ["en", "german"] },
              "models": [
                {
                  "model": "my/folder", "languages": ["western"], "translates": false, "word_error_rates": { "en": 6.1 }, "memory_mb": 500
                },
                { "model": "turbo", "download": true, "streaming": false, "word_timestamps": true, "real_time_factor": 0.2 }
              ]
            }
            """);
        var table = RoutingTable.Load(Path.Combine(folder.Path, "table.json"));
        Assert.Equal(
            ("small", 4.0, 30.0, 0.8f, 2_000_000_000L, 0.5),
            (table.Detector, table.FirstListening.TotalSeconds, table.MostListening.TotalSeconds, table.Confidence, table.MostMemory!.Value,
                table.MostRealTimeFactor!.Value));
        Assert.Equal(["en", "de", "ja"], table.Among);
        Assert.Equal(["en", "de"], table.Models[0].Languages);
        var first = table.Models[0];
        Assert.Equal((false, 6.1, 500_000_000L), (first.Translates!.Value, first.WordErrorRates["en"], first.Memory!.Value));
        Assert.True(table.Models[1] is { Download: true, Streaming: false, WordTimestamps: true, Translates: null, RealTimeFactor: 0.2 });
    }

    [Theory]
    [InlineData("""{ "models": [] }""", "format")]
    [InlineData("""{ "format": "earshot-routing-1" }""", "models")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [] }""", "1 to 1000")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [7] }""", "models[0]")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [{}] }""", "models[0].model")]
    [InlineData("""{ "format": "earshot-routing-1", "modles": [], "models": [{ "model": "base" }] }""", "modles")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [{ "model": "base", "laguages": [] }] }""", "laguages")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [{ "model": "base", "languages": ["klingon"] }] }""", "klingon")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [{ "model": "base", "languages": "de" }] }""", "languages")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [{ "model": "base", "word_error_rates": { "xx": 1 } }] }""", "xx")]
    [InlineData("""{ "format": "earshot-routing-1", "models": [{ "model": "base", "memory_mb": -1 }] }""", "memory_mb")]
    [InlineData("""{ "format": "earshot-routing-1", "confidence": 2, "models": [{ "model": "base" }] }""", "confidence")]
    [InlineData("[]", "object")]
    public void A_wrong_table_is_refused_by_its_key(string json, string key) => Assert.Contains(
        key, Assert.Throws<CheckpointException>(() => RoutingTable.Parse(json, "table.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void Damaged_tables_end_in_a_message()
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(
            """{ "format": "earshot-routing-1", "groups": { "a": ["en"] }, "models": [{ "model": "base", "languages": ["a", "de"] }] }""");
        foreach (var random in FuzzRounds.Of(2000, 3))
        {
            var damaged = (byte[])bytes.Clone();
            for (int i = random.Next(1, 4); i > 0; i--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                RoutingTable.Parse(System.Text.Encoding.UTF8.GetString(damaged), "table.json");
            }
            catch (CheckpointException)
            {
            }
        }
    }

    static LanguageDetection Heard(params (string Code, float Probability)[] languages) => new(
        languages[0].Code, languages[0].Probability, languages.ToDictionary(pair => pair.Code, pair => pair.Probability));

    sealed class Catalog : Dictionary<string, ModelFacts>, IModelCatalog
    {
        public ModelFacts? Find(string model) => TryGetValue(model, out var facts) ? facts : null;
    }

    sealed class CountedSamples(string file) : ISampleSource
    {
        readonly SampleStream _stream = SampleStream.Open(TestRecordings.Path(file), new AudioReadOptions());

        public long Count { get; private set; }

        public long? TotalSamples => _stream.TotalSamples;

        public int Read(Span<float> samples)
        {
            int read = _stream.Read(samples);
            Count += read;
            return read;
        }
    }
}
