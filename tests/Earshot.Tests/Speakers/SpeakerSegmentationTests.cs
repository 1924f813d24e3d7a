using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Models;
using Earshot.Speakers;

namespace Earshot.Tests.Speakers;

public sealed class SpeakerSegmentationTests
{
    static readonly string s_folder = TestModels.InBox(BundledModels.SpeakerSegmentation);

    [Fact]
    public void Sinc_filters_match_the_reference()
    {
        using var checkpoint = SafetensorsCheckpoint.Open(s_folder);
        var filters = PyannoteSegmentationModel.Prepare(
            checkpoint, PyannoteSegmentationConfig.Load(s_folder)).Find("sincnet.conv1d.0.filterbank.weight")!;
        Assert.Equal(new Shape(80, 1, 251), filters.Shape);
        var golden = NpyFile.Read(Path.Combine(TestData.RepositoryRoot, "tests/goldens/pyannote-sinc-filters.npy")).Values;
        Recordings.Near(golden, filters.ToFloats(), 1e-5, "filters");
    }

    [Theory]
    [InlineData(InstructionSet.Portable)]
    [InlineData(InstructionSet.Amx)]
    public void Log_probabilities_match_plain_double_precision(InstructionSet set)
    {
        var samples = Recordings.Jfk(20_000, 40_000);
        using var checkpoint = SafetensorsCheckpoint.Open(s_folder);
        float[] expected = [.. new PlainSegmentation(checkpoint).Run(samples).SelectMany(row => row).Select(value => (float)value)];
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        using var segmentation = SpeakerSegmentation.Open(s_folder, device);
        Recordings.Near(expected, Segment(segmentation, samples, 1), 2e-4, "log-probabilities");
    }

    [Fact]
    public void The_model_in_the_box_hears_one_speaker_in_the_sample()
    {
        using var device = new CpuDevice();
        using var segmentation = SpeakerSegmentation.OpenBundled(device);
        var samples = Recordings.Jfk(0, segmentation.WindowSamples);
        var active = new byte[589 * 3];
        segmentation.Powerset.Decode(Segment(segmentation, samples, 1), active);
        int[] frames =
        [
            .. Enumerable.Range(0, 3).Select(speaker => Enumerable.Range(0, 589).Count(f => active[f * 3 + speaker] == 1)).Order()
        ];
        Assert.True(frames[2] > 300 && frames[0] + frames[1] < 30, string.Join(", ", frames));
    }

    [Fact]
    public void Stages_match_the_reference()
    {
        float[] samples = [.. Recordings.Golden("pyannote-segmentation/chunk.npy").Select(sample => sample / 32768)];
        using var device = new CpuDevice();
        using var backend = new CpuBackend(device);
        using var checkpoint = SafetensorsCheckpoint.Open(s_folder);
        var config = PyannoteSegmentationConfig.Load(s_folder);
        var w = new Scope(PyannoteSegmentationModel.Prepare(checkpoint, config));
        var input = backend.Input(samples, new Shape(1, samples.Length, 1));
        // With the reference's own filters, which it computes in float32: faint channels are normalised to the size of the others, and
        // 3e-6 of a filter become 2e-3 there.
        var filters = Recordings.Golden("pyannote-segmentation/filters.npy");
        var filtered = PyannoteSegmentationModel.Filter(
            input, new Scope(new TamperedStore(PyannoteSegmentationModel.Prepare(checkpoint, config))
                .With("sincnet.conv1d.0.filterbank.weight", new Shape(80, 1, 251), filters)), config);
        Assert.Equal(new Shape(1, 5325, 80), filtered.Shape);
        Recordings.Near(
            Recordings.Golden("pyannote-segmentation/stage0_first400.npy"),
            Recordings.Transposed(CpuBackend.Read(filtered)[..(400 * 80)], 80), 1e-3, "stage 0");
        var frames = PyannoteSegmentationModel.Encode(input, w, config);
        Recordings.Near(
            Recordings.Golden("pyannote-segmentation/sincnet.npy"), Recordings.Transposed(CpuBackend.Read(frames), 60), 1e-3, "sincnet");
        var first = frames.Lstm(w / "lstm", 0, config.LstmHiddenSize, bidirectional: true);
        Recordings.Near(
            Recordings.Golden("pyannote-segmentation/lstm_layer0_first50.npy"), CpuBackend.Read(first)[..(50 * 256)], 1e-3,
            "first LSTM layer");
        var remembered = PyannoteSegmentationModel.Remember(frames, w, config);
        Recordings.Near(Recordings.Golden("pyannote-segmentation/lstm.npy"), CpuBackend.Read(remembered), 1e-3, "LSTM");
        var decided = CpuBackend.Read(PyannoteSegmentationModel.Decide(remembered, w, config, 7)).ToArray();
        Recordings.Near(Recordings.Golden("pyannote-segmentation/log_probs.npy"), decided, 2e-3, "log-probabilities");
        device.Unload(w);
        CheckDecisions(Recordings.Golden("pyannote-segmentation/multilabel.npy"), decided);
    }

