using System.Text.Json;
using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tests.Speakers;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>Smart Turn with its real weights, beside the reference outputs in goldens/smart-turn.</summary>
public sealed class EndOfTurnDetectorTests
{
    static readonly string s_folder = TestModels.InBox(BundledModels.SmartTurn);

    static readonly Lazy<Case[]> s_cases = new(ReadCases);

    [Fact]
    public void Features_match_the_reference()
    {
        var settings = (LogMelSettings)ModelFamilies.Open(s_folder).Features!;
        Assert.True(settings.EndAligned);
        foreach (var golden in s_cases.Value) CheckFeatures(golden, settings.CreateExtractor());
    }

    [Fact]
    public async Task Probabilities_match_the_reference()
    {
        // Eighteen of the cases here: every fifth and the seven without a right answer; all of them in the long run.
        await CheckAsync(s_cases.Value.Where((golden, i) => i % 4 == 0 || golden.IsOther));
    }

    [Fact(Explicit = true), Trait("Run", "Long")]
    public async Task All_probabilities_match_the_reference() => await CheckAsync(s_cases.Value);

    [Fact]
    public async Task Saved_weights_decide_as_float32_does()
    {
        using var detector = EndOfTurnDetector.OpenBundled();
        foreach (var golden in s_cases.Value.Where((_, i) => i % 6 == 1))
        {
            float actual = await detector.ProbabilityAsync(golden.Samples, TestContext.Current.CancellationToken);
            // Where rows of activations are rounded to int8; elsewhere far nearer.
            Assert.Equal(golden.Probability, actual, 0.1);
            if (golden.Probability is < 0.4f or > 0.6f) Assert.Equal(golden.Probability > 0.5f, actual > detector.Threshold);
        }
    }

    [Fact]
    public void The_classifier_s_stages_match_the_reference()
    {
        using var stages = new Stages();
        Scope pool = stages.Root / "pool_attention", w = stages.Root / "classifier";
        var weighted = stages.Encoded.Linear(pool / 0, 256, Activation.Tanh).Linear(pool / 2, 1).Transpose(0, 2, 1).Softmax();
        Recordings.Near(Recordings.Golden("smart-turn/pool_weights.npy"), CpuBackend.Read(weighted), 1e-4, "weights of positions");
        var pooled = weighted.MatMul(stages.Encoded);
        Recordings.Near(Recordings.Golden("smart-turn/pooled.npy"), CpuBackend.Read(pooled), 1e-3, "mean");
        var hidden = pooled.Linear(w / 0, 256).LayerNorm(w / 1).Activate(Activation.Gelu);
        Recordings.Near(Recordings.Golden("smart-turn/hidden1.npy"), CpuBackend.Read(hidden), 1e-3, "first layer");
        Recordings.Near(
            Recordings.Golden("smart-turn/hidden2.npy"), CpuBackend.Read(hidden.Linear(w / 4, 64, Activation.Gelu)), 1e-3, "second layer");
    }

    [Fact]
    public void The_encoder_s_stages_match_the_reference()
    {
        using var stages = new Stages();
        Recordings.Near(Recordings.Transposed(Recordings.Golden("smart-turn/log_mel.npy"), 800), stages.Features, 1e-4, "log-mel");
        Recordings.Near(Recordings.Golden("smart-turn/encoder.npy"), CpuBackend.Read(stages.Encoded), 1e-3, "encoder");
    }

    [Fact]
    public async Task Only_the_last_eight_seconds_count_and_nothing_else_that_is_asked()
    {
        using var detector = EndOfTurnDetector.OpenBundled();
        var samples = s_cases.Value.First(golden => golden.Samples.Length > detector.WindowSamples).Samples;
        float[] longer = [.. new float[5000], .. samples];
        var questions = new[] { samples, longer, samples[..30_000], samples }
            .Select(sound => Task.Run(async () => await detector.ProbabilityAsync(sound)));
        var answers = await Task.WhenAll(questions);
        Assert.Equal(answers[0], answers[1]);
        Assert.Equal(answers[0], answers[3]);
        Assert.NotEqual(answers[0], answers[2]);
        Assert.Equal(128_000, detector.WindowSamples);
        Assert.Equal(0.5f, detector.Threshold);
    }

