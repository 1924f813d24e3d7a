using System.Text;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>What was measured decides where nobody else does, holds for one machine only, and is checked as it is read.</summary>
public sealed class FormatTunerTests
{
    static readonly TuningKey s_key = new("a processor", "avx2", 2, "1/1");
    static readonly MatrixKind s_encoder = new(WeightUse.ManyRows, WeightFormat.Int8, 256, 128);
    static readonly MatrixKind s_plain = new(WeightUse.FewRows, null, 64, 32);

    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    static TunedFormats Formats => new(s_key, [new(s_encoder, WeightFormat.F32), new(s_plain, WeightFormat.BF16)]);

    [Theory, MemberData(nameof(Sets))]
    public void Every_choice_of_a_kind_is_measured_and_one_of_them_taken(InstructionSet set)
    {
        var options = new CpuOptions { InstructionSet = set, Threads = 2 };
        MatrixKind[] kinds =
        [
            new(WeightUse.ManyRows, WeightFormat.Int8, 40, 32), new(WeightUse.FewRows, WeightFormat.Nf4, 40, 64),
            new(WeightUse.FewRows, null, 33, 48), new(WeightUse.FewRows, WeightFormat.Int8Group32, 32, 32),
        ];
        var results = new FormatTuner(options).Run(kinds);
        // What the processor does not compute with is left out.
        Assert.Equal(kinds[..3], results.Select(result => result.Kind));
        Assert.All(results, result =>
        {
            Assert.Equal(FormatTuner.Choices(result.Kind), result.Seconds.Keys);
            Assert.All(result.Seconds.Values, seconds => Assert.True(seconds > 0));
            Assert.Contains(result.Fastest, result.Seconds.Keys);
            Assert.Equal(result.Kind.Saved ?? CpuDevice.PreferredWeights(set), result.Table);
        });
    }

    [Fact]
    public void Another_format_must_be_faster_by_more_than_noise()
    {
        Assert.Equal(WeightFormat.F32, Fastest([1, 1, 1, 1, 1], [0.9, 0.9, 0.9, 0.9, 0.9]));
        Assert.Equal(WeightFormat.Int8, Fastest([1, 1, 1, 1, 1], [0.97, 0.97, 0.97, 0.97, 0.97]));
        // Round by round: a machine that slows down slows both.
        Assert.Equal(WeightFormat.F32, Fastest([1, 2, 3, 4, 5], [0.9, 1.8, 2.7, 3.6, 4.5]));
        // Lost in two of the rounds.
        Assert.Equal(WeightFormat.Int8, Fastest([1, 1, 1, 1, 1], [0.5, 0.5, 0.5, 1.1, 1.1]));
        Assert.Equal(WeightFormat.F32, Fastest([1, 1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5, 1.1]));

        static WeightFormat Fastest(double[] int8, double[] f32) => FormatTuner.Result(
            s_encoder, WeightFormat.Int8,
            new Dictionary<WeightFormat, List<double>> { [WeightFormat.Int8] = [.. int8], [WeightFormat.F32] = [.. f32] }).Fastest;
    }

    [Fact]
    public void Measuring_stops_when_it_is_cancelled() => Assert.Throws<OperationCanceledException>(
        () => new FormatTuner(new CpuOptions { Threads = 1 }).Run([s_plain], null, new CancellationToken(true)));

    [Fact]
    public void What_was_measured_decides_where_nobody_names_a_format()
    {
        var choice = new WeightChoice
        {
            SavedAs = name => name == "encoder" ? WeightFormat.Int8 : null,
            UseOf = name => name == "encoder" ? WeightUse.ManyRows : WeightUse.FewRows,
            ShapeOf = name => name switch { "encoder" => (256, 128), "decoder" => (64, 32), "other" => (64, 33), _ => null },
            Tuned = Formats,
            InstructionSet = InstructionSet.Portable,
        };
        Assert.Equal((WeightFormat.F32, WeightFormat.BF16), (choice.Of("encoder"), choice.Of("decoder")));
        Assert.Equal((WeightFormat.F32, WeightFormat.F32), (choice.Of("other"), choice.Of("bias")));
        Assert.Equal(WeightFormat.F32, choice.Default);
        foreach (var given in (WeightChoice[])[
            choice with { Wished = WeightFormat.Int8 }, choice with { Tuned = null }, choice with { ShapeOf = null },
            choice with { WishedFor = _ => null },
        ])
        {
            Assert.Equal(WeightFormat.Int8, given.Of("encoder"));
            Assert.NotEqual(WeightFormat.BF16, given.Of("decoder"));
        }
        Assert.Equal(WeightFormat.F32, (choice with { Priority = WeightPriority.Speed }).Of("decoder"));
    }

