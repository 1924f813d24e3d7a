using System.Text.Json;
using Earshot.Compute;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Checkpoints.Gguf;

public sealed class GgufFileTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("all-types.gguf")]
    [InlineData("alignment-64.gguf")]
    [InlineData("version-2.gguf")]
    [InlineData("version-3.gguf")]
    [InlineData("no-tensors.gguf")]
    public void Reads_what_the_reference_reads(string name)
    {
        using var file = GgufFile.Open(Golden(name));
        using var expected = JsonDocument.Parse(File.ReadAllText(Golden("files.json")));
        var tensors = expected.RootElement.TryGetProperty(name, out var listed) ? listed.EnumerateObject().ToList() : [];
        Assert.Equal(tensors.Select(tensor => tensor.Name).Order(), file.Names.Order());
        foreach (var (key, told) in tensors.Select(tensor => (tensor.Name, tensor.Value)))
        {
            var info = file.Tensors.Single(tensor => tensor.Name == key);
            Assert.Equal(told.GetProperty("type").GetString(), info.Type.Name);
            Assert.Equal(new Shape([.. told.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()).Reverse()]), info.Shape);
            var tensor = file.Find(key)!;
            Assert.Equal(info.Shape, tensor.Shape);
            Assert.Equal(0, tensor.FileOffset % file.Alignment);
            if (tensor.Type.Size() < 2) continue;
            CheckValues(told, Values(tensor));
        }
    }

    [Fact]
    public void Metadata_of_every_type_is_found_by_what_it_is()
    {
        var path = Write(new GgufBytes()
            .Text("general.architecture", "llama")
            .Add("u8", 0, writer => writer.Write((byte)200)).Add("i8", 1, writer => writer.Write((sbyte)-2))
            .Add("u16", 2, writer => writer.Write((ushort)60_000)).Add("i16", 3, writer => writer.Write((short)-3))
            .Number("u32", 4_000_000_000).Add("i32", 5, writer => writer.Write(-4))
            .Add("f32", 6, writer => writer.Write(0.5f)).Add("yes", 7, writer => writer.Write((byte)1))
            .Add("u64", 10, writer => writer.Write(ulong.MaxValue)).Add("i64", 11, writer => writer.Write(-5L))
            .Add("f64", 12, writer => writer.Write(0.1))
            .Array("texts", 8, 2, writer => { GgufBytes.Write(writer, "a"); GgufBytes.Write(writer, "ü"); })
            .Array("ints", 5, 2, writer => { writer.Write(-1); writer.Write(2); })
            .Array("uints", 4, 2, writer => { writer.Write(1u); writer.Write(uint.MaxValue); })
            .Array("floats", 6, 2, writer => { writer.Write(1.5f); writer.Write(-2f); })
            .Array("bytes", 0, 2, writer => { writer.Write((byte)7); writer.Write((byte)255); })
            .Array("empty", 8, 0, _ => { })
            .Array("nested", 9, 1, writer => { writer.Write(5); writer.Write(1L); writer.Write(9); }).ToArray());
        using var file = GgufFile.Open(path);
        var metadata = file.Metadata;
        Assert.Equal("llama", metadata.Architecture);
        Assert.Equal(
            [200L, -2, 60_000, -3, 4_000_000_000, -4, -5],
            new[] { "u8", "i8", "u16", "i16", "u32", "i32", "i64" }.Select(key => metadata.FindInteger(key)!.Value));
        Assert.Equal([0.5, 0.1, 4_000_000_000, ulong.MaxValue],
            new[] { "f32", "f64", "u32", "u64" }.Select(key => metadata.FindNumber(key)!.Value));
        Assert.True(metadata.FindBoolean("yes"));
        Assert.Equal(["a", "ü"], metadata.FindStrings("texts")!);
        Assert.Equal([-1, 2], metadata.FindIntegers("ints")!);
        Assert.Equal([7, 255], metadata.FindIntegers("bytes")!);
        Assert.Equal([1.5f, -2f], metadata.FindFloats("floats")!);
        Assert.Equal([-1f, 2f], metadata.FindFloats("ints")!);
        Assert.Empty(metadata.FindStrings("empty")!);
        Assert.Null(metadata.FindString("absent"));
        Assert.Equal([9], (int[])((Array[])metadata.Find("nested")!)[0]);
        Assert.Equal("array", GgufMetadata.ElementName((Array)metadata.Find("nested")!));
        Says("'texts' should be a string; got an array of 2 × string", () => metadata.FindString("texts"));
        Says("'u64' should be a whole number; got 18446744073709551615", () => metadata.FindInteger("u64"));
        Says("'uints' should be whole numbers of 32 bits; got 4294967295", () => metadata.FindIntegers("uints"));
        Says("'f32' should be a whole number; got 0.5", () => metadata.FindInteger("f32"));
        Says("'yes' should be a whole number; got true", () => metadata.RequireInteger("yes", 0, 9));
        Says("no metadata key 'absent'", () => metadata.RequireStrings("absent"));
    }

    [Fact]
    public void Blocks_are_read_in_any_pieces_and_as_they_are()
    {
        using var file = GgufFile.Open(Golden("all-types.gguf"));
        var tensor = file.Find("q4_k.weight")!;
        var blocks = Assert.IsAssignableFrom<IStoredBlocks>(tensor);
        Assert.Same(BlockFormat.Q4_K, blocks.Format);
        var all = tensor.ToFloats();
        for (int from = 0; from < all.Length; from += 37)
        {
            for (int count = 1; from + count <= all.Length; count += 61)
            {
                var part = new float[count];
                tensor.ReadFloats(from, part);
                Assert.Equal(all[from..(from + count)], part);
            }
        }
        var bytes = new byte[BlockFormat.Q4_K.BytesOf(tensor.Shape.Count)];
        blocks.ReadBlocks(0, bytes);
        var values = new float[all.Length];
        BlockFormat.Q4_K.Dequantize(bytes, values);
        Assert.Equal(all, values);
        var (memory, offset) = blocks.Mapped;
        var mapped = new byte[bytes.Length];
        memory.ReadSpan((ulong)offset, mapped.AsSpan());
        Assert.Equal(bytes, mapped);
        Assert.Throws<ArgumentOutOfRangeException>(() => blocks.ReadBlocks(1, bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadFloats(1, all));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Read(-4, new byte[4]));
    }

    [Fact]
    public void A_file_that_shrinks_or_is_written_to_ends_in_a_message()
    {
        var path = Write(new GgufBytes().Floats("a", new float[64]).Tensor("b", [64], 2, new byte[36]).ToArray());
        using var file = GgufFile.Open(path);
        var blocks = (IStoredBlocks)file.Find("b")!;
        blocks.ThrowIfChanged();
        _ = blocks.Mapped;
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
            stream.SetLength(200);
        Says("it was changed while a model is open", () => file.Find("b")!.ToFloats());
        Says("ends at byte 200", () => file.Find("a")!.ToFloats());
        Thread.Sleep(30); // looked at again after some milliseconds
        Says("is 200 bytes long", blocks.ThrowIfChanged);
        Says("is 200 bytes long", () => _ = blocks.Mapped);
    }

    [Fact]
    public void A_file_that_is_overwritten_in_place_is_noticed()
    {
        var path = Write(new GgufBytes().Tensor("b", [64], 2, new byte[36]).ToArray());
        using var file = GgufFile.Open(path);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(5));
        Says("was written to since it was opened", () => _ = ((IStoredBlocks)file.Find("b")!).Mapped);
    }

    [Fact]
    public void The_real_file_opens_whole()
    {
        using var file = GgufFile.Open(TestData.Require("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"));
        Assert.Equal(("llama", 30, 576), (file.Metadata.Architecture,
            file.Metadata.RequireInteger("llama.block_count", 1, 1000),
            file.Metadata.RequireInteger("llama.embedding_length", 1, 100_000)));
        Assert.Equal(49_152, file.Metadata.RequireStrings("tokenizer.ggml.tokens").Count);
        Assert.Equal(new Shape(49_152, 576), file.Find("token_embd.weight")!.Shape);
        Assert.Null(TensorScan.FindNonFinite(file.Find("blk.0.ffn_down.weight")!));
    }

    void Says(string what, Action act)
    {
        var message = Assert.Throws<CheckpointException>(act).Message;
        Assert.Contains(what, message, StringComparison.Ordinal);
        Assert.Contains(_folder.Path, message, StringComparison.Ordinal);
    }

    string Write(byte[] bytes)
    {
        File.WriteAllBytes(_folder.File("model.gguf"), bytes);
        return _folder.File("model.gguf");
    }

    static string Golden(string name) => TestData.Require($"goldens/gguf-blocks/{name}");

    static double[] Values(StoredTensor tensor)
    {
        if (tensor.Type is DType.F32 or DType.F16 or DType.BF16 or DType.F64) return [.. tensor.ToFloats().Select(value => (double)value)];
        var bytes = new byte[tensor.ByteLength];
        tensor.Read(0, bytes);
        return [.. Enumerable.Range(0, (int)tensor.Shape.Count).Select(i => tensor.Type switch
        {
            DType.I16 => BitConverter.ToInt16(bytes, i * 2),
            DType.I32 => BitConverter.ToInt32(bytes, i * 4),
            _ => (double)BitConverter.ToInt64(bytes, i * 8),
        })];
    }

    static void CheckValues(JsonElement told, double[] values)
    {
        if (told.TryGetProperty("values", out var all))
        {
            Assert.Equal(all.EnumerateArray().Select(value => value.GetDouble()), values);
            return;
        }
        var first = told.GetProperty("first").EnumerateArray().Select(value => value.GetDouble()).ToArray();
        Assert.Equal(first, values[..first.Length]);
        if (told.TryGetProperty("last", out var last)) Assert.Equal(last[0].GetDouble(), values[^1]);
        Close(told.GetProperty("sum").GetDouble(), values.Sum(), told.GetProperty("abs").GetDouble());
        Close(told.GetProperty("abs").GetDouble(), values.Sum(Math.Abs), told.GetProperty("abs").GetDouble());
    }

    static void Close(double expected, double actual, double size) =>
        Assert.InRange(actual, expected - 1e-9 * size, expected + 1e-9 * size);
}
