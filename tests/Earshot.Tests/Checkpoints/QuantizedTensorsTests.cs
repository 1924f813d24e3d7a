using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

/// <summary>What was saved is what is computed with.</summary>
public sealed class QuantizedTensorsTests : IDisposable
{
    const string TokenTable = "model.decoder.embed_tokens.weight";

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<WeightFormat> Formats => [.. WeightScheme.Formats];

    // Columns that are kept have tests of their own.
    public static TheoryData<WeightFormat> RowFormats => [.. WeightScheme.Formats.Where(format => !format.KeepsOutliers)];

    [Theory, MemberData(nameof(Formats))]
    public void A_saved_model_gives_the_logits_of_quantising_at_load_bit_for_bit(WeightFormat format)
    {
        var source = RandomModel.WriteTo(_folder.Path);
        var target = Path.Combine(_folder.Path, "quantized");
        CheckpointQuantizer.Run(source, target, new QuantizationOptions { Format = format });
        using var original = WhisperFolder.Open(source);
        using var saved = WhisperFolder.Open(target);
        var quantized = Assert.IsType<QuantizedTensors>(saved.Weights.Quantized);
        var options =
            new CpuOptions { Weights = CpuDevice.PreferredWeights(), WeightsFor = name => quantized.IsQuantized(name) ? format : null };
        // Rows of the token table are looked up as they are stored, so for the logits both have the original's, quantised as it is packed.
        Assert.Equal(
            Logits(original.Weights, original, options),
            Logits(new Substituted(quantized, original.Weights.Find(TokenTable)!), saved, options));
        Assert.Equal(Product(original.Weights, format), Product(quantized, format));
    }

    [Theory]
    [InlineData("int4")]
    [InlineData("int4-g128")]
    [InlineData("nf4")]
    public void A_matrix_saved_from_int8_gives_the_products_of_quantising_it_at_load_bit_for_bit(string saving)
    {
        var format = WeightFormat.Parse(saving);
        const string name = "model.decoder.layers.0.fc2.weight";
        var source = TestModels.WhisperBase;
        var target = Path.Combine(_folder.Path, "quantized");
        CheckpointQuantizer.Run(source, target, new QuantizationOptions { Format = format, Keep = other => other != name });
        using var original = WhisperFolder.Open(source);
        using var saved = WhisperFolder.Open(target);
        Assert.Equal(Product(original.Weights, format, name), Product(saved.Weights, format, name));
    }

    [Fact]
    public void Scales_of_int4_may_be_negative()
    {
        var values = Enumerable.Range(0, 64).Select(i => i % 32 == 9 ? 8f : i % 15 - 7).ToArray();
        using var file = Write(WeightFormat.Int4Group32, values, 32);
        var stored = new QuantizedTensors(file, WeightFormat.Int4Group32);
        var row = new QuantizedRow(WeightFormat.Int4Group32, 32);
        Assert.IsAssignableFrom<IQuantizedRows>(stored.Find("w.weight")).ReadRow(0, row);
        Assert.Equal((Half)(-1), row.Int4Scales[0]);
        Assert.Equal(values, stored.Find("w.weight")!.ToFloats());
        var x = new float[32];
        x[9] = 2;
        Assert.Equal([16, 16], Product(stored, WeightFormat.Int4Group32, "w.weight", x));
    }

    [Theory, MemberData(nameof(RowFormats))]
    public void Rows_are_read_as_they_were_quantised(WeightFormat format)
    {
        // More blocks of nf4 than share a mean, and a row that ends within a group.
        const int columns = 64 * 257 + 6;
        var values = new float[2 * columns];
        var random = new Random(3);
        foreach (ref float value in values.AsSpan()) value = (random.NextSingle() - 0.5f) * MathF.Exp(random.NextSingle() * 6 - 3);
        var expected = new QuantizedRow(format, columns);
        expected.Quantize(values.AsSpan(columns));
        using var file = Write(format, values, columns);
        var stored = new QuantizedTensors(file, format).Find("w.weight")!;

        var actual = new QuantizedRow(format, columns);
        Assert.IsAssignableFrom<IQuantizedRows>(stored).ReadRow(1, actual);
        Assert.Equal(expected.Codes, actual.Codes);
        Assert.Equal(expected.Scales, actual.Scales);
        Assert.Equal(expected.ScaleCodes, actual.ScaleCodes);
    }

