using Earshot.Compute;

namespace Earshot.Checkpoints.Gguf;

public sealed class GgufCheckpointTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Any_part_opens_the_whole()
    {
        WriteParts(3);
        for (int given = 1; given <= 3; given++)
        {
            using var model = GgufCheckpoint.Open(Part(given, 3));
            Assert.Equal(["a", "b", "c"], model.Names.Order());
            Assert.Equal("llama", model.Metadata.Architecture);
            Assert.Equal([2f], model.Find("b")!.ToFloats());
            Assert.Null(model.Find("d"));
        }
    }

    [Fact]
    public void Parts_that_are_missing_swapped_or_of_another_model_are_named()
    {
        WriteParts(3);
        File.Delete(Part(3, 3));
        Says("of which 1 are not beside it: m-00003-of-00003.gguf", 1);
        File.Copy(Part(2, 3), Part(3, 3));
        Says("m-00003-of-00003.gguf' does not belong to the parts beside it: it says that it is part 2; its name says 3", 1);
        File.WriteAllBytes(Part(3, 3), Split(2, 4, "c", 3).ToArray());
        Says("it says that it is one of 4 parts; expected 3", 1);
        File.WriteAllBytes(Part(3, 3), Split(2, 3, "b", 3).ToArray());
        Says("tensor 'b' is in 'm-00002-of-00003.gguf' too", 1);
        File.WriteAllBytes(Part(3, 3), Split(2, 3, "c", 3).Floats("d", 1).ToArray());
        Says("it tells of 3 tensors, and the parts have 4 together", 2);
        File.WriteAllBytes(Part(3, 3), Split(2, 3, "c", 3).ToArray()[..^2]);
        Says("the file is incomplete", 2);
    }

    [Fact]
    public void A_part_by_another_name_and_parts_glued_together_are_refused_for_what_they_are()
    {
        WriteParts(2);
        File.Copy(Part(2, 2), _folder.File("renamed.gguf"));
        Assert.Contains(
            "is part 2 of 2 of a model, and its name does not tell so", Refused(_folder.File("renamed.gguf")), StringComparison.Ordinal);
        byte[] first = File.ReadAllBytes(Part(1, 2)), second = File.ReadAllBytes(Part(2, 2));
        File.WriteAllBytes(_folder.File("glued.gguf"), [.. first, .. new byte[(32 - first.Length % 32) % 32], .. second]);
        Assert.Contains("parts of a split model were glued together", Refused(_folder.File("glued.gguf")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("best-00001-of-breed.gguf")]
    [InlineData("x-00001-of-00001.gguf")]
    [InlineData("x-00001-of-00003.gguf")]
    [InlineData("MODEL.GGUF")]
    public void A_name_that_only_looks_like_a_parts_opens_as_one_file(string name)
    {
        File.WriteAllBytes(_folder.File(name), new GgufBytes().Floats("a", 1).ToArray());
        using var model = GgufCheckpoint.Open(_folder.File(name));
        Assert.Equal(["a"], model.Names);
    }

    void WriteParts(int count)
    {
        for (int i = 0; i < count; i++) File.WriteAllBytes(Part(i + 1, count), Split(i, count, $"{(char)('a' + i)}", i + 1).ToArray());
    }

    static GgufBytes Split(int number, int count, string tensor, float value)
    {
        var bytes = new GgufBytes();
        if (number == 0) bytes.Text("general.architecture", "llama");
        return bytes.Short("split.no", (ushort)number).Short("split.count", (ushort)count)
            .Add("split.tensors.count", 5, writer => writer.Write(count)).Floats(tensor, value);
    }

    string Part(int number, int count) => _folder.File($"m-{number:D5}-of-{count:D5}.gguf");

    void Says(string what, int part) => Assert.Contains(what, Refused(Part(part, 3)), StringComparison.Ordinal);

    static string Refused(string path) => Assert.Throws<CheckpointException>(() => GgufCheckpoint.Open(path).Dispose()).Message;
}
