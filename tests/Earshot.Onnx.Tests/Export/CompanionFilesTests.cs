using Earshot.Onnx.Export;

namespace Earshot.Onnx.Tests.Export;

public sealed class CompanionFilesTests : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("earshot-companions-").FullName;

    public CompanionFilesTests() => Directory.CreateDirectory(Path.Combine(_root, "to"));

    string To => Path.Combine(_root, "to");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Settings_and_vocabularies_are_copied_and_weights_are_not()
    {
        var from = Folder("from");
        string[] wanted =
        [
            "config.json", "merges.txt", "sentencepiece.bpe.model", "vocabulary.bin", "chat_template.jinja", "model_config.yaml",
        ];
        foreach (var name in wanted) File.WriteAllText(Path.Combine(from, name), name);
        foreach (var name in (string[])[
            "model.safetensors", "model.safetensors.index.json", "encoder.onnx", "model.onnx_data", "model.gguf", "README.md",
            ".hidden.json", "earshot.json",
        ])
        {
            File.WriteAllText(Path.Combine(from, name), "weights");
        }
        File.WriteAllBytes(Path.Combine(from, "pytorch_model.bin"), [.. "PK"u8, 3, 4, 0]);
        File.WriteAllBytes(Path.Combine(from, "training_args.bin"), [0x80, 2, 0]);
        File.WriteAllText(Path.Combine(from, "empty.json"), "");
        Directory.CreateDirectory(Path.Combine(from, "below.json"));
        using (var large = File.Create(Path.Combine(from, "large.json"))) large.SetLength((64 << 20) + 1);
        CompanionFiles.Copy(from, To);
        Assert.Equal(
            wanted.Order(StringComparer.Ordinal),
            Directory.GetFileSystemEntries(To).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(wanted, name => Assert.Equal(name, File.ReadAllText(Path.Combine(To, name))));
    }

    [Fact]
    public void A_snapshot_of_the_hub_s_cache_is_copied_as_the_files_that_it_links_to()
    {
        var blobs = Folder("models--me--small/blobs");
        var snapshot = Folder("models--me--small/snapshots/0123abcd");
        File.WriteAllText(Path.Combine(blobs, "e3b0"), "settings");
        File.CreateSymbolicLink(Path.Combine(snapshot, "config.json"), "../../blobs/e3b0");
        File.CreateSymbolicLink(Path.Combine(snapshot, "same.json"), "config.json");
        // The folder itself may be reached by a link.
        Directory.CreateSymbolicLink(Path.Combine(_root, "short"), snapshot);
        CompanionFiles.Copy(Path.Combine(_root, "short"), To);
        foreach (var name in (string[])["config.json", "same.json"])
        {
            var copy = new FileInfo(Path.Combine(To, name));
            Assert.Null(copy.LinkTarget);
            Assert.Equal("settings", File.ReadAllText(copy.FullName));
        }
    }

    [Theory]
    [InlineData("../secrets/key.json")]
    [InlineData("../../blobs/key.json")]
    public void A_link_out_of_the_folder_is_refused(string target)
    {
        var from = Folder("a/from");
        Folder("a/secrets");
        Folder("blobs");
        File.WriteAllText(Path.GetFullPath(target, from), "secret");
        File.CreateSymbolicLink(Path.Combine(from, "config.json"), target);
        var exception = Assert.Throws<CheckpointException>(() => CompanionFiles.Copy(from, To));
        Assert.Contains("outside the model's folder", exception.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(To));
    }

    [Fact]
    public void A_link_to_nothing_and_one_that_is_no_companion_are_left_out()
    {
        var from = Folder("from");
        File.CreateSymbolicLink(Path.Combine(from, "config.json"), "nothing.json");
        File.CreateSymbolicLink(Path.Combine(from, "model.safetensors"), "/etc/hostname");
        CompanionFiles.Copy(from, To);
        Assert.Empty(Directory.GetFiles(To));
    }

    string Folder(string name) => Directory.CreateDirectory(Path.Combine(_root, name)).FullName;
}
