using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

/// <summary>Int8 matrices that are saved in panels.</summary>
public sealed class PanelledTensorTests : IDisposable
{
    const int Rows = 45, Columns = 256;

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Panels_lie_at_pages_and_hold_what_rows_would()
    {
        var values = Values();
        using var file = Write(Panels(values), Scales(values));
        var store = new QuantizedTensors(file, WeightFormat.Int8);
        Assert.Equal(["w.weight"], store.Names);
        var stored = store.Find("w.weight")!;
        Assert.Equal(new Shape(Rows, Columns), stored.Shape);
        Assert.Equal(0, file.Find("w.weight.panels")!.FileOffset % 4096);
        var floats = stored.ToFloats();
        var row = new QuantizedRow(WeightFormat.Int8, Columns);
        var expected = new float[Columns];
        for (int r = 0; r < Rows; r++)
        {
            row.Quantize(values.AsSpan(r * Columns, Columns));
            row.Dequantize(expected);
            Assert.Equal(expected, floats[(r * Columns)..((r + 1) * Columns)]);
        }
        // From the middle of a row to the middle of another.
        var part = new float[Columns + 7];
        stored.ReadFloats(Columns * 31 + 100, part);
        Assert.Equal(floats[(Columns * 31 + 100)..(Columns * 32 + 107)], part);
        var scales = new float[Rows];
        ((IInt8Panels)stored).ReadScales(scales);
        row.Quantize(values.AsSpan(44 * Columns, Columns));
        Assert.Equal(row.Int8Scale, scales[44]);
    }

    [Fact]
    public void A_model_in_rows_is_written_anew_in_panels_with_the_same_values()
    {
        var source = TestModels.WhisperBase;
        using var boxed = WhisperFolder.Open(source);
        Assert.IsAssignableFrom<IInt8Panels>(boxed.Weights.Find("model.decoder.embed_tokens.weight"));
        var again = Assert.Throws<CheckpointException>(() =>
            CheckpointQuantizer.Run(source, Path.Combine(_folder.Path, "again"), new QuantizationOptions { Format = WeightFormat.Int8 }));
        Assert.Contains("quantised already", again.Message, StringComparison.Ordinal);

        using var rows = WhisperFolder.Open(TestData.Require("models/whisper-base"));
        foreach (var name in rows.Weights.Names)
        {
            if (name.Contains("decoder.layers.3", StringComparison.Ordinal) || name.Contains("embed", StringComparison.Ordinal))
                Assert.True(rows.Weights.Find(name)!.ToFloats().AsSpan().SequenceEqual(boxed.Weights.Find(name)!.ToFloats()), name);
        }
        Assert.Equal(rows.Weights.Names.Order(StringComparer.Ordinal), boxed.Weights.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Matrices_that_are_kept_stay_in_panels()
    {
        var target = Path.Combine(_folder.Path, "mixed");
        CheckpointQuantizer.Run(TestModels.WhisperBase, target, new QuantizationOptions
        {
            Format = WeightFormat.Int4Group32,
            Keep = name => !name.Contains("layers.0.fc2", StringComparison.Ordinal),
        });
        using var mixed = WhisperFolder.Open(target);
        var tensors = Assert.IsType<QuantizedTensors>(mixed.Weights.Quantized);
        Assert.Equal(WeightFormat.Int4Group32, tensors.FormatOf("model.encoder.layers.0.fc2.weight"));
        Assert.Equal(WeightFormat.Int8, tensors.FormatOf("model.encoder.layers.1.fc2.weight"));
        Assert.IsAssignableFrom<IInt8Panels>(tensors.Find("model.encoder.layers.1.fc2.weight"));
    }

    [Fact]
    public void Damaged_panels_are_refused_with_what_is_wrong()
    {
        var values = Values();
        Refused("missing beside", Panels(values));
        Refused(
            "expected U8 of (panels, steps, 32, 4)", Panels(values),
            Scales(values) with { Shape = new Shape(Rows - 20), WriteBytes = stream => stream.Write(new byte[4 * (Rows - 20)]) });
        Refused("one float32 for each row", Panels(values), Scales(values) with { Type = DType.I32 });
        Refused("expected U8 of (panels, steps, 32, 4)", Panels(values) with { Shape = new Shape(2, 32, 32, 8) }, Scales(values));
        Refused("expected U8 of (panels, steps, 32, 4)", Panels(values) with { Shape = new Shape(2, 64 * 128) }, Scales(values));
        Refused("there twice", Panels(values), Scales(values), new TensorToWrite(
            "w.weight.codes", DType.I8, new Shape(Rows, Columns), stream => stream.Write(new byte[Rows * Columns])));
        // In front of it lies what takes its place at a page.
        Refused("expected a multiple of 4096", Panels(values) with { FileAlignment = 1 }, Scales(values), new TensorToWrite(
            "a", DType.F32, new Shape(1), stream => stream.Write(new byte[4])));
        using var versioned = Write("2", Panels(values), Scales(values));
        Assert.Contains(
            "layout '2'; this version of Earshot reads '1'",
            Assert.Throws<CheckpointException>(() => new QuantizedTensors(versioned, WeightFormat.Int8)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-1f)]
    public void A_scale_that_is_no_scale_is_refused_before_anything_is_computed(float scale)
    {
        var values = Values();
        var scales = Scales(values);
        using var file = Write(Panels(values), scales with
        {
            WriteBytes = stream =>
            {
                var wrong = Enumerable.Repeat(1f, Rows).ToArray();
                wrong[17] = scale;
                stream.Write(MemoryMarshal.AsBytes<float>(wrong));
            },
        });
        var stored = (IInt8Panels)new QuantizedTensors(file, WeightFormat.Int8).Find("w.weight")!;
        Assert.Contains(
            "in row 17; scales are finite", Assert.Throws<CheckpointException>(() => stored.ReadScales(new float[Rows])).Message,
            StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => ((StoredTensor)stored).ToFloats());
    }

    static float[] Values()
    {
        var random = new Random(9);
        return [.. Enumerable.Range(0, Rows * Columns).Select(_ => random.NextSingle() * 2 - 1)];
    }

    static TensorToWrite Panels(float[] values) => new MatrixPanels(new Plain(values)).ToWrite(_ => { }, CancellationToken.None);

    static TensorToWrite Scales(float[] values) => new("w.weight.scales", DType.F32, new Shape(Rows), stream =>
    {
        var row = new QuantizedRow(WeightFormat.Int8, Columns);
        for (int r = 0; r < Rows; r++)
        {
            row.Quantize(values.AsSpan(r * Columns, Columns));
            stream.Write(row.Scales);
        }
    });

    void Refused(string because, params TensorToWrite[] tensors)
    {
        using var file = Write(tensors);
        Assert.Contains(
            because, Assert.Throws<CheckpointException>(() => new QuantizedTensors(file, WeightFormat.Int8)).Message,
            StringComparison.Ordinal);
    }

    SafetensorsFile Write(params TensorToWrite[] tensors) => Write(WeightScheme.LayoutVersion, tensors);

    SafetensorsFile Write(string version, params TensorToWrite[] tensors)
    {
        var path = Path.Combine(_folder.Path, $"{Guid.NewGuid():N}.safetensors");
        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string> { [WeightScheme.LayoutKey] = version });
        return SafetensorsFile.Open(path);
    }

    sealed class Plain(float[] values) : StoredTensor("w.weight", DType.F32, new Shape(Rows, Columns))
    {
        public override void Read(long offset, Span<byte> destination) =>
            MemoryMarshal.AsBytes<float>(values).Slice((int)offset, destination.Length).CopyTo(destination);
    }
}
