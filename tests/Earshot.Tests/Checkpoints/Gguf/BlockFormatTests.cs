using System.Runtime.InteropServices;
using System.Text.Json;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Checkpoints.Gguf;

/// <summary>ggml's blocks against values of the gguf package and of ggml's C library, bit for bit.</summary>
public class BlockFormatTests
{
    public static TheoryData<string> Names =>
        ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "Q2_K", "Q3_K", "IQ4_NL", "IQ4_XS"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_are_those_of_the_reference_bit_for_bit(string name)
    {
        var (format, bytes, expected) = Golden(name);
        var values = new float[expected.Length];
        format.Dequantize(bytes, values);
        Assert.Equal(MemoryMarshal.Cast<float, uint>(expected).ToArray(), MemoryMarshal.Cast<float, uint>(values).ToArray());
        // A block's numbers depend on nothing else.
        var one = new float[format.Length];
        format.Dequantize(bytes.AsSpan(format.Bytes, format.Bytes), one);
        Assert.Equal(expected[format.Length..(2 * format.Length)], one);
    }

    [Fact]
    public void Every_type_has_the_number_and_the_sizes_of_the_reference()
    {
        using var index = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/gguf-blocks/index.json")));
        foreach (var entry in index.RootElement.EnumerateObject())
        {
            var type = GgmlType.Find(entry.Value.GetProperty("ggml_type").GetUInt32())!;
            Assert.Equal(entry.Name, type.Name);
            Assert.Equal(entry.Value.GetProperty("block_elements").GetInt32(), type.BlockLength);
            Assert.Equal(entry.Value.GetProperty("block_bytes").GetInt64(), type.BytesOf(type.BlockLength));
        }
    }

    [Fact]
    public void What_is_no_whole_block_is_refused()
    {
        Assert.Throws<ArgumentException>(() => BlockFormat.Q4_0.Dequantize(new byte[18], new float[31]));
        Assert.Throws<ArgumentException>(() => BlockFormat.Q4_0.Dequantize(new byte[17], new float[32]));
        Assert.Throws<ArgumentException>(() => BlockFormat.Q6_K.Dequantize(new byte[420], new float[256]));
        BlockFormat.Q6_K.Dequantize([], []);
    }

    static (BlockFormat Format, byte[] Bytes, float[] Values) Golden(string name)
    {
        using var index = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/gguf-blocks/index.json")));
        var format = GgmlType.Find(index.RootElement.GetProperty(name).GetProperty("ggml_type").GetUInt32())!.Blocks!;
        var bytes = NpyFile.Read(TestData.Require($"goldens/gguf-blocks/{name}.bytes.npy")).Values;
        return (format, [.. bytes.Select(value => (byte)value)], NpyFile.Read(
            TestData.Require($"goldens/gguf-blocks/{name}.values.npy")).Values);
    }
}
