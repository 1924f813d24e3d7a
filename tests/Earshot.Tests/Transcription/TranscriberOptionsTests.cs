using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Transcription;

/// <summary>What a quantised checkpoint is computed in is what the user says, matrix by matrix.</summary>
public sealed class TranscriberOptionsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly WhisperFolder _saved;
    readonly QuantizedTensors _tensors;

    public TranscriberOptionsTests()
    {
        var target = Path.Combine(_folder.Path, "int8");
        CheckpointQuantizer.Run(RandomModel.WriteTo(_folder.Path), target, new QuantizationOptions { Format = WeightFormat.Int8 });
        _saved = WhisperFolder.Open(target);
        _tensors = Assert.IsType<QuantizedTensors>(_saved.Weights.Quantized);
    }

    public void Dispose()
    {
        _saved.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<WeightFormat> Formats => [.. CpuDevice.Formats];

    [Theory, MemberData(nameof(Formats))]
    public void An_int8_checkpoint_is_computed_in_what_is_wished_for(WeightFormat format)
    {
        var options = new TranscriberOptions { Weights = format }.ForCpu(_tensors);
        Assert.All(_tensors.Names, name => Assert.Equal(format, options.WeightsFor!(name)));
        var wished = Run(_tensors, options);
        // As if the values had never been int8; what is int8 already keeps its codes, and none of its columns are kept.
        Assert.Equal(
            Run(
                new PlainStore(_tensors),
                options with { WeightsFor = null, Weights = format.KeepsOutliers ? WeightFormat.Int8 : format }).Bytes, wished.Bytes);
        if (format != WeightFormat.Nf4)
            Assert.Equal(
                Run(
                    new PlainStore(_tensors),
                    options with { WeightsFor = null, Weights = format.KeepsOutliers ? WeightFormat.Int8 : format }).Logits, wished.Logits);
    }

    [Fact]
    public void An_int8_checkpoint_is_computed_in_int8_where_nothing_is_said()
    {
        var options = new TranscriberOptions().ForCpu(_tensors);
        foreach (var name in _tensors.Names)
            Assert.Equal(_tensors.IsQuantized(name) ? WeightFormat.Int8 : CpuDevice.PreferredWeights(), options.WeightsFor!(name));
        Assert.Equal((CpuDevice.PreferredWeights(), KeyValueFormat.Int8), (options.Weights, options.KeyValues));
        var plain = new CpuOptions
        {
            Weights = CpuDevice.PreferredWeights(),
            WeightsFor = _tensors.FormatOf,
            KeyValues = KeyValueFormat.Int8,
        };
        Assert.Equal(Run(_tensors, plain), Run(_tensors, options), s_same);
    }

    [Fact]
    public void What_was_measured_gives_the_bits_of_the_same_formats_by_name()
    {
        var key = new TuningKey("any", "any", 1, "any");
        var kinds = TranscriberOptions.ModelMatrices(_tensors).Select(matrix => matrix.Kind).Distinct().ToList();
        Assert.Contains(kinds, kind => kind.Use == WeightUse.ManyRows && kind.Saved == WeightFormat.Int8);
        var tuned = new TranscriberOptions
        {
            Tuned = new TunedFormats(
                key, kinds.Where(kind => kind.Use == WeightUse.ManyRows).Select(kind => new TunedFormat(kind, WeightFormat.F32))),
        };
        var many = TranscriberOptions.ModelMatrices(_tensors).Where(matrix => matrix.Kind.Use == WeightUse.ManyRows)
            .Select(matrix => matrix.Name).ToHashSet();
        var named = new TranscriberOptions().ForCpu(_tensors);
        var options = tuned.ForCpu(_tensors);
        Assert.All(_tensors.Names, name =>
            Assert.Equal(many.Contains(name) ? WeightFormat.F32 : named.WeightsFor!(name), options.WeightsFor!(name)));
        Assert.Equal(
            Run(_tensors, named with { WeightsFor = name => many.Contains(name) ? WeightFormat.F32 : _tensors.FormatOf(name) }),
            Run(_tensors, options), s_same);
        var settings = tuned.SettingsFor(_tensors);
        Assert.Equal(("tuned", "f32", "int8", "int8"), (
            settings.Choice, settings.Formats["encoder"], settings.Formats["decoder"], settings.Formats["tokens"]));
        // Whoever names a format is obeyed.
        Assert.Equal(WeightFormat.Int8, (tuned with { Weights = WeightFormat.Int8 }).ForCpu(_tensors).WeightsFor!(many.First()));
    }

    [Fact]
    public void Single_matrices_are_computed_in_what_is_wished_for_them()
    {
        const string fc2 = "model.decoder.layers.1.fc2.weight";
        var wish = new TranscriberOptions { WeightsFor = name => name.Contains("fc2", StringComparison.Ordinal) ? WeightFormat.F32 : null };
        var options = wish.ForCpu(_tensors);
        Assert.Equal(
            (WeightFormat.F32, WeightFormat.Int8),
            (options.WeightsFor!(fc2), options.WeightsFor!(fc2.Replace("fc2", "fc1", StringComparison.Ordinal))));
        var (saved, mixed) = (Run(_tensors, new TranscriberOptions().ForCpu(_tensors)), Run(_tensors, options));
        // Four matrices of 128 × 256: four bytes a weight in place of one, and no scales.
        Assert.Equal(saved.Bytes + 4 * (3 * 128 * 256 - 128 * sizeof(float)), mixed.Bytes);
        Assert.NotEqual(saved.Logits, mixed.Logits);
        // Beside a format for all others.
        options = (wish with { Weights = WeightFormat.BF16 }).ForCpu(_tensors);
        Assert.Equal(
            (WeightFormat.F32, WeightFormat.BF16), (options.WeightsFor!(fc2), options.WeightsFor!("model.decoder.layers.1.fc1.weight")));
    }

    [Theory]
    [InlineData("model.encoder.layers.0.fc1.weight", WeightUse.ManyRows)]
    [InlineData("model.encoder.conv1.weight", WeightUse.ManyRows)]
    [InlineData("model.decoder.layers.0.encoder_attn.k_proj.weight", WeightUse.ManyRows)]
    [InlineData("model.decoder.layers.0.encoder_attn.v_proj.weight", WeightUse.ManyRows)]
    [InlineData("model.decoder.layers.0.encoder_attn.q_proj.weight", WeightUse.FewRows)]
    [InlineData("model.decoder.layers.0.self_attn.k_proj.weight", WeightUse.FewRows)]
    [InlineData("model.decoder.embed_tokens.weight", WeightUse.FewRows)]
    public void Frames_are_many_rows_and_tokens_few(string name, WeightUse use) => Assert.Equal(use, MatrixUse.Of(name));

    [Theory]
    [InlineData(InstructionSet.Portable, "f32")]
    [InlineData(InstructionSet.Avx2, "int8")]
    public void For_speed_the_encoder_is_widened_where_whole_numbers_are_not_multiplied(InstructionSet set, string encoder)
    {
        Assert.SkipUnless(set == InstructionSet.Portable || Avx2.IsSupported, "This processor has no AVX2.");
        var options = new TranscriberOptions { WeightPriority = WeightPriority.Speed, InstructionSet = set }.ForCpu(_tensors);
        Assert.Equal(
            (WeightFormat.Parse(encoder, null), WeightFormat.Int8),
            (options.WeightsFor!("model.encoder.layers.0.fc1.weight"), options.WeightsFor!("model.decoder.layers.0.fc1.weight")));
        var asSaved = new TranscriberOptions { InstructionSet = set }.ForCpu(_tensors);
        Assert.Equal(encoder == "f32", Run(_tensors, options).Bytes > Run(_tensors, asSaved).Bytes);
    }

    static readonly EqualityComparer<(long Bytes, float[] Logits)> s_same = EqualityComparer<(long Bytes, float[] Logits)>.Create(
        (a, b) => a.Bytes == b.Bytes && a.Logits.AsSpan().SequenceEqual(b.Logits));

    (long Bytes, float[] Logits) Run(ITensorStore weights, CpuOptions options)
    {
        using var device = new CpuDevice(options);
        using var runtime = new CpuModelRuntime(_saved.Model.Parts, weights, device);
        var random = new Random(7);
        using var audio = runtime.Encode(Enumerable.Range(0, 200 * 80).Select(_ => random.NextSingle() * 2 - 1).ToArray(), 200);
        using var decoder = runtime.CreateDecoder(audio, 1);
        int[] tokens = [257, 362, 104, 200, 30]; // start, no timestamps, text
        var logits = new float[tokens.Length * decoder.VocabSize];
        decoder.Start(tokens, [0, 1, 2, 3, 4], logits);
        return (runtime.PackedBytes, logits);
    }

    /// <summary>The same values as plain float32.</summary>
    sealed class PlainStore(ITensorStore store) : ITensorStore
    {
        public string Location => store.Location;

        public IReadOnlyCollection<string> Names => store.Names;

        public StoredTensor? Find(string name) => store.Find(name) is { } tensor ? new Plain(tensor) : null;

        sealed class Plain(StoredTensor tensor) : StoredTensor(tensor.Name, DType.F32, tensor.Shape)
        {
            readonly float[] _values = tensor.ToFloats();

            public override void Read(long offset, Span<byte> destination) =>
                MemoryMarshal.AsBytes<float>(_values).Slice(checked((int)offset), destination.Length).CopyTo(destination);
        }
    }
}
