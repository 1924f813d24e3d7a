using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

/// <summary>
/// int8 matrices whose columns that stand out are kept: written, read, computed with, and refused where they are damaged.
/// </summary>
public sealed class SavedOutliersTests : IDisposable
{
    const string Encoder = "model.encoder.layers.0.fc1.weight", Decoder = "model.decoder.layers.1.fc2.weight",
        TokenTable = "model.decoder.embed_tokens.weight";

    static readonly int[] s_planted = [5, 77];

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<InstructionSet> Sets => QuantizedTensorsTests.Sets;

    [Fact]
    public void Columns_that_stand_out_are_saved_as_they_are_beside_finer_codes()
    {
        var (source, target, result) = Quantized(name => name is Encoder or TokenTable);
        Assert.Equal((4, 2, "int8-outliers"), (result.KeptColumns, result.MatricesWithKeptColumns, SavedFormat.Of(target)!.Name));
        using var original = WhisperFolder.Open(source);
        using var saved = WhisperFolder.Open(target);
        using var file = SafetensorsFile.Open(Path.Combine(target, "model.safetensors"));
        var tensors = Assert.IsType<QuantizedTensors>(saved.Weights.Quantized);
        Assert.Equal(original.Weights.Names.Order(StringComparer.Ordinal), tensors.Names.Order(StringComparer.Ordinal));
        Assert.Equal((WeightFormat.Int8Outliers, WeightFormat.Int8), (tensors.FormatOf(Encoder), tensors.FormatOf(Decoder)));
        Assert.Equal((DType.F16, new Shape(256, 2)), (file.Find(Encoder + ".outliers")!.Type, file.Find(Encoder + ".outliers")!.Shape));
        Assert.Equal(
            (DType.I32, new Shape(2)), (file.Find(Encoder + ".outlier_columns")!.Type, file.Find(Encoder + ".outlier_columns")!.Shape));
        Assert.Null(file.Find(Decoder + ".outliers"));

        float[] expected = original.Weights.Find(Encoder)!.ToFloats(), actual = tensors.Find(Encoder)!.ToFloats();
        for (int i = 0; i < expected.Length; i++)
        {
            if (s_planted.Contains(i % 128)) Assert.Equal(expected[i], actual[i]);
        }
        double Error(float[] values) => values.Zip(expected, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
        Assert.True(Error(actual) * 20 < Error(PlainInt8(expected, 128)));
        // From the middle of a row to the middle of another.
        var part = new float[140];
        tensors.Find(Encoder)!.ReadFloats(70, part);
        Assert.Equal(actual[70..210], part);
    }

    [Fact]
    public void A_model_in_which_nothing_stands_out_is_plain_int8_to_the_byte()
    {
        var source = RandomModel.WriteTo(_folder.Path);
        string plain = Path.Combine(_folder.Path, "plain"), none = Path.Combine(_folder.Path, "none");
        CheckpointQuantizer.Run(source, plain, new QuantizationOptions { Format = WeightFormat.Int8 });
        CheckpointQuantizer.Run(source, none, new QuantizationOptions { Format = WeightFormat.Int8Outliers, OutlierThreshold = 50 });
        foreach (var name in (string[])["model.safetensors", "config.json"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(plain, name)), File.ReadAllBytes(Path.Combine(none, name)));
    }

    [Theory, MemberData(nameof(Sets))]
    public void A_saved_model_gives_the_logits_of_keeping_columns_at_load_bit_for_bit(InstructionSet set)
    {
        var (source, target, _) = Quantized(_ => true);
        using var original = WhisperFolder.Open(source);
        using var saved = WhisperFolder.Open(target);
        var options = new CpuOptions { Weights = WeightFormat.Int8Outliers, InstructionSet = set };
        foreach (var name in (string[])[Encoder, Decoder, TokenTable])
        {
            var atLoad = Product(original.Weights, name, options);
            Assert.Equal(atLoad, Product(saved.Weights, name, options));
            // Whoever wants plain int8, or float32, gets it from the same file.
            Assert.NotEqual(atLoad, Product(saved.Weights, name, options with { Weights = WeightFormat.Int8 }));
            float[] exact = Product(original.Weights, name, options with { Weights = WeightFormat.F32 }),
                widened = Product(saved.Weights, name, options with { Weights = WeightFormat.F32 });
            double Error(float[] values) => values.Zip(exact, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
            Assert.True(Error(widened) * 10 < Error(Product(original.Weights, name, options with { Weights = WeightFormat.Int8 })));
        }
    }

    [Fact]
    public void A_model_with_kept_columns_goes_on_to_four_bits_and_what_is_kept_of_it_stays()
    {
        var (_, source, _) = Quantized(_ => true);
        var target = Path.Combine(_folder.Path, "four");
        CheckpointQuantizer.Run(source, target, new QuantizationOptions { Format = WeightFormat.Nf4, Keep = name => name != Encoder });
        using var before = WhisperFolder.Open(source);
        using var after = WhisperFolder.Open(target);
        var tensors = Assert.IsType<QuantizedTensors>(after.Weights.Quantized);
        Assert.Equal((WeightFormat.Nf4, WeightFormat.Int8Outliers), (tensors.FormatOf(Encoder), tensors.FormatOf(Decoder)));
        Assert.Equal(before.Weights.Find(Decoder)!.ToFloats(), tensors.Find(Decoder)!.ToFloats());
        foreach (var format in (WeightFormat[])[WeightFormat.Int8, WeightFormat.Int8Outliers])
            Assert.Contains(
                "quantised already, as int8-outliers", Assert.Throws<CheckpointException>(() => CheckpointQuantizer.Run(
                    source, target + "2", new QuantizationOptions { Format = format })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kept_columns_that_do_not_fit_are_refused_with_what_is_wrong()
    {
        Refused("'w.weight.outlier_columns' is missing beside 'w.weight.outliers'", Values(2));
        Refused("'w.weight.outliers' is missing beside", Columns(3, 9));
        Refused("I32 of 1 to 8 columns", Columns(), Values(0));
        Refused("I32 of 1 to 8 columns", Columns([.. Enumerable.Range(0, 9)]), Values(9));
        Refused("I32 of 1 to 8 columns", Columns(3) with { Type = DType.F32 }, Values(1));
        Refused("I32 of 1 to 8 columns", Columns(3, 4) with { Shape = new Shape(1, 2) }, Values(2));
        Refused("expected F16 or F32 of (2, 2)", Columns(3, 9), Values(1));
        Refused("expected F16 or F32 of (2, 2)", Columns(3, 9), Values(2) with { Type = DType.BF16 });
        Refused("expected F16 or F32 of (2, 2)", Columns(3, 9), Values(2) with { Shape = new Shape(4) });
        Refused("column 64 is kept of a matrix of 64 columns", Columns(3, 64), Values(2));
        Refused("column -1 is kept", Columns(-1, 3), Values(2));
        Refused("column 3 is kept after column 9", Columns(9, 3), Values(2));
        Refused("column 3 is kept after column 3", Columns(3, 3), Values(2));
    }

    [Fact]
    public void Columns_are_kept_beside_int8_alone()
    {
        using var file = Write(WeightFormat.Int4Group32, Columns(3, 9), Values(2));
        Assert.Contains(
            "beside codes of int4; only int8 matrices do",
            Assert.Throws<CheckpointException>(() => new QuantizedTensors(file, WeightFormat.Int4Group32)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Kept_values_that_are_no_numbers_are_refused_as_they_are_read()
    {
        using var file = Write(WeightFormat.Int8, Columns(3, 9), Values(2, Half.NaN));
        var tensors = new QuantizedTensors(file, WeightFormat.Int8Outliers);
        foreach (Action read in (Action[])[
            () => tensors.Find("w.weight")!.ToFloats(),
            () => Product(tensors, "w.weight", new CpuOptions { Weights = WeightFormat.Int8Outliers }),
        ])
            Assert.Contains(
                "'w.weight.outliers' has NaN in row 0; values that are kept are finite", Assert.Throws<CheckpointException>(read).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void Codes_where_columns_are_kept_count_the_same_whichever_way_they_are_read()
    {
        // No quantising leaves codes there; a file made by hand may.
        using var file = Write(WeightFormat.Int8, Columns(3, 9), Values(2, (Half)2.5f));
        var tensors = new QuantizedTensors(file, WeightFormat.Int8);
        var values = tensors.Find("w.weight")!.ToFloats();
        Assert.Equal(values[4] + 2.5f, values[3]);
        float sum = 0;
        for (int i = 0; i < 64; i++) sum += values[i] * MathF.Cos(i);
        Assert.Equal(sum, Product(tensors, "w.weight", new CpuOptions { Weights = WeightFormat.Int8Outliers })[0], 1e-2);
    }

    [Fact]
    public void Damage_is_refused_or_gives_finite_values()
    {
        using var intact = Write(WeightFormat.Int8, Columns(3, 9), Values(2, (Half)2.5f));
        var original = File.ReadAllBytes(_folder.File("model.safetensors"));
        var damaged = _folder.File("damaged.safetensors");
        var random = new Random(17);
        int refused = 0;
        for (int round = 0; round < 500; round++)
        {
            File.WriteAllBytes(damaged, Mutation.Of(original, random));
            try
            {
                using var file = SafetensorsFile.Open(damaged);
                var tensors = new QuantizedTensors(file, WeightFormat.Int8Outliers);
                foreach (var name in tensors.Names.Where(tensors.IsQuantized))
                {
                    Assert.All(tensors.Find(name)!.ToFloats(), value => Assert.True(float.IsFinite(value)));
                    var options = new CpuOptions { Weights = WeightFormat.Int8Outliers, Threads = 1 };
                    Assert.Equal(tensors.Find(name)!.Shape[0], Product(tensors, name, options).Length);
                }
            }
            catch (Exception e) when (e is CheckpointException or ModelException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 100, 499);
    }

    static TensorToWrite Columns(params int[] columns) =>
        new("w.weight.outlier_columns", DType.I32, new Shape(columns.Length), stream => stream.Write(MemoryMarshal.AsBytes<int>(columns)));

    static TensorToWrite Values(int count, Half value = default) =>
        new("w.weight.outliers", DType.F16, new Shape(2, count), stream => stream.Write(
            MemoryMarshal.AsBytes<Half>(Enumerable.Repeat(value, 2 * count).ToArray())));

    void Refused(string because, params TensorToWrite[] parts)
    {
        using var file = Write(WeightFormat.Int8, parts);
        Assert.Contains(
            because, Assert.Throws<CheckpointException>(() => new QuantizedTensors(file, WeightFormat.Int8)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>A file with the matrix <c>w.weight</c> of (2, 64), every value the largest of its row, and further parts.</summary>
    SafetensorsFile Write(WeightFormat format, params TensorToWrite[] parts)
    {
        var row = new QuantizedRow(format, 64);
        row.Quantize(Enumerable.Repeat(1f, 64).ToArray());
        SafetensorsWriter.Write(_folder.File("model.safetensors"), [.. WeightScheme.Parts(format, 2, 64)
            .Select(part => new TensorToWrite($"w.weight{part.Suffix}", part.Type, part.Shape, stream =>
            {
                stream.Write(WeightScheme.PartOf(row, part.Suffix));
                stream.Write(WeightScheme.PartOf(row, part.Suffix));
            })), .. parts]);
        return SafetensorsFile.Open(_folder.File("model.safetensors"));
    }

    /// <summary>A random model with two columns of some matrices thirty times as large, and the same quantised.</summary>
    (string Source, string Target, QuantizationResult Result) Quantized(Func<string, bool> planted)
    {
        var source = RandomModel.WriteTo(_folder.Path);
        var path = Path.Combine(source, "model.safetensors");
        var changed = new Dictionary<string, byte[]>();
        using (var file = SafetensorsFile.Open(path))
        {
            foreach (var name in file.Names)
            {
                var tensor = file.Find(name)!;
                var values = tensor.ToFloats();
                if (tensor.Shape.Rank == 2 && planted(name))
                {
                    for (int i = 0; i < values.Length; i++) values[i] *= s_planted.Contains(i % tensor.Shape[1]) ? 30 : 1;
                }
                changed[name] = MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, value => (Half)value)).ToArray();
            }
            SafetensorsWriter.Write(path + ".new", file.Names
                .Select(name => new TensorToWrite(name, DType.F16, file.Find(name)!.Shape, stream => stream.Write(changed[name])))
                .ToList());
        }
        File.Move(path + ".new", path, overwrite: true);
        var target = Path.Combine(_folder.Path, "outliers");
        return (source, target, CheckpointQuantizer.Run(source, target, new QuantizationOptions { Format = WeightFormat.Int8Outliers }));
    }

    static float[] PlainInt8(float[] values, int columns)
    {
        var back = new float[values.Length];
        var row = new QuantizedRow(WeightFormat.Int8, columns);
        for (int i = 0; i < values.Length; i += columns)
        {
            row.Quantize(values.AsSpan(i, columns));
            row.Dequantize(back.AsSpan(i, columns));
        }
        return back;
    }

    static float[] Product(ITensorStore store, string name, CpuOptions options)
    {
        var shape = store.Find(name)!.Shape;
        float[] x = [.. Enumerable.Range(0, shape[1]).Select(i => MathF.Cos(i))];
        using var device = new CpuDevice(options);
        using var backend = new CpuBackend(device);
        var scope = new Scope(store);
        var path = name.Split('.');
        foreach (var part in path[..^1]) scope /= part;
        var y = CpuBackend.Read(
            backend.Linear(backend.Input(x, new Shape(1, shape[1])), scope.Parameter(path[^1], shape), bias: null, default)).ToArray();
        device.Unload(scope);
        return y;
    }
}