    public static TheoryData<InstructionSet> Sets => [.. InstructionSets.Names.Values.Where(
        set => new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 1 }).InstructionSet == set)];

    /// <summary>Codes, scale codes, means and steps at random are none that quantising their values gives again.</summary>
    [Theory, MemberData(nameof(Sets))]
    public void Doubly_quantised_nf4_is_computed_as_it_is_saved(InstructionSet set)
    {
        // Rows whose scales take two blocks of 256.
        const int columns = 64 * 260, rows = 3;
        var random = new Random(5);
        var saved = new QuantizedRow(WeightFormat.Nf4, columns);
        using var file = Write(WeightFormat.Nf4, new float[rows * columns], columns, (_, _) => { }, row =>
        {
            random.NextBytes(row.Codes);
            random.NextBytes(MemoryMarshal.AsBytes(row.ScaleCodes));
            for (int i = 0; i < row.Nf4Scales.Length; i++)
                row.Nf4Scales[i] = new Nf4Scales(2 + random.NextSingle(), random.NextSingle() / 100);
        });
        var tensors = new QuantizedTensors(file, WeightFormat.Nf4);
        var stored = tensors.Find("w.weight")!;
        Assert.Equal((DType.I8, new Shape(rows, 260)), (file.Find("w.weight.scale_codes")!.Type, file.Find("w.weight.scale_codes")!.Shape));
        Assert.Equal((DType.F32, new Shape(rows, 2, 2)), (file.Find("w.weight.scales")!.Type, file.Find("w.weight.scales")!.Shape));

        float[] values = stored.ToFloats(), again = new float[columns];
        saved.Quantize(values.AsSpan(0, columns));
        saved.Dequantize(again);
        Assert.NotEqual(values[..columns], again);
        foreach (int column in (int[])[0, 63, 64, 64 * 256 - 1, 64 * 256, columns - 1])
        {
            var x = new float[columns];
            x[column] = 1;
            Assert.Equal(
                Enumerable.Range(0, rows).Select(row => values[row * columns + column]),
                Product(tensors, WeightFormat.Nf4, "w.weight", x, set));
        }
    }

    [Theory, MemberData(nameof(RowFormats))]
    public void Packing_in_another_format_goes_through_the_values(WeightFormat format)
    {
        const int columns = 192;
        var values = new float[2 * columns];
        for (int i = 0; i < values.Length; i++) values[i] = MathF.Sin(i);
        using var file = Write(format, values, columns);
        var stored = new QuantizedTensors(file, format);
        var exact = stored.Find("w.weight")!.ToFloats();
        var x = new float[columns];
        x[columns - 1] = 1;
        Assert.Equal([exact[columns - 1], exact[^1]], Product(stored, WeightFormat.F32, "w.weight", x));
    }

    [Theory]
    [InlineData("int8", 0x7FC00000u, "NaN")]
    [InlineData("int8", 0xBF800000u, "-1")]
    [InlineData("int4", 0x7C00u, "Infinity")]
    [InlineData("int4-g128", 0x7E00u, "NaN")]
    [InlineData("nf4", 0x7F800000u, "Infinity")]
    [InlineData("nf4", 0xC0000000u, "-2")]
    public void Scales_that_no_quantising_gives_are_refused(string name, uint bits, string shown)
    {
        var format = WeightFormat.Parse(name);
        const int columns = 128;
        using var file = Write(format, new float[2 * columns], columns, (suffix, bytes) =>
        {
            if (suffix != WeightScheme.ScalesSuffix) return;
            if (format.Group is 0 or 64) MemoryMarshal.Write(bytes[^sizeof(uint)..], bits);
            else MemoryMarshal.Write(bytes[^sizeof(ushort)..], (ushort)bits);
        });
        var stored = new QuantizedTensors(file, format);
        foreach (Action read in (Action[])[
            () => stored.Find("w.weight")!.ToFloats(), () => Product(stored, format, "w.weight", new float[columns]),
        ])
        {
            var error = Assert.Throws<CheckpointException>(read);
            Assert.Contains(
                $"'w.weight.scales' has {shown.Replace("Infinity", "∞", StringComparison.Ordinal)} in row 1",
                error.Message.Replace("Infinity", "∞", StringComparison.Ordinal), StringComparison.Ordinal);
            Assert.Contains("model.safetensors", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Parts_that_disagree_are_refused()
    {
        Refused(WeightFormat.Int8, "'w.weight.scales' is missing", ("codes", DType.I8, [2, 64]));
        Refused(WeightFormat.Int8, "'w.weight.codes' is U8 (2, 64)", ("codes", DType.U8, [2, 64]), ("scales", DType.F32, [2]));
        Refused(WeightFormat.Int8, "'w.weight.codes' is I8 (128)", ("codes", DType.I8, [128]), ("scales", DType.F32, [2]));
        Refused(WeightFormat.Int8, "has shape (3), expected (2)", ("codes", DType.I8, [2, 64]), ("scales", DType.F32, [3]));
        Refused(WeightFormat.Int4Group32, "has shape (2, 3), expected (2, 2)", ("codes", DType.U8, [2, 32]), ("scales", DType.F16, [2, 3]));
        Refused(
            WeightFormat.Nf4, "'w.weight.scale_codes' has shape (2, 2), expected (2, 1)", ("codes", DType.U8, [2, 32]),
            ("scale_codes", DType.I8, [2, 2]), ("scales", DType.F32, [2, 1, 2]));
        // No rows take no bytes, however long they are.
        Refused(
            WeightFormat.Nf4, "a row has at most", ("codes", DType.U8, [0, int.MaxValue]), ("scale_codes", DType.I8, [0, 1]),
            ("scales", DType.F32, [0, 1, 2]));
    }

    void Refused(WeightFormat format, string reason, params (string Suffix, DType Type, int[] Shape)[] parts)
    {
        var path = _folder.File($"{Guid.NewGuid():N}.safetensors");
        SafetensorsWriter.Write(path, [.. parts.Select(part =>
        {
            var shape = new Shape(part.Shape);
            return new TensorToWrite(
                $"w.weight.{part.Suffix}", part.Type, shape, stream => stream.Write(new byte[shape.Count * part.Type.Size()]));
        })]);
        using var file = SafetensorsFile.Open(path);
        Assert.Contains(
            reason, Assert.Throws<CheckpointException>(() => new QuantizedTensors(file, format)).Message, StringComparison.Ordinal);
    }

    /// <summary>A file with the matrix <c>w.weight</c>, each part changed before it is written.</summary>
    SafetensorsFile Write(WeightFormat format, float[] values, int columns, WriteChange? change = null, Action<QuantizedRow>? fill = null)
    {
        var path = _folder.File("model.safetensors");
        int rows = values.Length / columns;
        var quantized = Enumerable.Range(0, rows).Select(i =>
        {
            var row = new QuantizedRow(format, columns);
            row.Quantize(values.AsSpan(i * columns, columns));
            fill?.Invoke(row);
            return row;
        }).ToArray();
        SafetensorsWriter.Write(path, [.. WeightScheme.Parts(format, rows, columns)
            .Select(part => new TensorToWrite($"w.weight{part.Suffix}", part.Type, part.Shape, stream =>
            {
                for (int i = 0; i < rows; i++)
                {
                    var bytes = WeightScheme.PartOf(quantized[i], part.Suffix);
                    if (i == rows - 1) change?.Invoke(part.Suffix, bytes);
                    stream.Write(bytes);
                }
            }))]);
        return SafetensorsFile.Open(path);
    }

    delegate void WriteChange(string suffix, Span<byte> bytes);

    static float[] Product(ITensorStore store, WeightFormat format, string name = TokenTable, float[]? x = null, InstructionSet? set = null)
    {
        var shape = store.Find(name)!.Shape;
        x ??= [.. Enumerable.Range(0, shape[1]).Select(i => MathF.Cos(i))];
        using var device = new CpuDevice(new CpuOptions { Weights = format, InstructionSet = set });
        using var backend = new CpuBackend(device);
        var scope = new Scope(store);
        var path = name.Split('.');
        foreach (var part in path[..^1]) scope /= part;
        var y = CpuBackend.Read(
            backend.Linear(backend.Input(x, new Shape(1, shape[1])), scope.Parameter(path[^1], shape), bias: null, default)).ToArray();
        device.Unload(scope);
        return y;
    }

    static float[] Logits(ITensorStore weights, WhisperFolder checkpoint, CpuOptions options)
    {
        using var runtime = new CpuModelRuntime(checkpoint.Model.Parts, weights, new CpuDevice(options));
        var random = new Random(7);
        using var audio = runtime.Encode(Enumerable.Range(0, 400 * 80).Select(_ => random.NextSingle() * 2 - 1).ToArray(), 400);
        using var decoder = runtime.CreateDecoder(audio, 1);
        int[] tokens = [257, 362, 104, 200, 30]; // start, no timestamps, text
        var logits = new float[tokens.Length * decoder.VocabSize];
        decoder.Start(tokens, [0, 1, 2, 3, 4], logits);
        return logits;
    }

    /// <summary>A store with one tensor from elsewhere.</summary>
    sealed class Substituted(ITensorStore store, StoredTensor tensor) : ITensorStore
    {
        public string Location => store.Location;

        public IReadOnlyCollection<string> Names => store.Names;

        public StoredTensor? Find(string name) => name == tensor.Name ? tensor : store.Find(name);
    }
}
