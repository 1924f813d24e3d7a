using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Tests.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Checkpoints;

public sealed class CheckpointQuantizerTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly TemporaryFolder _source = new();

    public CheckpointQuantizerTests() => Source = RandomModel.WriteTo(_source.Path);

    string Source { get; }

    public void Dispose()
    {
        _source.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("int8", 0.52)]
    [InlineData("int4", 0.29)]
    [InlineData("int4-g128", 0.27)]
    [InlineData("nf4", 0.29)]
    public void Saved_weights_are_smaller_and_close(string saved, double most)
    {
        var format = WeightFormat.Parse(saved);
        var target = Path.Combine(_folder.Path, "quantized");
        var result = CheckpointQuantizer.Run(Source, target, new QuantizationOptions { Format = format });
        Assert.Equal(format, SavedFormat.Of(target));
        using var original = WhisperFolder.Open(Source);
        using var quantized = WhisperFolder.Open(target);
        // nf4 has the mean and range of its scales for each row, which tells in rows as short as these. Of the matrices alone: positions
        // and convolutions, which stay as they are, are much of a small model.
        long matrices = original.Weights.Names.Select(name => original.Weights.Find(name)!)
            .Where(tensor => tensor.Shape.Rank == 2 && !tensor.Name.Contains("embed_positions", StringComparison.Ordinal))
            .Sum(tensor => tensor.ByteLength);
        Assert.InRange((double)(result.BytesAfter - result.BytesBefore + matrices) / matrices, 0.25, most);
        Assert.Equal(original.Weights.Names.Order(StringComparer.Ordinal), quantized.Weights.Names.Order(StringComparer.Ordinal));
        foreach (var name in new[] { "model.encoder.layers.0.fc1.weight", "model.decoder.embed_tokens.weight" })
        {
            float[] expected = original.Weights.Find(name)!.ToFloats(), actual = quantized.Weights.Find(name)!.ToFloats();
            int columns = original.Weights.Find(name)!.Shape[1], group = GroupSize(format) ?? columns;
            for (int row = 0; row < expected.Length; row += columns)
            {
                double error = 0, allowed = 0;
                foreach (var (values, stored) in expected.AsSpan(row, columns).ToArray().Chunk(group)
                    .Zip(actual.AsSpan(row, columns).ToArray().Chunk(group)))
                {
                    double bound = (Bound(format) * values.Max(MathF.Abs)) + Smallest;
                    if (format == WeightFormat.Int8 && values.Zip(stored).Any(pair => MathF.Abs(pair.First - pair.Second) > bound))
                        Assert.Fail($"{name}, row {row / columns}: further off than {bound}");
                    error += values.Zip(stored, (value, other) => ((double)value - other) * ((double)value - other)).Sum();
                    allowed += values.Length * bound * bound;
                }
                // A searched scale may cut off a value, but a row's squared error is never that of more than half a step everywhere.
                if (error > allowed) Assert.Fail($"{name}, row {row / columns}: squared error {error} of {allowed}");
            }
        }
    }

    // Seven of half a step of the smallest float16 scales.
    const float Smallest = 7f / (1 << 25);

    static int? GroupSize(WeightFormat format) => format.Group == 0 ? null : format.Group;

    // Half a step of the largest magnitude; int4's scale is a float16 (2⁻¹¹ relative, of 7 steps); nf4's widest step is
    // 1 − 0.696, and its scale is itself quantised.
    static float Bound(WeightFormat format) => format.Name switch
    {
        "int8" => 0.5f / 127 * 1.001f,
        "nf4" => (1 - 0.6962f) / 2 + 0.03f,
        _ => (0.5f / 7) + (1f / 2048),
    };

    [Fact]
    public async Task A_saved_quantised_model_says_what_quantising_at_load_says()
    {
        var format = WeightFormat.Int8;
        var target = Path.Combine(_folder.Path, "quantized");
        CheckpointQuantizer.Run(Source, target, new QuantizationOptions { Format = format });
        var saved = await TranscribeAsync(target, new TranscriberOptions());
        // At load everything is quantised but what is not a linear layer's, as in the file; convolutions stay in the preferred format.
        var loaded = await TranscribeAsync(Source, new TranscriberOptions
        {
            Weights = format,
            WeightsFor = name => name.Contains("conv", StringComparison.Ordinal) ? CpuDevice.PreferredWeights() : null,
        });
        Assert.Equal(loaded, saved);
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    [InlineData("int4-g128")]
    public void Quantising_what_was_read_gives_the_saved_codes_again(string name)
    {
        var format = WeightFormat.Parse(name);
        var random = new Random(11);
        var row = new QuantizedRow(format, 384);
        var values = new float[384];
        for (int round = 0; round < 50; round++)
        {
            for (int i = 0; i < values.Length; i++) values[i] = (random.NextSingle() - 0.5f) * MathF.Exp(random.NextSingle() * 6 - 3);
            row.Quantize(values);
            var codes = row.Codes.ToArray();
            row.Dequantize(values);
            row.Quantize(values);
            Assert.Equal(codes, row.Codes.ToArray());
        }
    }

    [Fact]
    public void Parts_of_a_matrix_can_be_read_anywhere()
    {
        var target = Path.Combine(_folder.Path, "quantized");
        CheckpointQuantizer.Run(Source, target, new QuantizationOptions { Format = WeightFormat.Int8 });
        using var checkpoint = WhisperFolder.Open(target);
        var tensor = checkpoint.Weights.Find("model.encoder.layers.0.fc1.weight")!;
        var all = tensor.ToFloats();
        var part = new float[1000];
        tensor.ReadFloats(777, part);
        Assert.Equal(all.AsSpan(777, 1000).ToArray(), part);
    }

    [Fact]
    public void Chosen_matrices_are_kept()
    {
        var target = Path.Combine(_folder.Path, "quantized");
        CheckpointQuantizer.Run(
            Source, target,
            new QuantizationOptions { Format = WeightFormat.Int8, Keep = name => name.Contains("encoder", StringComparison.Ordinal) });
        using var checkpoint = WhisperFolder.Open(target);
        Assert.Equal(DType.F16, checkpoint.Weights.Find("model.encoder.layers.0.fc1.weight")!.Type);
        Assert.Equal(DType.F32, checkpoint.Weights.Find("model.decoder.layers.0.fc1.weight")!.Type);
    }

    [Fact]
    public void Existing_targets_and_quantised_sources_are_refused()
    {
        var options = new QuantizationOptions { Format = WeightFormat.Int8 };
        Assert.Throws<CheckpointException>(() => CheckpointQuantizer.Run(Source, _folder.Path, options));
        var target = Path.Combine(_folder.Path, "quantized");
        CheckpointQuantizer.Run(Source, target, options);
        Assert.Contains(
            "quantised already, as int8",
            Assert.Throws<CheckpointException>(() => CheckpointQuantizer.Run(target, target + "2", options)).Message,
            StringComparison.Ordinal);
        Assert.Equal(["quantized"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("int4")]
    [InlineData("nf4")]
    public void An_int8_model_goes_on_to_four_bits_and_what_is_kept_stays_int8(string name)
    {
        var format = WeightFormat.Parse(name);
        const string changed = "model.decoder.layers.0.fc1.weight", kept = "model.decoder.layers.0.fc2.weight";
        var source = TestModels.WhisperBase;
        var target = Path.Combine(_folder.Path, "quantized");
        var result = CheckpointQuantizer.Run(source, target, new QuantizationOptions { Format = format, Keep = name => name != changed });
        Assert.Equal((WeightFormat.Int8, 1), (result.From, result.Quantized));
        using var original = WhisperFolder.Open(source);
        using var saved = WhisperFolder.Open(target);
        QuantizedTensors before = original.Weights.Quantized!, after = saved.Weights.Quantized!;
        Assert.Equal(before.Names.Order(StringComparer.Ordinal), after.Names.Order(StringComparer.Ordinal));
        Assert.Equal(
            (format, WeightFormat.Int8, null),
            (after.FormatOf(changed), after.FormatOf(kept), after.FormatOf("model.encoder.conv1.weight")));
        Assert.Equal(Row(before, kept, WeightFormat.Int8).Codes, Row(after, kept, WeightFormat.Int8).Codes);
        var expected = new QuantizedRow(format, before.Find(changed)!.Shape[1]);
        var values = new float[expected.Columns];
        before.Find(changed)!.ReadFloats(5L * expected.Columns, values);
        expected.Quantize(values);
        var actual = Row(after, changed, format);
        Assert.Equal(expected.Codes, actual.Codes);
        Assert.Equal(expected.Scales, actual.Scales);
        Assert.Contains(
            "start from the original checkpoint", Assert.Throws<CheckpointException>(() => CheckpointQuantizer.Run(
                target, target + "2", new QuantizationOptions { Format = WeightFormat.Int8 })).Message, StringComparison.Ordinal);
    }

    static QuantizedRow Row(QuantizedTensors tensors, string name, WeightFormat format)
    {
        var row = new QuantizedRow(format, tensors.Find(name)!.Shape[1]);
        Assert.IsAssignableFrom<IQuantizedRows>(tensors.Find(name)).ReadRow(5, row);
        return row;
    }

    [Fact]
    public void A_cancelled_run_leaves_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => CheckpointQuantizer.Run(
            Source, Path.Combine(_folder.Path, "q"), new QuantizationOptions { Format = WeightFormat.Nf4 },
            cancellationToken: cancelled.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    // Random weights write something, and something else where they change; a window of it is enough.
    static async Task<List<int>> TranscribeAsync(string model, TranscriberOptions options)
    {
        using var transcriber = await Transcriber.LoadAsync(model, options);
        var tokens = new List<int>();
        var greedy = new TranscriptionOptions
        {
            Decoding = new() { BeamSize = 1, MaxNewTokens = 40 },
            Fallback = new() { Temperatures = [0], NoSpeechThreshold = null },
        };
        await foreach (var segment in transcriber.TranscribeAsync(TestRecordings.Jfk, greedy)) tokens.AddRange(segment.Tokens);
        Assert.NotEmpty(tokens);
        return tokens;
    }
}
