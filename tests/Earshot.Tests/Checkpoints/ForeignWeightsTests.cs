using System.Text;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

/// <summary>Weights of other programs are named for what they are, with what to take instead.</summary>
public sealed class ForeignWeightsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(6, 6, 51_865, "openai/whisper-base,")]
    [InlineData(4, 4, 51_864, "openai/whisper-tiny.en,")]
    [InlineData(32, 4, 51_866, "openai/whisper-large-v3-turbo,")]
    [InlineData(32, 32, 51_866, "openai/whisper-large-v3,")]
    [InlineData(7, 7, 51_865, "openai/whisper-small,")]
    public void A_file_for_whisper_cpp(int encoderLayers, int decoderLayers, int vocabulary, string instead)
    {
        int[] header = [vocabulary, 1500, 512, 8, encoderLayers, 448, 512, 8, decoderLayers, 80, 1];
        Write("ggml-base.bin", [.. "lmgg"u8, .. header.SelectMany(BitConverter.GetBytes), .. new byte[100]]);
        var message = Message();
        Assert.Contains("'ggml-base.bin' only: a model for whisper.cpp (ggml)", message, StringComparison.Ordinal);
        Assert.Contains(instead, message, StringComparison.Ordinal);
        Assert.DoesNotContain("pickle", message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("{\"suppress_ids\": []}")]
    [InlineData(null)]
    public void A_folder_for_CTranslate2(string? config)
    {
        if (config is not null) _folder.Write("config.json", config);
        Write("model.bin", CTranslate2("WhisperSpec"));
        Assert.Contains(
            "'model.bin' only: a model for CTranslate2 (faster-whisper; its kind is WhisperSpec)", Message(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pytorch_model.bin", "PK\u0003\u0004pickled", "a Python pickle")]
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
        Write("model.bin", CTranslate2("WhisperSpec"));
        Assert.Contains("CTranslate2", Message(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_in_place_of_a_folder()
    {
        Write("ggml-base.bin", [.. "lmgg"u8, .. new byte[60]]);
        using var hub = new ModelHub(new HubOptions { CacheFolder = _folder.File("cache"), Offline = true });
        var error = Assert.Throws<CheckpointException>(() => hub.Resolve(_folder.File("ggml-base.bin")));
        Assert.Contains(
            "is a file, expected a model's folder; the file is a model for whisper.cpp", error.Message, StringComparison.Ordinal);
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