    [Theory]
    [InlineData("full30-step5", 80_000, 5)]
    [InlineData("short3.1", 16_000, 1)]
    [InlineData("full30-step1", 16_000, 21)]
    public void Decisions_of_windows_over_a_recording_match_the_reference(string name, int step, int count)
    {
        var golden = Recordings.Golden($"pyannote-segmentation/{name}.multilabel.npy");
        var samples = Recordings.Read("two-speakers.wav").AsSpan(0, name == "short3.1" ? 49_600 : 480_000);
        var windows = new float[count * 160_000];
        for (int w = 0; w < count; w++)
            samples[(w * step)..Math.Min(samples.Length, w * step + 160_000)].CopyTo(windows.AsSpan(w * 160_000));
        using var device = new CpuDevice();
        using var segmentation = SpeakerSegmentation.OpenBundled(device);
        CheckDecisions(golden, Segment(segmentation, windows, count));
    }

    [Fact]
    public async Task A_window_gets_the_same_bits_in_any_batch_and_on_any_number_of_threads()
    {
        const int length = 24_000, count = 7;
        var windows = Recordings.Jfk(0, count * length);
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var single = new CpuDevice(new CpuOptions { Threads = 1 });
        using var segmentation = SpeakerSegmentation.OpenBundled(device);
        using var other = SpeakerSegmentation.OpenBundled(single);
        var together = Segment(segmentation, windows, count);
        int each = together.Length / count;
        foreach (int w in (int[])[0, 3, 6])
        {
            Assert.Equal(together.AsSpan(w * each, each).ToArray(), Segment(segmentation, windows.AsSpan(w * length, length).ToArray(), 1));
        }
        var results = new float[together.Length];
        await other.SegmentAsync(windows, count, results, TestContext.Current.CancellationToken);
        Assert.Equal(together, results);
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        using var device = new CpuDevice();
        using var segmentation = SpeakerSegmentation.OpenBundled(device);
        Assert.Contains(
            "991", Assert.Throws<ArgumentException>(() => segmentation.Segment(new float[990], 1, [])).Message, StringComparison.Ordinal);
        Assert.Contains(
            "expected 14", Assert.Throws<ArgumentException>(() => segmentation.Segment(new float[2 * 991], 2, new float[13])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => segmentation.Segment(new float[2000], 3, new float[21]));
        segmentation.Segment([], 0, []);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => segmentation.SegmentAsync(new float[991], 1, new float[7], new CancellationToken(true)));
    }

    [Fact]
    public void Frames_have_the_reference_s_count_and_times()
    {
        var config = PyannoteSegmentationConfig.Load(s_folder);
        foreach (var (samples, frames) in new[]
        {
            (990, 0),
            (991, 1),
            (1260, 1),
            (1261, 2),
            (1531, 3),
            (16000, 56),
            (49600, 181),
            (80000, 293),
            (160000, 589),
            (480000, 1775),
        })
        {
            Assert.Equal(frames, config.Frames(samples));
        }
        Assert.Equal((991, 270), (config.FrameSamples, config.StepSamples));
        using var device = new CpuDevice();
        using var segmentation = SpeakerSegmentation.OpenBundled(device);
        Assert.Equal((0.0619375, 0.016875), (segmentation.FrameDuration.TotalSeconds, segmentation.FrameStep.TotalSeconds));
    }

    [Fact]
    public void Every_tensor_of_the_checkpoint_is_used()
    {
        TamperedStore.AssertAllTouched(s_folder, Run);
    }

    [Theory]
    [InlineData("sincnet.conv1d.0.filterbank.low_hz_")]
    [InlineData("sincnet.norm1d.1.bias")]
    [InlineData("lstm.weight_hh_l2_reverse")]
    [InlineData("classifier.weight")]
    public void A_missing_or_misshapen_tensor_is_named(string name)
    {
        TamperedStore.AssertNamed(s_folder, name, Run);
    }

