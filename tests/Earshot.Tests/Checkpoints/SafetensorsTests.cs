using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Earshot.Compute;

namespace Earshot.Checkpoints;

public sealed class SafetensorsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_what_was_written()
    {
        float[] floats = [1.5f, -2, 3, 4, 5, 6];
        var path = _folder.File("model.safetensors");
        SafetensorsWriter.Write(path,
            [
                Tensor("bytes", DType.U8, [3], [7, 8, 9]),
                Tensor("ü.weight", DType.F32, [2, 3], MemoryMarshal.AsBytes(floats.AsSpan()).ToArray()),
                Tensor("none", DType.I64, [0, 4], []),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        using var file = SafetensorsFile.Open(path);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(["bytes", "none", "ü.weight"], file.Names.Order(StringComparer.Ordinal));
        var weight = file.Find("ü.weight")!;
        Assert.Equal(new Shape(2, 3), weight.Shape);
        Assert.Equal(floats, MemoryMarshal.Cast<byte, float>(Bytes(weight)).ToArray());
        var part = new byte[4];
        weight.Read(8, part);
        Assert.Equal(3f, BinaryPrimitives.ReadSingleLittleEndian(part));
        Assert.Throws<ArgumentOutOfRangeException>(() => weight.Read(21, part));
        Assert.Throws<ArgumentOutOfRangeException>(() => weight.Read(-1, part));
        Assert.Equal(0, file.Find("none")!.ByteLength);
        Assert.Null(file.Find("other"));
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Places_tensors_so_that_elements_are_aligned()
    {
        var path = _folder.File("model.safetensors");
        SafetensorsWriter.Write(
            path,
            [Tensor("a", DType.U8, [3], new byte[3]), Tensor("b", DType.F32, [1], new byte[4]), Tensor("c", DType.F64, [1], new byte[8])]);
        using var file = SafetensorsFile.Open(path);
        foreach (var name in file.Names)
        {
            var tensor = file.Find(name)!;
            Assert.Equal(0, tensor.FileOffset % tensor.Type.Size());
            Assert.Equal(path, tensor.File);
        }
    }

    [Fact]
    public void Writing_fails_without_leaving_a_file()
    {
        var path = _folder.File("model.safetensors");
        var error = Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(path, [Tensor("short", DType.F32, [2], new byte[7])]));
        Assert.Contains("'short' of type F32 and shape (2) takes 8 bytes; its callback wrote 7", error.Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(
            () => SafetensorsWriter.Write(path, [Tensor("a", DType.U8, [0], []), Tensor("a", DType.U8, [0], [])]));
        Assert.Throws<OperationCanceledException>(
            () => SafetensorsWriter.Write(path, [Tensor("a", DType.U8, [0], [])], null, new CancellationToken(true)));
        Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(_folder.File("absent/model.safetensors"), []));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("", 0, "not valid JSON")]
    [InlineData("[]", 0, "not a JSON object")]
    [InlineData("{\"a\":", 0, "not valid JSON")]
    [InlineData("{} x", 0, "not valid JSON")]
    [InlineData("{\"a\":1}", 0, "not described by an object")]
    [InlineData("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype 'F8_E4M3'")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, "takes 2 bytes, but its offsets give it 1")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 2, "end at byte 1 of the data, which is 2 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "leaves a hole")]
    [InlineData(
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
        "overlaps")]
    [InlineData(
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
        "'a' appears twice")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "'dtype' twice")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}", 1, "bytes 0 to 9 of data that is 1 bytes long")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1, "bytes 1 to 0")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", 1, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, "more than 6")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647],\"data_offsets\":[0,1]}}", 1, "beyond any memory")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296],\"data_offsets\":[0,1]}}", 1, "beyond any memory")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, "more than 2")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "lacks one of")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", 0, "not a string")]
    [InlineData("{\"__metadata__\":[]}", 0, "not an object of strings")]
    [InlineData("{\"\\ud800\":{}}", 0, "not valid JSON")]
    public void Refuses_a_header_that_breaks_the_format(string header, int dataLength, string reason)
    {
        var path = WriteRaw((ulong)Encoding.UTF8.GetByteCount(header), header, dataLength);
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        File.Delete(path);
    }

    [Theory]
    [InlineData(3ul)]
    [InlineData(100_000_001ul)]
    [InlineData(ulong.MaxValue)]
    public void Refuses_a_header_longer_than_the_file(ulong length)
    {
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(WriteRaw(length, "{}", 0)));
        Assert.Contains($"a header of {length} bytes; the file has 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_files_that_are_absent_empty_or_folders()
    {
        Assert.Contains(
            "There is no file", Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(_folder.File("absent"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "0 bytes long", Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(_folder.Write("empty", ""))).Message,
            StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(_folder.Path));
    }

    [Fact]
    public void Reads_a_checkpoint_in_shards()
    {
        SafetensorsWriter.Write(_folder.File("m-1.safetensors"), [Tensor("a", DType.U8, [1], [1])]);
        SafetensorsWriter.Write(_folder.File("m-2.safetensors"), [Tensor("b", DType.U8, [1], [2]), Tensor("c", DType.U8, [1], [3])]);
        WriteIndex("""{"metadata":{"total_size":3},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-2.safetensors"}}""");
        using var store = SafetensorsCheckpoint.Open(_folder.Path);
        Assert.Equal(["a", "b", "c"], store.Names.Order(StringComparer.Ordinal));
        Assert.Equal([3], Bytes(store.Find("c")!));
        Assert.Null(store.Find("d"));
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"/etc/m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"sub\\m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"c:m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"m-1.bin"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":1}}""", "plain name")]
    [InlineData("""{"weight_map":{"z":"m-1.safetensors"}}""", "does not have it")]
    [InlineData("""{"weight_map":{"a":"m-3.safetensors"}}""", "There is no file")]
    [InlineData("""{"weight_map":[]}""", "weight_map")]
    [InlineData("""[]""", "expected an object")]
    [InlineData("""{"a":1,"a":2}""", "not valid JSON")]
    public void Refuses_an_index_that_lies(string index, string reason)
    {
        SafetensorsWriter.Write(_folder.File("m-1.safetensors"), [Tensor("a", DType.U8, [1], [1])]);
        WriteIndex(index);
        Assert.Contains(
            reason, Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Never_opens_pickles_and_says_how_to_convert()
    {
        Assert.Contains(
            "neither", Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(_folder.Path)).Message,
            StringComparison.Ordinal);
        // Protocol 2, and a stop.
        File.WriteAllBytes(_folder.File("pytorch_model.bin"), [0x80, 2, (byte)'.']);
        var message = Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(_folder.Path)).Message;
        Assert.Contains("pickle", message, StringComparison.Ordinal);
        Assert.Contains("safe_serialization=True", message, StringComparison.Ordinal);
        Assert.Contains(
            "no folder", Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(_folder.File("absent"))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DType.F64)]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Finds_the_first_value_that_is_not_finite(DType type)
    {
        const int count = 100_003;
        var path = _folder.File("model.safetensors");
        foreach (int bad in (int[])[-1, 0, 37, 70_001, count - 1])
        {
            var bytes = new byte[count * type.Size()];
            new Random(bad).NextBytes(bytes);
            // Clearing the second highest bit of each element leaves no exponent full.
            for (int i = type.Size() - 1; i < bytes.Length; i += type.Size()) bytes[i] &= 0xBF;
            if (bad >= 0) bytes.AsSpan(bad * type.Size(), type.Size()).Fill(0xFF);
            SafetensorsWriter.Write(path, [Tensor("w", type, [count], bytes)]);
            using var file = SafetensorsFile.Open(path);
            var found = TensorScan.FindNonFinite(file.Find("w")!);
            Assert.Equal(bad < 0 ? null : bad, found?.Index);
            if (found is { } value) Assert.True(double.IsNaN(value.Value));
        }
    }

    [Fact]
    public void Integers_are_always_finite_and_infinity_is_not()
    {
        SafetensorsWriter.Write(
            _folder.File("m"), [Tensor("i", DType.I32, [1], [0xFF, 0xFF, 0xFF, 0xFF]), Tensor("h", DType.F16, [2], [0, 0, 0, 0xFC])]);
        using var file = SafetensorsFile.Open(_folder.File("m"));
        Assert.Null(TensorScan.FindNonFinite(file.Find("i")!));
        Assert.Equal(new NonFiniteValue(1, double.NegativeInfinity), TensorScan.FindNonFinite(file.Find("h")!));
    }

    [Fact]
    public void Damaged_files_give_checkpoint_errors_only()
    {
        var path = _folder.File("model.safetensors");
        SafetensorsWriter.Write(
            path, [Tensor("a", DType.F32, [2, 2], new byte[16]), Tensor("b", DType.U8, [5], new byte[5])],
            new Dictionary<string, string> { ["k"] = "v" });
        var original = File.ReadAllBytes(path);
        var random = new Random(1);
        int refused = 0;
        for (int round = 0; round < 3000; round++)
        {
            File.WriteAllBytes(path, Mutation.Of(original, random));
            try
            {
                using var file = SafetensorsFile.Open(path);
                foreach (var name in file.Names) Bytes(file.Find(name)!);
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 1000, 2999);
    }

    static TensorToWrite Tensor(string name, DType type, int[] shape, byte[] bytes) =>
        new(name, type, new Shape(shape), stream => stream.Write(bytes));

    static byte[] Bytes(StoredTensor tensor)
    {
        var bytes = new byte[tensor.ByteLength];
        tensor.Read(0, bytes);
        return bytes;
    }

    void WriteIndex(string json) => _folder.Write(SafetensorsCheckpoint.IndexName, json);

    string WriteRaw(ulong headerLength, string header, int dataLength)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, headerLength);
        var path = _folder.File("raw.safetensors");
        File.WriteAllBytes(path, [.. prefix, .. Encoding.UTF8.GetBytes(header), .. new byte[dataLength]]);
        return path;
    }
}
