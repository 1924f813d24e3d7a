using System.Text;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

public sealed class CTranslate2Tests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Other_kinds_of_model_are_refused_by_name()
    {
        File.WriteAllBytes(_folder.File("model.bin"), [.. Model("TransformerSpec", 6), .. BitConverter.GetBytes(0)]);
        Says("of the kind TransformerSpec; of these, only Whisper's (WhisperSpec) are opened");
    }

    [Fact]
    public void Damage_is_told_with_its_place()
    {
        Write([.. Model("WhisperSpec", 2), .. BitConverter.GetBytes(0)]);
        Says("it has version 2 of the format; 3 to 6 are read");
        Write([.. Model("WhisperSpec", 6, 1), .. Variable("a", [uint.MaxValue, 2], 0, 4)]);
        Says("variable 'a' has a size of 4294967295");
        Write([.. Model("WhisperSpec", 6, 1), .. Variable("a", [2, 2], 0, 15, new byte[15])]);
        Says("variable 'a' of F32 (2, 2) takes 16 bytes; the file gives it 15");
        Write([.. Model("WhisperSpec", 6, 1), .. Variable("a", [2], 9, 8, new byte[8])]);
        Says("variable 'a' has the element type 9");
        Write([.. Model("WhisperSpec", 6, uint.MaxValue), .. Variable("a", [2], 0, 8, new byte[8])]);
        Says("it tells of 4294967295 variables");
        Write([.. Model("WhisperSpec", 6, 1), .. Variable("a", [2], 0, 8, new byte[8]), .. BitConverter.GetBytes(0)]);
        Says("it has no layers of the encoder");
    }

    [Fact]
    public void Scalars_that_mean_another_computation_are_refused()
    {
        var bytes = Golden();
        // decoder/scale_embeddings does not stand in the file; decoder/pre_norm does: its value is one byte behind rank, type, length.
        int at = bytes.AsSpan().IndexOf("decoder/pre_norm\0"u8) + "decoder/pre_norm\0".Length + 6;
        Assert.Equal(1, bytes[at]);
        bytes[at] = 0;
        Write(bytes);
        Says("'decoder/pre_norm' is 0; expected 1");
        bytes = Golden();
        at = bytes.AsSpan().IndexOf("decoder/embeddings/weight_scale\0"u8) + "decoder/embeddings/weight_scale\0".Length + 10;
        BitConverter.TryWriteBytes(bytes.AsSpan(at), float.NaN);
        Write(bytes);
        Says("scales are finite and positive");
    }

    [Fact]
    public void Damaged_files_give_checkpoint_errors_only()
    {
        var seed = Golden();
        int refused = 0, tries = 0;
        foreach (var random in Fuzzing.Tries(150))
        {
            tries++;
            var bytes = Fuzzing.WithNumber(seed, random);
            if (random.Next(2) == 0) bytes = bytes[..random.Next(bytes.Length)];
            Write(bytes);
            try
            {
                using var opened = CTranslate2Whisper.Open(_folder.Path);
                foreach (var name in opened.Names) opened.Find(name)!.Read(0, new byte[opened.Find(name)!.ByteLength]);
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, tries / 4, tries - 1);
    }

    [Fact]
    public void A_vocabulary_of_lines_is_read_as_the_list_is()
    {
        Write(Golden());
        var words = TestData.Require("goldens/whisper-containers/ctranslate2/int8/vocabulary.json");
        using var list = System.Text.Json.JsonDocument.Parse(File.ReadAllText(words));
        _folder.Write("vocabulary.txt", string.Concat(list.RootElement.EnumerateArray().Select(word => word.GetString() + "\n")));
        using var opened = WhisperFolder.Open(_folder.Path);
        Assert.Equal((400, 512), (opened.Tokenizer.EndOfText, opened.Tokenizer.VocabSize));
        _folder.Write("vocabulary.json", "{\"a\": 1}");
        Assert.Contains(
            "is not a JSON list of tokens", Assert.Throws<CheckpointException>(() => WhisperFolder.Open(_folder.Path)).Message,
            StringComparison.Ordinal);
    }

    static byte[] Golden() => File.ReadAllBytes(TestData.Require("goldens/whisper-containers/ctranslate2/int8/model.bin"));

    void Write(byte[] bytes) => File.WriteAllBytes(_folder.File("model.bin"), bytes);

    void Says(string what) => Assert.Contains(
        what, Assert.Throws<CheckpointException>(() => ModelFamilies.Open(_folder.Path)).Message, StringComparison.Ordinal);

    static byte[] Model(string spec, uint version, uint variables = 0) =>
        [.. BitConverter.GetBytes(version), .. Name(spec), .. BitConverter.GetBytes(3u), .. BitConverter.GetBytes(variables)];

    static byte[] Variable(string name, uint[] sizes, byte type, uint bytes, params byte[] data) =>
    [
        .. Name(name), (byte)sizes.Length, .. sizes.SelectMany(BitConverter.GetBytes), type, .. BitConverter.GetBytes(bytes), .. data,
    ];

    static byte[] Name(string name) => [.. BitConverter.GetBytes((ushort)(name.Length + 1)), .. Encoding.UTF8.GetBytes(name), 0];
}
