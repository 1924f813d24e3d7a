using System.Text;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

/// <summary>Weights of other programs are named for what they are, with what to take instead.</summary>
public sealed class ForeignWeightsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_of_whisper_cpps_files()
    {
        Write("ggml-base.bin", [.. "lmgg"u8, .. new byte[100]]);
        var message = Message();
        Assert.Contains(
            "'ggml-base.bin' only: a model for whisper.cpp (ggml). Give the file itself.", message, StringComparison.Ordinal);
        Assert.DoesNotContain("pickle", message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("{\"suppress_ids\": []}")]
    [InlineData(null)]
    public void A_folder_for_CTranslate2_of_another_kind(string? config)
    {
        if (config is not null) _folder.Write("config.json", config);
        Write("model.bin", CTranslate2("TransformerSpec"));
        Assert.Contains("a model for CTranslate2 of the kind TransformerSpec", Message(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_language_model_is_told_as_such()
    {
        var path = _folder.File("smol.gguf");
        File.WriteAllBytes(path, new Gguf.GgufBytes().Text("general.architecture", "llama").Text("general.name", "Smol").ToArray());
        var message = Assert.Throws<ModelException>(() => WhisperFolder.Open(path)).Message;
        Assert.Contains("a GGUF file with a language model (llama), 'Smol', which hears no sound", message, StringComparison.Ordinal);
        File.WriteAllBytes(path, new Gguf.GgufBytes().Text("general.architecture", "clip").ToArray());
        Assert.Contains("a projector", Assert.Throws<ModelException>(() => WhisperFolder.Open(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("weights.pt", "PK\u0003\u0004pickled", "a checkpoint of PyTorch's without a model around it. Name it pytorch_model.bin")]
    [InlineData("pytorch_model.bin", "\u0080\u0002.", "a Python pickle")]
    [InlineData("model.gguf", "GGUF0000", "a GGUF file")]
    [InlineData("model.bin", "version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS")]
    [InlineData("model.bin", "<!DOCTYPE html>", "a web page")]
    [InlineData("model.bin", "", "in no format that is known here")]
    public void Other_files(string name, string content, string expected)
    {
        Write(name, Encoding.Latin1.GetBytes(content));
        Assert.Contains(expected, Message(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_says_most_is_told()
    {
        Write("a.pt", "PK\u0003\u0004"u8.ToArray());
        Write("b.gguf", "GGUF0000"u8.ToArray());
        Assert.Contains("a GGUF file", Message(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_in_place_of_a_folder()
    {
        Write("weights.bin", "PK\u0003\u0004"u8.ToArray());
        using var hub = new ModelHub(new HubOptions { CacheFolder = _folder.File("cache"), Offline = true });
        var error = Assert.Throws<CheckpointException>(() => hub.Resolve(_folder.File("weights.bin")));
        Assert.Contains(
            "is a file, expected a model's folder; the file is a checkpoint of PyTorch's", error.Message, StringComparison.Ordinal);
        Write("model.safetensors", [.. BitConverter.GetBytes(16L), .. "{\"__metadata__\":{}"u8]);
        Assert.Contains(
            "Give the folder that holds them",
            Assert.Throws<CheckpointException>(() => hub.Resolve(_folder.File("model.safetensors"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_bytes_are_described()
    {
        var random = new Random(3);
        for (int round = 0; round < 500; round++)
        {
            var bytes = new byte[random.Next(0, 80)];
            random.NextBytes(bytes);
            if (round % 2 == 0) CTranslate2("WhisperSpec").AsSpan(0, Math.Min(bytes.Length, 10)).CopyTo(bytes);
            Write("model.bin", bytes);
            Assert.NotEmpty(Message());
        }
    }

    static byte[] CTranslate2(string name) =>
    [
        .. BitConverter.GetBytes(6u), .. BitConverter.GetBytes((ushort)(name.Length + 1)), .. Encoding.ASCII.GetBytes(name), 0,
        .. BitConverter.GetBytes(3u), .. new byte[50],
    ];

    void Write(string name, byte[] content) => File.WriteAllBytes(_folder.File(name), content);

    string Message() => Assert.Throws<CheckpointException>(() => WhisperFolder.Open(_folder.Path)).Message;
}
