using System.Text.Json;
using Earshot.Compute;

namespace Earshot.Checkpoints.Torch;

/// <summary>PyTorch's files, those to be read and those to be refused.</summary>
public sealed class TorchCheckpointTests : IDisposable
{
    static string Goldens => TestData.Require("goldens/torch-checkpoints");

    readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> Refused => new()
    {
        { "big_endian.pt", "byte order is 'big'" },
        { "build_on_global.pt", "opcode BUILD" },
        { "eval.pt", "builtins.eval" },
        { "global_in_state.pt", "subprocess.Popen" },
        { "huge_size.pt", "too large for any memory" },
        { "memo_missing.pt", "recalls the value" },
        { "negative_stride.pt", "the stride -" },
        { "newobj.pt", "NEWOBJ (0x81)" },
        { "not_a_zip.pt", "has no directory" },
        { "offset_beyond.pt", "beyond its storage" },
        { "os_system.pt", "posix.system" },
        { "pickle_ends_early.pt", "ends before its last opcode" },
        { "stack_empty.pt", "a mark that is not there" },
        { "storage_key_path.pt", "expected digits" },
        { "storage_missing.pt", "the storage 7 is missing" },
        { "storage_short.pt", "the storage 0 has 16 bytes" },
        { "stride_beyond.pt", "beyond its storage" },
        { "truncated.pt", "has no directory" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tensors.pt", "tensors.json")]
    [InlineData("module.pt", "module.json")]
    [InlineData("protocol4.pt", "module.json")]
    [InlineData("legacy.pt", "module.json")]
    public void Tensors_are_those_that_were_saved(string file, string expected)
    {
        using var checkpoint = TorchCheckpoint.Open(Golden(file));
        Check(checkpoint, expected, "");
    }

    [Fact]
    public void A_trainers_checkpoint_gives_its_model()
    {
        using var checkpoint = TorchCheckpoint.Open(Golden("nested.pt"));
        Check(checkpoint, "module.json", "");
    }

    [Fact]
    public void The_smallest_file_there_is()
    {
        using var checkpoint = TorchCheckpoint.Open(Golden("handmade.pt"));
        Assert.Equal(["w"], checkpoint.Names);
        Assert.Equal([0, 1, 2, 3], checkpoint.Find("w")!.ToFloats());
        Assert.Equal(new Shape(2, 2), checkpoint.Find("w")!.Shape);
    }

    [Fact]
    public void Tensors_in_order_are_mapped_from_the_file()
    {
        using var checkpoint = TorchCheckpoint.Open(Golden("tensors.pt"));
        var plain = checkpoint.Find("window_b")!;
        Assert.IsAssignableFrom<IMappedTensor>(plain);
        Assert.Equal(Golden("tensors.pt"), plain.File);
        var bytes = new byte[plain.ByteLength];
        using (var file = File.OpenRead(plain.File!))
        {
            file.Position = plain.FileOffset;
            file.ReadExactly(bytes);
        }
        Assert.Equal(BitConverter.ToSingle(bytes, 4), plain.ToFloats()[1]);
        Assert.Null(checkpoint.Find("transposed")!.File);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_not_plain_data_is_refused_by_name(string file, string reason)
    {
        var path = Golden($"refuse/{file}");
        var error = Assert.Throws<CheckpointException>(() => TorchCheckpoint.Open(path));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_file_that_is_to_be_refused_is_named_here() => Assert.Equal(
        Directory.EnumerateFiles(Golden("refuse"), "*.pt").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal),
        Refused.Select(row => row.Data.Item1).Order(StringComparer.Ordinal));

    [Fact]
    public void Refusing_takes_little_memory()
    {
        foreach (var (file, _) in Refused.Select(row => row.Data))
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<CheckpointException>(() => TorchCheckpoint.Open(Golden($"refuse/{file}")));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        }
    }

    [Theory]
    [InlineData("tensors.pt", 600)]
    [InlineData("nested.pt", 400)]
    [InlineData("legacy.pt", 400)]
    public void Damaged_files_give_checkpoint_errors_only(string file, int rounds)
    {
        var original = File.ReadAllBytes(Golden(file));
        var path = _folder.File("damaged.pt");
        int refused = 0, tried = 0;
        foreach (var random in Fuzzing.Tries(rounds))
        {
            tried++;
            File.WriteAllBytes(path, random.Next(2) == 0 ? Mutation.Of(original, random) : Fuzzing.WithNumber(original, random));
            try
            {
                using var checkpoint = TorchCheckpoint.Open(path);
                foreach (var name in checkpoint.Names) Bytes(checkpoint.Find(name)!);
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, tried / 10, tried - 1);
    }

    [Fact]
    public void A_models_folder_may_have_its_weights_so()
    {
        _folder.Write(ModelFolder.ConfigName, """{"model_type": "any"}""");
        File.Copy(Golden("module.pt"), _folder.File(TorchCheckpoint.FileName));
        Assert.Equal("any", new ModelFolder(_folder.Path).ModelType);
        using (var weights = new ModelFolder(_folder.Path).OpenWeights()) Check(weights, "module.json", "");
        using var names = TorchCheckpoint.Open(Golden("module.pt"));
        File.Move(_folder.File(TorchCheckpoint.FileName), _folder.File("pytorch_model-00001-of-00001.bin"));
        _folder.Write(TorchCheckpoint.IndexName, JsonSerializer.Serialize(new
        {
            weight_map = names.Names.ToDictionary(name => name, _ => "pytorch_model-00001-of-00001.bin"),
        }));
        using var sharded = new ModelFolder(_folder.Path).OpenWeights();
        Check(sharded, "module.json", "");
    }

    static void Check(ITensorStore checkpoint, string expected, string prefix)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Golden(expected)));
        Assert.Equal(json.RootElement.EnumerateObject().Select(item => prefix + item.Name), checkpoint.Names);
        foreach (var item in json.RootElement.EnumerateObject())
        {
            var tensor = checkpoint.Find(prefix + item.Name)!;
            Assert.Equal(item.Value.GetProperty("dtype").GetString(), NameOf(tensor.Type));
            Assert.Equal(new Shape([.. item.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())]), tensor.Shape);
            Assert.Equal(item.Value.GetProperty("values").EnumerateArray().Select(value => value.GetDouble()), Values(tensor));
        }
    }

    static IEnumerable<double> Values(StoredTensor tensor)
    {
        var bytes = Bytes(tensor);
        for (int i = 0; i < tensor.Shape.Count; i++)
        {
            var at = bytes.AsSpan(i * tensor.Type.Size());
            yield return tensor.Type switch
            {
                DType.F64 => BitConverter.ToDouble(at),
                DType.F32 => BitConverter.ToSingle(at),
                DType.F16 => (double)BitConverter.ToHalf(at),
                DType.BF16 => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(at) << 16),
                DType.I64 => BitConverter.ToInt64(at),
                DType.I32 => BitConverter.ToInt32(at),
                DType.I16 => BitConverter.ToInt16(at),
                DType.I8 => (sbyte)at[0],
                _ => at[0],
            };
        }
    }

    static string NameOf(DType type) => type switch
    {
        DType.F64 => "float64",
        DType.F32 => "float32",
        DType.F16 => "float16",
        DType.BF16 => "bfloat16",
        DType.I64 => "int64",
        DType.I32 => "int32",
        DType.I16 => "int16",
        DType.I8 => "int8",
        DType.U8 => "uint8",
        _ => "bool",
    };

    static byte[] Bytes(StoredTensor tensor)
    {
        var bytes = new byte[tensor.ByteLength];
        tensor.Read(0, bytes);
        return bytes;
    }

    static string Golden(string file) => Path.Combine(Goldens, file);
}
