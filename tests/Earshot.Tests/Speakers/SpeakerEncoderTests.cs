using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Features;
using Earshot.Models;
using Earshot.Speakers;

namespace Earshot.Tests.Speakers;

public sealed class SpeakerEncoderTests
{
    const string First = "librispeech-test-clean-1089-134686-0001.wav";
    static readonly string s_folder = TestModels.InBox(BundledModels.SpeakerEmbedding);

    [Theory]
    [InlineData(InstructionSet.Portable)]
    [InlineData(InstructionSet.Amx)]
    public void The_model_in_the_box_gives_the_reference_s_embedding_of_the_sample(InstructionSet set)
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "tests/goldens/campplus-jfk.json")));
        float[] expected = [.. golden.RootElement.GetProperty("jfk.wav").EnumerateArray().Select(value => value.GetSingle())];
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        var samples = Recordings.Read("jfk.wav");
        Recordings.Near(expected, Raw(device, samples), 1e-3, "embedding");
        using var encoder = SpeakerEncoder.OpenBundled(device);
        var embedding = encoder.Embed(samples);
        Assert.Equal(1, embedding.Sum(value => (double)value * value), 1e-5);
        Assert.True(Recordings.Cosine(expected, embedding) > 0.99999);
        double halves = Recordings.Cosine(encoder.Embed(samples.AsSpan(0, 88_000)), encoder.Embed(samples.AsSpan(88_000, 88_000)));
        Assert.Equal(golden.RootElement.GetProperty("cosine of its halves").GetDouble(), halves, 1e-4);
    }

    [Fact]
    public void Features_match_the_reference()
    {
        var features = new KaldiFbank().Compute(Recordings.Read(First));
        Recordings.Near(Recordings.Golden("campplus/fbank_raw.npy"), features, 5e-4, "features");
        KaldiFbank.SubtractMeans(features, 80);
        Recordings.Near(Recordings.Golden("campplus/fbank_normalised.npy"), features, 5e-4, "features less means");
    }

    // The definition, in float64, with a transform of O(n²).
    [Fact]
    public void Features_match_plain_double_precision()
    {
        var samples = Recordings.Jfk(16_000, 400 + 11 * 160 + 70);
        var features = new KaldiFbank().Compute(samples);
        Assert.Equal(12 * 80, features.Length);
        for (int frame = 0; frame < 12; frame++)
        {
            double[] x = [.. samples.AsSpan(frame * 160, 400).ToArray().Select(value => (double)value)];
            double mean = x.Average();
            double[] y = [.. x.Select((value, i) =>
                (value - mean - 0.97 * (x[Math.Max(0, i - 1)] - mean)) * Math.Pow(0.5 - 0.5 * Math.Cos(2 * Math.PI * i / 399), 0.85))];
            double[] power = [.. Enumerable.Range(0, 257).Select(k =>
            {
                double re = 0, im = 0;
                for (int i = 0; i < 400; i++)
                    (re, im) = (re + y[i] * Math.Cos(2 * Math.PI * i * k / 512), im - y[i] * Math.Sin(2 * Math.PI * i * k / 512));
                return re * re + im * im;
            })];
            double Mel(double hertz) => 1127 * Math.Log(1 + hertz / 700);
            double step = (Mel(8000) - Mel(20)) / 81;
            for (int bin = 0; bin < 80; bin++)
            {
                double middle = Mel(20) + (bin + 1) * step, energy = 0;
                for (int k = 0; k < 256; k++) energy += power[k] * Math.Max(0, 1 - Math.Abs(Mel(k * 31.25) - middle) / step);
                Assert.Equal(Math.Log(Math.Max(energy, 1.1920929e-7)), features[frame * 80 + bin], 5e-4);
            }
        }
        Assert.All(new KaldiFbank().Compute(new float[800]), value => Assert.Equal(-15.9424, value, 1e-4));
        Assert.Empty(new KaldiFbank().Compute(new float[399]));
    }

    [Fact]
    public void Stages_match_the_reference()
    {
        var features = Recordings.Golden("campplus/fbank_normalised.npy");
        using var device = new CpuDevice();
        using var backend = new CpuBackend(device);
        using var checkpoint = SafetensorsCheckpoint.Open(s_folder);
        var config = CamPlusConfig.Load(s_folder);
        var w = new Scope(CamPlusModel.Prepare(checkpoint, config));
        var head = CamPlusModel.Head(backend.Input(features, new Shape(1, 326, 80)), w / "head", config);
        // The reference has (channel, mel), here it is (mel, channel).
        var ours = CpuBackend.Read(head).ToArray();
        Check("head", [.. Enumerable.Range(0, 320 * 326).Select(i => ours[i % 326 * 320 + i / 326 % 10 * 32 + i / 326 / 10])]);
        var x = CamPlusModel.First(head, w / "xvector", config);
        Check("tdnn", Recordings.Transposed(CpuBackend.Read(x), 128));
        for (int block = 0; block < 3; block++)
        {
            var parts = CamPlusModel.Dense(x, w / "xvector", config, block);
            var whole = backend.Concat([.. parts]);
            Check($"block{block + 1}", Recordings.Transposed(CpuBackend.Read(whole), whole.Shape[^1]));
            x = CamPlusModel.Transit(parts, w / "xvector", block);
            Check($"transit{block + 1}", Recordings.Transposed(CpuBackend.Read(x), x.Shape[^1]));
        }
        var statistics = CamPlusModel.Statistics(x, w / "xvector");
        Check("stats", CpuBackend.Read(statistics).ToArray());
        Recordings.Near(
            Recordings.Golden("campplus/embeddings3.npy").AsSpan(0, 192),
            CpuBackend.Read(CamPlusModel.Project(statistics, w / "xvector", config)), 1e-3, "embedding");
        device.Unload(w);

        static void Check(string stage, float[] actual)
        {
            var golden = Recordings.Golden($"campplus/{stage}.npy");
            Recordings.Near(golden, actual, 2e-3 * golden.Max(MathF.Abs), stage);
        }
    }

    [Fact]
    public async Task Embeddings_of_ten_speakers_match_the_reference()
    {
        var (expected, cosines) = (Recordings.Golden("campplus/embeddings20.npy"), Recordings.Golden("campplus/cosine20.npy"));
        using var clips = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/campplus/clips.json")));
        using var device = new CpuDevice();
        using var encoder = SpeakerEncoder.OpenBundled(device);
        var features = new List<ReadOnlyMemory<float>>();
        foreach (var clip in clips.RootElement.GetProperty("twenty").EnumerateArray())
        {
            int offset = clip.GetProperty("offset").GetInt32();
            features.Add(encoder.ComputeFeatures(
                Recordings.Read(clip.GetProperty("file").GetString()!).AsSpan(offset, clip.GetProperty("samples").GetInt32())));
        }
        var embeddings = await encoder.EmbedFeaturesAsync(features, TestContext.Current.CancellationToken);
        for (int i = 0; i < 20; i++)
        {
            Assert.True(Recordings.Cosine(expected.AsSpan(i * 192, 192), embeddings[i]) > 0.99999, $"clip {i}");
            for (int j = 0; j < 20; j++) Assert.Equal(cosines[i * 20 + j], Recordings.Cosine(embeddings[i], embeddings[j]), 1e-4);
        }
    }

    [Theory]
    [InlineData(720)]
    [InlineData(1040)]
    [InlineData(4000)]
    public void Very_short_speech_matches_the_reference(int count)
    {
        using var clips = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/campplus/clips.json")));
        var values = clips.RootElement.EnumerateObject()
            .Single(property => property.Name.StartsWith("first six values", StringComparison.Ordinal)).Value;
        float[] expected = [.. values.GetProperty($"{count}").EnumerateArray().Select(value => value.GetSingle())];
        using var device = new CpuDevice();
        Recordings.Near(expected, Raw(device, Recordings.Read(First).AsSpan(8000, count).ToArray()).AsSpan(0, 6), 2e-3, "first values");
    }

    [Fact]
    public async Task An_utterance_gets_the_same_bits_in_any_batch_and_on_any_number_of_threads()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var single = new CpuDevice(new CpuOptions { Threads = 1 });
        using var encoder = SpeakerEncoder.OpenBundled(device);
        using var other = SpeakerEncoder.OpenBundled(single);
        (int Offset, int Samples)[] pieces = [(0, 20_000), (30_000, 12_000), (50_000, 20_000), (80_000, 20_000), (100_000, 720)];
        ReadOnlyMemory<float>[] features =
        [
            .. pieces.Select(piece => (ReadOnlyMemory<float>)encoder.ComputeFeatures(Recordings.Jfk(piece.Offset, piece.Samples)))
        ];
        var together = encoder.EmbedFeatures(features);
        Assert.Equal(together, other.EmbedFeatures(features));
        for (int i = 0; i < pieces.Length; i++)
        {
            Assert.Equal(together[i], encoder.EmbedFeatures([features[i]])[0]);
            Assert.Equal(together[i], await other.EmbedAsync(
                Recordings.Jfk(pieces[i].Offset, pieces[i].Samples), TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public void A_mask_keeps_the_frames_nearest_to_its_own()
    {
        using var device = new CpuDevice();
        using var encoder = SpeakerEncoder.OpenBundled(device);
        float[] features = [.. Enumerable.Range(0, 10 * 80).Select(i => (float)(i / 80))];
        Assert.Equal(
            [0, 1, 2, 8, 9],
            encoder.SelectFrames(features, [1, 0, 0, 1]).Where((_, i) => i % 80 == 0)); // ⌊t · 4 / 10⌋ is 0 0 0 1 1 2 2 2 3 3
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        using var device = new CpuDevice();
        using var encoder = SpeakerEncoder.OpenBundled(device);
        Assert.Contains(
            "expected 3 to", Assert.Throws<ArgumentException>(() => encoder.Embed(new float[719])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => encoder.EmbedFeatures([new float[81]]));
        Assert.ThrowsAny<OperationCanceledException>(() => encoder.Embed(new float[720], new CancellationToken(true)));
        Assert.Empty(encoder.EmbedFeatures([]));
    }

    [Fact]
    public void Every_tensor_of_the_checkpoint_is_used()
    {
        TamperedStore.AssertAllTouched(s_folder, Run);
    }

    [Theory]
    [InlineData("head.conv1.weight")]
    [InlineData("head.layer2.0.shortcut.1.running_var")]
    [InlineData("xvector.block2.tdnnd7.cam_layer.linear2.weight")]
    [InlineData("xvector.block3.tdnnd16.cam_layer.linear_local.weight")]
    [InlineData("xvector.dense.nonlinear.batchnorm.running_mean")]
    public void A_missing_or_misshapen_tensor_is_named(string name)
    {
        TamperedStore.AssertNamed(s_folder, name, Run);
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    public void A_variance_that_cannot_be_is_named(float variance)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(s_folder);
        const string name = "head.bn1.running_var";
        float[] values = [.. Enumerable.Range(0, 32).Select(i => i == 9 ? variance : 1)];
        Assert.Contains(
            $"'{name}'", Assert.Throws<CheckpointException>(
                () => Run(new TamperedStore(checkpoint).With(name, new Shape(32), values))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"CAMPPlus\"", "\"ERes2Net\"", "architecture")]
    [InlineData("\"sample_rate\": 16000", "\"sample_rate\": 8000", "sample_rate")]
    [InlineData("\"window\": \"povey\"", "\"window\": \"hamming\"", "fbank.window")]
    [InlineData("\"num_mel_bins\": 80", "\"num_mel_bins\": 40", "fbank.num_mel_bins")]
    [InlineData("\"input_scale\": 1.0", "\"input_scale\": 32768.0", "fbank.input_scale")]
    [InlineData("batchnorm without affine, no relu", "batchnorm", "dense_nonlinearity")]
    [InlineData("\"dilation\": 1", "\"dilation\": 0", "blocks[0].dilation")]
    [InlineData("\"cam_reduction\": 2", "\"cam_reduction\": 3", "cam_reduction")]
    public void Settings_are_obeyed_or_refused_by_name(string setting, string other, string key)
    {
        var text = File.ReadAllText(Path.Combine(s_folder, "config.json"));
        Assert.Contains(setting, text, StringComparison.Ordinal);
        var folder = Directory.CreateTempSubdirectory("earshot-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), text.Replace(setting, other, StringComparison.Ordinal));
            Assert.Contains(
                $"'{key}'", Assert.Throws<CheckpointException>(() => CamPlusConfig.Load(folder)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static void Run(TamperedStore store)
    {
        var config = CamPlusConfig.Load(s_folder);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var backend = new CpuBackend(device);
        var w = new Scope(CamPlusModel.Prepare(store, config));
        CamPlusModel.Embed(backend.Input(new float[240], new Shape(1, 3, 80)), w, config);
        device.Unload(w);
    }

    // The embedding as the network gives it, not of unit length.
    static float[] Raw(CpuDevice device, float[] samples)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(s_folder);
        using var backend = new CpuBackend(device);
        var config = CamPlusConfig.Load(s_folder);
        var w = new Scope(CamPlusModel.Prepare(checkpoint, config));
        var features = new KaldiFbank().Compute(samples);
        KaldiFbank.SubtractMeans(features, 80);
        var embedding = CpuBackend.Read(CamPlusModel.Embed(backend.Input(features, new Shape(1, features.Length / 80, 80)), w, config))
            .ToArray();
        device.Unload(w);
        return embedding;
    }
}
