using System.Text.Json.Nodes;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Tests.Speakers;

namespace Earshot.Tests.Models;

/// <summary>HiFi-GAN against the reference's code with tiny random models: plain weights, and weights as directions and lengths.</summary>
public sealed class HifiGanTests
{
    internal static readonly HifiGanConfig Small = new()
    {
        ModelInDim = 12,
        UpsampleInitialChannel = 44,
        UpsampleRates = [4, 3],
        UpsampleKernelSizes = [8, 5],
        ResblockKernelSizes = [3, 7],
        ResblockDilationSizes = [[1, 3], [1, 5]],
    };

    public static TheoryData<string, InstructionSet> Models()
    {
        var data = new TheoryData<string, InstructionSet>();
        foreach (var set in Enum.GetValues<InstructionSet>())
        {
            data.Add("plain", set);
            data.Add("weight-norm", set);
        }
        return data;
    }

    [Theory, MemberData(nameof(Models))]
    public async Task Sound_matches_the_reference(string name, InstructionSet set)
    {
        var folder = new ModelFolder(TestData.Require($"goldens/hifigan-tiny/{name}"));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        var (spectrogram, shape) = NpyFile.Read(Path.Combine(folder.Path, "spectrogram.npy"));
        var (waveform, _) = NpyFile.Read(Path.Combine(folder.Path, "waveform.npy"));
        double tolerance = 1e-4 * waveform.Max(Math.Abs);
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        using (var backend = new CpuBackend(device))
        {
            var root = new Scope(model.Prepare(weights));
            var both = model.Parts.Voice!.Speak(backend.Input(spectrogram, new Shape(shape)), root);
            Assert.Equal(2, both.Shape[0]);
            Recordings.Near(waveform, CpuBackend.Read(both), tolerance, $"{name}, both, {set}");
            device.Unload(root);
        }
        using var runtime = new CpuModelRuntime(model.Parts, model.Prepare(weights), device);
        for (int row = 0; row < 2; row++)
        {
            int values = spectrogram.Length / 2, samples = waveform.Length / 2;
            var sound = await runtime.RequireVoice().SpeakAsync(spectrogram.AsMemory(row * values, values), shape[1]);
            Recordings.Near(waveform.AsSpan(row * samples, samples), sound, tolerance, $"{name}, {row}, {set}");
        }
    }

    [Fact]
    public async Task Both_namings_of_directions_and_lengths_give_the_same_bits()
    {
        var folder = new ModelFolder(TestData.Require("goldens/hifigan-tiny/weight-norm"));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        var (spectrogram, shape) = NpyFile.Read(Path.Combine(folder.Path, "spectrogram.npy"));
        using CpuModelRuntime old = new(model.Parts, model.Prepare(weights)),
            renamed = new(model.Parts, model.Prepare(new NewNames(weights)));
        var features = spectrogram.AsMemory(0, spectrogram.Length / 2);
        Assert.Equal(
            await old.RequireVoice().SpeakAsync(features, shape[1]), await renamed.RequireVoice().SpeakAsync(features, shape[1]));
    }

    // A frame that is not a number makes all that depends on it something else.
    [Fact]
    public void A_frames_samples_depend_on_the_frames_around_it_and_no_others()
    {
        HifiGanConfig[] configs =
        [
            Small, Small with { UpsampleKernelSizes = [4, 7] }, Small with { ResblockDilationSizes = [[1], [2, 1]] },
        ];
        foreach (var config in configs)
        {
            var voice = new HifiGanVoice(config);
            var root = new Scope(RandomTensors.For(new ModelParts { Voice = voice }));
            using var device = new CpuDevice(new CpuOptions { InstructionSet = InstructionSet.Portable, Threads = 2 });
            using var backend = new CpuBackend(device);
            int context = voice.Shape.ContextFrames!.Value, middle = context + 3, frames = 2 * middle;
            float[] features = [.. Enumerable.Range(0, frames * config.ModelInDim).Select(i => MathF.Sin(i))];
            float[] before = Speak();
            features[middle * config.ModelInDim + 5] = float.NaN;
            float[] after = Speak();
            int[] changed =
            [
                .. Enumerable.Range(0, before.Length).Where(i => !before[i].Equals(after[i])).Select(i => i / config.SamplesPerFrame)
            ];
            Assert.Equal(context, Math.Max(middle - changed[0], changed[^1] - middle));
            device.Unload(root);

            float[] Speak() =>
                CpuBackend.Read(voice.Speak(backend.Input(features, new Shape(1, frames, config.ModelInDim)), root)).ToArray();
        }
    }

