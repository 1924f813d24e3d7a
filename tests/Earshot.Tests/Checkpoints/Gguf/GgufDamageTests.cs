using System.Text.Json;

namespace Earshot.Checkpoints.Gguf;

/// <summary>Damaged GGUF files are refused with a message that says what is wrong, never with another exception.</summary>
public sealed class GgufDamageTests : IDisposable
{
    // What a message has to say for each class of the reference outputs' corrupt.json.
    static readonly Dictionary<string, string> s_said = new()
    {
        ["Truncated"] = "incomplete",
        ["NotGguf"] = "in no format that is known",
        ["UnsupportedVersion"] = "version",
        ["CountTooLarge"] = "at least",
        ["StringTooLong"] = "a string of the metadata key",
        ["BadAlignment"] = "a power of two",
        ["BadOffset"] = "begins at byte",
        ["UnknownTensorType"] = "has the type",
        ["UnknownMetadataType"] = "has a value of type",
        ["BadValue"] = "is a bool of",
        ["DuplicateKey"] = "appears twice",
        ["DuplicateTensor"] = "appears twice",
        ["BadShape"] = "tensor",
    };

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_damaged_file_of_the_reference_is_refused_for_its_reason()
    {
        using var corrupt = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/gguf-blocks/corrupt.json")));
        foreach (var entry in corrupt.RootElement.EnumerateObject())
        {
            var message = Refused(TestData.Require($"goldens/gguf-blocks/corrupt/{entry.Name}"));
            Assert.True(
                message.Contains(s_said[entry.Value.GetProperty("expect").GetString()!], StringComparison.Ordinal)
                    && message.Contains(entry.Name, StringComparison.Ordinal), message);
        }
        Assert.Equal(24, corrupt.RootElement.EnumerateObject().Count());
    }

    [Theory]
    [InlineData("big-endian.gguf", "it is big-endian (version 3)")]
    [InlineData("version-1.gguf", "version 1 of the format; versions 2 and 3 are read")]
    [InlineData("removed-tensor-type.gguf", "4 (Q4_2, which ggml has removed); those that are read are F32, F16, BF16")]
    [InlineData("truncated-tensor-data.gguf", "it has 207 of 224 bytes, and ends before tensor 'b' does. Download it again.")]
    [InlineData("row-not-whole-blocks.gguf", "of type Q8_0 has rows of 31 elements; expected whole blocks of 32")]
    public void Messages_say_what_was_expected_and_what_to_do(string name, string expected) =>
        Assert.Contains(expected, Refused(TestData.Require($"goldens/gguf-blocks/corrupt/{name}")), StringComparison.Ordinal);

    [Fact]
    public void Nested_arrays_are_read_and_limited()
    {
        using (GgufFile.Open(TestData.Require("goldens/gguf-blocks/nested-array.gguf"))) { }
        Assert.Contains("nests arrays", Refused(Write(new GgufBytes().Array("deep", 9, 1, writer =>
        {
            for (int i = 0; i < 100; i++)
            {
                writer.Write(9);
                writer.Write(1L);
            }
        }).ToArray())), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_in_place_of_a_file_is_named()
    {
        Assert.Contains("a web page", Refused(Write("<!DOCTYPE html><html><head></head></html>"u8.ToArray())), StringComparison.Ordinal);
        Assert.Contains("Git LFS", Refused(Write("version https://git-lfs.github.com/spec/v1"u8.ToArray())), StringComparison.Ordinal);
        Assert.Contains("0 bytes long", Refused(Write([])), StringComparison.Ordinal);
        Assert.Contains("There is no file", Refused(_folder.File("absent.gguf")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_ends_anywhere_is_refused()
    {
        var whole = new GgufBytes().Text("general.architecture", "llama").Number("n", 3)
            .Array("texts", 8, 2, writer => { GgufBytes.Write(writer, "one"); GgufBytes.Write(writer, "two"); })
            .Floats("a", 1, 2, 3).Tensor("b", [32, 2], 8, new byte[68]).ToArray();
        for (int length = 0; length < whole.Length; length++) Refused(Write(whole[..length]));
        using var file = GgufFile.Open(Write(whole));
        Assert.Equal(2, file.Names.Count);
    }

    [Fact]
    public void Damaged_files_give_checkpoint_errors_only()
    {
        byte[][] seeds =
        [
            File.ReadAllBytes(TestData.Require("goldens/gguf-blocks/all-types.gguf")),
            File.ReadAllBytes(TestData.Require("goldens/gguf-blocks/version-2.gguf")),
            new GgufBytes().Text("t", "text").Array("a", 8, 1, writer => GgufBytes.Write(writer, "x")).Floats("w", 1, 2).ToArray(),
        ];
        int refused = 0, tries = 0;
        foreach (var random in Fuzzing.Tries(600))
        {
            tries++;
            // Most damage is to come to the header, most of which is small numbers.
            var seed = seeds[random.Next(seeds.Length)];
            var bytes = random.Next(3) == 0 ? Mutation.Of(seed, random) : Fuzzing.WithNumber(seed, random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var file = GgufFile.Open(Write(bytes));
                foreach (var name in file.Names) file.Find(name)!.Read(0, new byte[file.Find(name)!.ByteLength]);
            }
            catch (CheckpointException e)
            {
                refused++;
                Assert.DoesNotContain('\n', e.Message);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        }
        Assert.InRange(refused, tries / 4, tries - 1);
    }

    static string Refused(string path) => Assert.Throws<CheckpointException>(() => GgufFile.Open(path).Dispose()).Message;

    string Write(byte[] bytes)
    {
        File.WriteAllBytes(_folder.File("model.gguf"), bytes);
        return _folder.File("model.gguf");
    }
}