    [Fact]
    public void What_a_model_is_computed_with_is_told_by_class_and_by_what_differs()
    {
        ModelMatrix[] matrices =
        [
            new("encoder", "e1", s_encoder), new("encoder", "e2", s_encoder with { Outputs = 32 }), new("decoder", "d", s_plain),
        ];
        var choice = new WeightChoice
        {
            SavedAs = name => name[0] == 'e' ? WeightFormat.Int8 : null,
            UseOf = name => name[0] == 'e' ? WeightUse.ManyRows : WeightUse.FewRows,
            ShapeOf = name => matrices.Where(matrix => matrix.Name == name)
                .Select(matrix => (matrix.Kind.Outputs, matrix.Kind.Inputs)).First(),
            InstructionSet = InstructionSet.Portable,
        };
        var table = ComputeSettings.Of(choice, 3, matrices);
        Assert.Equal(("earshot", "portable", 3, "table", KernelVersion.Name), (
            table.Engine, table.Instructions, table.Threads, table.Choice, table.Kernels));
        Assert.Equal(new Dictionary<string, string> { ["decoder"] = "f32", ["encoder"] = "int8" }, table.Formats);
        var tuned = ComputeSettings.Of(choice with { Tuned = Formats }, 3, matrices);
        Assert.Equal("tuned", tuned.Choice);
        Assert.Equal(
            new Dictionary<string, string> { ["decoder"] = "bf16", ["encoder"] = "f32", ["encoder 32x128"] = "int8" }, tuned.Formats);
        Assert.Equal("given", ComputeSettings.Of(choice with { Wished = WeightFormat.F32 }, 3, matrices).Choice);
        Assert.Equal("table", ComputeSettings.Of(choice with { Tuned = new(s_key, []) }, 3, matrices).Choice);
        Assert.StartsWith($"earshot {KernelVersion.Name}; portable; 3 threads; decoder bf16, encoder f32, encoder 32x128 int8 (tuned); ",
            tuned.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Text_is_read_back_for_its_own_key_alone()
    {
        var json = Formats.ToJson();
        var read = TunedFormats.Parse(json, s_key);
        Assert.Equal(Formats.Formats.ToHashSet(), read!.Formats.ToHashSet());
        foreach (var other in (TuningKey[])[
            s_key with { Processor = "another" }, s_key with { Instructions = "avx512" }, s_key with { Threads = 3 },
            s_key with { Kernels = "1/2" },
        ])
        {
            Assert.Null(TunedFormats.Parse(json, other));
        }
        var newer = read.With(new TunedFormats(s_key, [new(s_plain, WeightFormat.F32)]));
        Assert.Equal((WeightFormat.F32, WeightFormat.F32), (newer.Find(s_plain), newer.Find(s_encoder)));
        Assert.Null(newer.Find(s_plain with { Outputs = 1 }));
    }

    [Theory]
    [InlineData("\"f32\"", "\"f16\"")]
    [InlineData("\"computed\": \"f32\"", "\"computed\": \"int4\"")]
    [InlineData("\"computed\": \"bf16\"", "\"computed\": \"int8\"")]
    [InlineData("\"many rows\"", "\"some rows\"")]
    [InlineData("256", "-1")]
    [InlineData("256", "99999999")]
    [InlineData("256", "1e9")]
    [InlineData("\"formats\"", "\"other\"")]
    [InlineData("[", "[null,")]
    [InlineData("{", "[")]
    public void Damaged_text_counts_as_none(string part, string instead)
    {
        var json = Encoding.UTF8.GetString(Formats.ToJson());
        Assert.Contains(part, json, StringComparison.Ordinal);
        Assert.Null(TunedFormats.Parse(Encoding.UTF8.GetBytes(json.Replace(part, instead, StringComparison.Ordinal)), s_key));
    }

    [Fact]
    public void No_text_brings_reading_down()
    {
        var random = new Random(7);
        var json = Formats.ToJson();
        for (int length = 0; length < json.Length; length++) Assert.Null(TunedFormats.Parse(json.AsSpan(0, length), s_key));
        var until = DateTime.UtcNow + TimeSpan.FromSeconds(
            double.TryParse(Environment.GetEnvironmentVariable("EARSHOT_FUZZ_SECONDS"), out double seconds) ? seconds : 0.3);
        while (DateTime.UtcNow < until)
        {
            var damaged = json.ToArray();
            for (int i = random.Next(1, 5); i > 0; i--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            if (TunedFormats.Parse(damaged, s_key) is { } read)
                Assert.All(read.Formats, format => Assert.Contains(format.Computed, FormatTuner.Choices(format.Kind)));
        }
        Assert.Null(TunedFormats.Parse(new byte[(1 << 20) + 1], s_key));
    }

    [Fact]
    public void This_processor_has_a_name()
    {
        Assert.NotEmpty(ProcessorName.Name);
        Assert.NotEmpty(ProcessorName.Model);
        Assert.Equal("AMD EPYC 7763", ProcessorName.Clean("  AMD EPYC   7763 \0\0"));
        Assert.Null(ProcessorName.Clean(" \0 "));
        var key = TuningKey.Of(new CpuOptions { InstructionSet = InstructionSet.Portable, Threads = 5 });
        Assert.Equal((ProcessorName.Model, "portable", 5, KernelVersion.Name), (key.Processor, key.Instructions, key.Threads, key.Kernels));
        Assert.Matches(@"^\d+\.\d+\.\d+.*/\d+$", KernelVersion.Name);
    }
}