    [Fact]
    public void Filters_of_another_kind_are_refused()
    {
        using var checkpoint = SafetensorsCheckpoint.Open(s_folder);
        const string name = "sincnet.conv1d.0.filterbank.window_";
        var hann = Enumerable.Range(0, 125).Select(i => (float)(0.5 - 0.5 * Math.Cos(2 * Math.PI * i / 250))).ToArray();
        Assert.Contains(
            $"'{name}'", Assert.Throws<CheckpointException>(
                () => Run(new TamperedStore(checkpoint).With(name, new Shape(125), hann))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"PyanNet\"", "\"SSeRiouSS\"", "architecture")]
    [InlineData("\"sample_rate\": 16000", "\"sample_rate\": 8000", "sample_rate")]
    [InlineData("\"conv_stride\": 1", "\"conv_stride\": 2", "sincnet.conv_stride")]
    [InlineData("\"pool_stride\": 3", "\"pool_stride\": 2", "sincnet.pool_stride")]
    [InlineData("\"kernel_size\": 251", "\"kernel_size\": 250", "sincnet.kernel_size")]
    [InlineData("\"bidirectional\": true", "\"bidirectional\": false", "lstm.bidirectional")]
    [InlineData("\"input_size\": 60", "\"input_size\": 61", "lstm.input_size")]
    [InlineData("mono_label_classification", "multi_label_classification", "specifications.problem")]
    [InlineData("\"powerset_max_classes\": 2", "\"powerset_max_classes\": 4", "specifications")]
    [InlineData("\"powerset_max_classes\": 2", "\"powerset_max_classes\": 3", "powerset")]
    [InlineData("\"num_filters\": 80", "\"num_filters\": -80", "sincnet.num_filters")]
    public void Settings_are_obeyed_or_refused_by_name(string setting, string other, string key)
    {
        var text = File.ReadAllText(Path.Combine(s_folder, "config.json"));
        Assert.Contains(setting, text, StringComparison.Ordinal);
        var folder = Directory.CreateTempSubdirectory("earshot-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), text.Replace(setting, other, StringComparison.Ordinal));
            Assert.Contains(
                $"'{key}'", Assert.Throws<CheckpointException>(() => PyannoteSegmentationConfig.Load(folder)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Classes_are_sets_of_speakers()
    {
        var powerset = new Powerset(3, 2);
        Assert.Equal(["", "0", "1", "2", "01", "02", "12"], powerset.Sets.Select(set => string.Concat(set)));
        Assert.Equal(11, new Powerset(4, 2).Count);
        float[] probabilities = [0.1f, 0.3f, 0, 0.2f, 0.25f, 0.15f, 0];
        var speakers = new float[3];
        powerset.Probabilities([.. probabilities.Select(value => MathF.Log(value))], speakers);
        Recordings.Near([0.7f, 0.25f, 0.35f], speakers, 1e-6, "speakers");
        var active = new byte[6];
        powerset.Decode([0, -1, -1, -1, -1, -1, -1, -9, -9, -9, -9, -9, -1, -9], active);
        Assert.Equal([0, 0, 0, 1, 0, 1], active);
    }

    static void Run(TamperedStore store)
    {
        var config = PyannoteSegmentationConfig.Load(s_folder);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var backend = new CpuBackend(device);
        var w = new Scope(PyannoteSegmentationModel.Prepare(store, config));
        var frames = PyannoteSegmentationModel.Encode(backend.Input(new float[1261], new Shape(1, 1261, 1)), w, config);
        PyannoteSegmentationModel.Classify(frames, w, config, 7);
        device.Unload(w);
    }

    static float[] Segment(SpeakerSegmentation segmentation, float[] windows, int count)
    {
        var results = new float[count * segmentation.FrameCount(windows.Length / count) * segmentation.Powerset.Count];
        segmentation.Segment(windows, count, results);
        return results;
    }

    // Equal but where the two best classes are within 0.01, as the reference's own float32 decides by chance there.
    static void CheckDecisions(float[] golden, float[] logProbabilities)
    {
        var active = new byte[golden.Length];
        new Powerset(3, 2).Decode(logProbabilities, active);
        int close = 0;
        for (int f = 0; f < golden.Length / 3; f++)
        {
            float[] best = [.. logProbabilities.AsSpan(f * 7, 7).ToArray().OrderDescending().Take(2)];
            bool equal = Enumerable.Range(0, 3).All(speaker => golden[f * 3 + speaker] == active[f * 3 + speaker]);
            if (best[0] - best[1] < 0.01f) close++;
            else Assert.True(equal, $"frame {f} is decided otherwise, by {best[0] - best[1]}");
        }
        Assert.True(close < golden.Length / 3 / 100 + 3, $"{close} frames are close");
    }
}