    // Counted by hand from the last convolution to the first: 3 and 60 samples at 16 kHz, 60 at 4 kHz, 1 kHz and 250 Hz, 3 frames.
    [Fact]
    public void The_published_sizes_are_known()
    {
        var model = ModelFamilies.Named("speecht5_hifigan");
        var shape = model.Parts.Voice!.Shape;
        Assert.Equal((80, 16_000, 256, 24), (shape.InputSize, shape.SampleRate, shape.SamplesPerFrame, shape.ContextFrames));
        Assert.Equal(
            (22_050, 256),
            ModelFamilies.Named("fastspeech2_conformer_hifigan").Parts.Voice!.Shape is var other
                ? (other.SampleRate, other.SamplesPerFrame) : default);
        var tensors = RandomTensors.For(model.Parts, model.PrepareWeights);
        Assert.Equal(new Shape(512, 80, 7), tensors.Find("conv_pre.weight")!.Shape);
        Assert.Equal(new Shape(512, 256, 8), tensors.Find("upsampler.0.weight")!.Shape);
        Assert.Equal(new Shape(32, 32, 11), tensors.Find("resblocks.11.convs1.2.weight")!.Shape);
        Assert.Equal(new Shape(1, 32, 7), tensors.Find("conv_post.weight")!.Shape);
    }

    [Theory]
    [InlineData("architectures", """["VitsModel"]""", "SpeechT5HifiGan")]
    [InlineData("model_in_dim", "0", "an integer from 1")]
    [InlineData("sampling_rate", "\"16 kHz\"", "an integer from 1")]
    [InlineData("upsample_initial_channel", "3", "at least 4")]
    [InlineData("upsample_rates", "[4]", "as many as 'upsample_rates'")]
    [InlineData("upsample_rates", "[]", "1 to 16 integers")]
    [InlineData("upsample_rates", "[1024, 1023]", "at most 65536")]
    [InlineData("upsample_kernel_sizes", "[8, 6]", "3 or more by an even number")]
    [InlineData("upsample_kernel_sizes", "[2, 7]", "4 or more by an even number")]
    [InlineData("resblock_kernel_sizes", "[3, 4]", "odd")]
    [InlineData("resblock_dilation_sizes", "[[1, 3]]", "as many as 'resblock_kernel_sizes'")]
    [InlineData("resblock_dilation_sizes", "[[1, 3], []]", "1 to 16 a block")]
    [InlineData("resblock_dilation_sizes", "[1, 3]", "an array")]
    [InlineData("leaky_relu_slope", "1.5", "a number from 0 to 1")]
    [InlineData("normalize_before", "1", "true or false")]
    public void A_setting_that_cannot_be_obeyed_is_refused_by_name(string key, string value, string expected)
    {
        using var folder = new TemporaryFolder();
        Write(folder.Path, key, JsonNode.Parse(value));
        var error = Assert.Throws<CheckpointException>(() => ModelFamilies.Open(folder.Path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(key == "upsample_rates" && value == "[4]" ? "upsample_kernel_sizes" : key, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_are_left_out_are_the_formats_or_asked_for()
    {
        using var folder = new TemporaryFolder();
        foreach (var key in new[] { "leaky_relu_slope", "normalize_before", "architectures" })
        {
            Write(folder.Path, key, null);
            Assert.Equal(16_000, ModelFamilies.Open(folder.Path).Parts.Voice!.Shape.SampleRate);
        }
        foreach (var key in new[] { "model_in_dim", "sampling_rate", "upsample_rates", "resblock_dilation_sizes" })
        {
            Write(folder.Path, key, null);
            var error = Assert.Throws<CheckpointException>(() => ModelFamilies.Open(folder.Path));
            Assert.Contains(key, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_voice_in_a_file_of_PyTorch_s_that_is_damaged_is_refused()
    {
        using var folder = new TemporaryFolder();
        Write(folder.Path, "sampling_rate", 16_000);
        File.WriteAllBytes(Path.Combine(folder.Path, "pytorch_model.bin"), [.. "PK\u0003\u0004"u8, .. new byte[100]]);
        ModelFamilies.Open(folder.Path);
        var error = Assert.Throws<CheckpointException>(() => new ModelFolder(folder.Path).OpenWeights());
        Assert.Contains("pytorch_model.bin", error.Message, StringComparison.Ordinal);
        Assert.Contains("has no directory at its end", error.Message, StringComparison.Ordinal);
    }

    // The reference's settings with one that is another, or left out.
    static void Write(string folder, string key, JsonNode? value)
    {
        var settings = JsonNode.Parse(File.ReadAllText(TestData.Require("goldens/hifigan-tiny/plain/config.json")))!.AsObject();
        settings.Remove(key);
        if (value is not null) settings.Add(key, value);
        File.WriteAllText(Path.Combine(folder, "config.json"), settings.ToJsonString());
    }

    /// <summary>A checkpoint whose lengths and directions have the names of PyTorch's parametrisations.</summary>
    sealed class NewNames(ITensorStore store) : ITensorStore
    {
        const string Length = ".parametrizations.weight.original0", Direction = ".parametrizations.weight.original1";

        public string Location => store.Location;

        public IReadOnlyCollection<string> Names =>
        [
            .. store.Names.Select(name => name.Replace(".weight_g", Length, StringComparison.Ordinal)
                .Replace(".weight_v", Direction, StringComparison.Ordinal))
        ];

        public StoredTensor? Find(string name) => name.EndsWith("weight_g", StringComparison.Ordinal) ? null : store.Find(
            name.Replace(Length, ".weight_g", StringComparison.Ordinal).Replace(Direction, ".weight_v", StringComparison.Ordinal));
    }
}