    [Fact]
    public async Task A_question_may_be_empty_or_cancelled()
    {
        using var detector = EndOfTurnDetector.OpenBundled();
        Assert.InRange(await detector.ProbabilityAsync(default, TestContext.Current.CancellationToken), 0.2f, 0.6f);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await detector.ProbabilityAsync(new float[16_000], new CancellationToken(true)));
    }

    [Fact]
    public void Another_model_is_refused() => Assert.Contains(
        "expected smart_turn",
        Assert.Throws<ModelException>(() => EndOfTurnDetector.Open(TestModels.InBox(BundledModels.SpeakerSegmentation))).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("config.json", "\"d_model\": 384", "\"d_model\": 385", "encoder_attention_heads")]
    [InlineData("config.json", "\"activation_function\": \"gelu\"", "\"activation_function\": \"relu\"", "activation_function")]
    [InlineData("config.json", "\"threshold\": 0.5", "\"threshold\": 2", "threshold")]
    [InlineData("config.json", "\"SmartTurnV3\"", "\"SmartTurnV9\"", "architectures")]
    [InlineData("config.json", "\"classifier_sizes\": [", "\"classifier_sizes\": [ 3,", "two sizes")]
    [InlineData("config.json", "\"max_source_positions\": 400", "\"max_source_positions\": 300", "nb_max_frames")]
    [InlineData("preprocessor_config.json", "\"padding_side\": \"left\"", "\"padding_side\": \"right\"", "padding_side")]
    [InlineData("preprocessor_config.json", "\"do_normalize\": true", "\"do_normalize\": false", "do_normalize")]
    public void Settings_that_are_not_implemented_are_refused(string file, string old, string changed, string key)
    {
        using var folder = new TemporaryFolder();
        foreach (var name in new[] { "config.json", "preprocessor_config.json" })
        {
            var text = File.ReadAllText(Path.Combine(s_folder, name));
            if (name == file) Assert.Contains(old, text, StringComparison.Ordinal);
            folder.Write(name, name == file ? text.Replace(old, changed, StringComparison.Ordinal) : text);
        }
        Assert.Contains(
            key, Assert.Throws<CheckpointException>(() => ModelFamilies.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    static async Task CheckAsync(IEnumerable<Case> cases)
    {
        using var device = new CpuDevice();
        using var detector = EndOfTurnDetector.OpenBundled(device);
        double worst = 0;
        foreach (var golden in cases)
        {
            float actual = await detector.ProbabilityAsync(golden.Samples, TestContext.Current.CancellationToken);
            worst = Math.Max(worst, Math.Abs(golden.Probability - actual));
            Assert.True(Math.Abs(golden.Probability - actual) <= 1e-4, $"{golden.Name}: expected {golden.Probability}, got {actual}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"largest error {worst:g3}");
    }

    static void CheckFeatures(Case golden, FeatureExtractor extractor)
    {
        var features = new float[800 * 80];
        var samples = golden.Samples;
        extractor.Compute(samples.AsSpan(Math.Max(0, samples.Length - 128_000)), features, 800);
        var statistics = golden.LogMel;
        Assert.Equal(statistics.GetProperty("mean").GetSingle(), features.Average(), 1e-4);
        Assert.Equal(statistics.GetProperty("min").GetSingle(), features.Min(), 1e-4);
        Assert.Equal(statistics.GetProperty("max").GetSingle(), features.Max(), 1e-4);
        foreach (var at in statistics.GetProperty("at").EnumerateArray())
            Assert.Equal(at[2].GetSingle(), features[(at[1].GetInt32() * 80) + at[0].GetInt32()], 1e-4);
    }

    static Case[] ReadCases()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/smart-turn/cases.json")));
        return [.. json.RootElement.GetProperty("cases").EnumerateArray().Select(golden => new Case(golden.Clone()))];
    }

    /// <summary>The reference's recording, encoded in float32.</summary>
    sealed class Stages : IDisposable
    {
        readonly ModelWeights _weights = new ModelFolder(s_folder).OpenWeights();
        readonly CpuDevice _device = new();
        readonly CpuBackend _backend;

        public Stages()
        {
            var model = ModelFamilies.Open(s_folder);
            var golden = s_cases.Value.Single(known => known.Name == "kathleen-arctic_a0023 whole");
            model.Features!.CreateExtractor().Compute(golden.Samples, Features, 800);
            _backend = new CpuBackend(_device);
            Root = new Scope(_weights);
            Encoded = model.Parts.Encoder!.Encode(_backend.Input(Features, new Shape(1, 800, 80)), Root);
        }

        public float[] Features { get; } = new float[800 * 80];

        public Scope Root { get; }

        public Tensor Encoded { get; }

        public void Dispose()
        {
            _device.Unload(Root);
            _backend.Dispose();
            _device.Dispose();
            _weights.Dispose();
        }
    }

    sealed class Case(JsonElement json)
    {
        readonly Lazy<float[]> _samples = new(() => ReadSamples(json));

        public string Name => json.GetProperty("name").GetString()!;

        public bool IsOther => json.GetProperty("complete").ValueKind == JsonValueKind.Null;

        public float Probability => json.GetProperty("p").GetSingle();

        public JsonElement LogMel => json.GetProperty("log_mel");

        public float[] Samples => _samples.Value;

        static float[] ReadSamples(JsonElement json)
        {
            var file = json.GetProperty("file").GetString()!;
            int start = json.GetProperty("start").GetInt32(), end = json.GetProperty("end").GetInt32();
            var whole = file switch
            {
                "silence" => new float[end],
                "noise" => Noise(end),
                _ => AllSamples(file),
            };
            return [.. whole[start..end], .. new float[json.GetProperty("appended_zeros").GetInt32()]];
        }

        // The goldens' own rule.
        static float[] Noise(int count)
        {
            var noise = new float[count];
            uint state = 1;
            for (int i = 0; i < count; i++)
            {
                state = unchecked((1664525 * state) + 1013904223);
                noise[i] = ((int)(state >> 22) - 512) / 32768f;
            }
            return noise;
        }

        static float[] AllSamples(string file)
        {
            using var stream = SampleStream.Open(TestRecordings.Path(file), new AudioReadOptions());
            var (samples, block) = (new List<float>(), new float[16_000]);
            for (int read; (read = stream.Read(block)) > 0;) samples.AddRange(block.AsSpan(0, read));
            return [.. samples];
        }
    }
}
