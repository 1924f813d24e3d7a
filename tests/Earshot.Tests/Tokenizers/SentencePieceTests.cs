using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>What sentencepiece 0.2.3 gives for 41 texts by five models, and what becomes of damaged models.</summary>
public sealed class SentencePieceTests
{
    [Theory]
    [InlineData("bpe")]
    [InlineData("bpe1024")]
    [InlineData("bpe_bytes")]
    [InlineData("unigram")]
    [InlineData("unigram_bytes")]
    public void Texts_have_the_tokens_of_the_reference_and_come_back(string name)
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Require("goldens/sentencepiece/strings.json")));
        var expected = golden.RootElement.GetProperty(name);
        var tokenizer = Open(File.ReadAllBytes(TestData.Require($"goldens/sentencepiece/{name}.model")));
        Assert.Equal(expected.GetProperty("vocab_size").GetInt32(), tokenizer.VocabSize);
        foreach (var item in expected.GetProperty("strings").EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(Ids(item), tokenizer.Encode(text));
            Decodes(tokenizer, Ids(item), item.GetProperty("decoded").GetString()!);
        }
        foreach (var item in expected.GetProperty("decode_only").EnumerateArray())
            Decodes(tokenizer, Ids(item), item.GetProperty("text").GetString()!);
    }

    [Fact]
    public void Control_pieces_are_tokens_only_where_they_are_asked_for()
    {
        var tokenizer = Open(File.ReadAllBytes(TestData.Require("goldens/sentencepiece/unigram_bytes.model")));
        Assert.Equal((1, 2), (tokenizer.BeginToken, tokenizer.EndToken));
        Assert.True(tokenizer.AddsBeginToken);
        Assert.DoesNotContain(1, tokenizer.Encode("<s>a</s>"));
        Assert.Equal([1, .. tokenizer.Encode("a"), 2], tokenizer.EncodeWithAddedTokens("<s>a</s>"));
    }

    [Fact]
    public void A_gguf_file_with_scores_is_the_same_tokenizer()
    {
        var bytes = File.ReadAllBytes(TestData.Require("goldens/sentencepiece/bpe_bytes.model"));
        var model = SentencePieceFile.Parse(bytes, "test");
        var metadata = new TokenizerMetadata
        {
            Source = "test",
            Model = "llama",
            Tokens = [.. model.Pieces.Select(piece => piece.Text)],
            Scores = [.. model.Pieces.Select(piece => piece.Score)],
            TokenTypes = [.. model.Pieces.Select(piece => (int)piece.Type)],
            BeginToken = 1,
            EndToken = 2,
        };
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Require("goldens/sentencepiece/strings.json")));
        var tokenizer = metadata.ToTokenizer();
        foreach (var item in golden.RootElement.GetProperty("bpe_bytes").GetProperty("strings").EnumerateArray())
            Assert.Equal(Ids(item), tokenizer.Encode(item.GetProperty("text").GetString()!));
        Assert.Equal(
            tokenizer.Encode(" a")[1..], (metadata with { AddsSpacePrefix = false }).ToTokenizer().Encode(" a"));
        Assert.Throws<CheckpointException>(() => (metadata with { Scores = null }).ToTokenizer());
        Assert.Throws<CheckpointException>(() => (metadata with { Scores = [0] }).ToTokenizer());
        Assert.Throws<CheckpointException>(() => (metadata with { Model = "bert" }).ToTokenizer());
    }

    [Fact]
    public void Unused_pieces_are_taken_apart_into_what_they_were_merged_of()
    {
        Piece[] pieces =
        [
            new("<unk>", 0, PieceType.Unknown), new("ab", -1, PieceType.Unused), new("abc", -2, PieceType.Normal),
            new("a", -3, PieceType.Normal), new("b", -4, PieceType.Normal), new("c", -5, PieceType.Normal), new("de", -6, PieceType.Normal),
        ];
        var model = new SentencePieceModel
        {
            Source = "test",
            Pieces = pieces,
            DummyPrefix = DummyPrefix.Never,
            RemovesExtraSpaces = false,
        };
        var tokenizer = new SentencePieceTokenizer(model, SentencePieceTokenizer.SettingsOf(model));
        Assert.Equal([3, 4], tokenizer.Encode("ab"));
        Assert.Equal([2, 3, 4], tokenizer.Encode("abcab"));
        // A piece of characters that are no pieces themselves; unknown neighbours are one.
        Assert.Equal([6, 0, 3], tokenizer.Encode("dexyda"));
    }

    [Theory]
    [InlineData("unigram_bytes")]
    [InlineData("bpe_bytes")]
    public void Long_texts_take_time_in_proportion(string name)
    {
        var tokenizer = Open(File.ReadAllBytes(TestData.Require($"goldens/sentencepiece/{name}.model")));
        var mixed = string.Concat(Enumerable.Repeat("漢 the ", 20_000));
        foreach (var text in (string[])[new string('a', 100_000), new string(' ', 100_000), mixed])
        {
            var watch = Stopwatch.StartNew();
            var ids = tokenizer.Encode(text);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{name}: {watch.Elapsed}");
            Assert.True(ids.Length <= 1 + text.Length * 3);
        }
    }

    [Theory]
    [InlineData("bpe_bytes")]
    [InlineData("unigram_bytes")]
    public void Damaged_models_give_checkpoint_errors_only(string name)
    {
        var original = File.ReadAllBytes(TestData.Require($"goldens/sentencepiece/{name}.model"));
        int refused = 0;
        foreach (var random in FuzzRounds.Of(name == "bpe_bytes" ? 500 : 40, usualSeed: 11))
        {
            try
            {
                var tokenizer = Open(Mutation.Of(original, random));
                tokenizer.Decode(tokenizer.Encode("Über <|x|> ½ １2 the night 😀"));
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.True(refused > 10, $"{refused}");
    }

    [Fact]
    public void Damaged_character_maps_give_checkpoint_errors_only()
    {
        var model = SentencePieceFile.Parse(File.ReadAllBytes(TestData.Require("goldens/sentencepiece/unigram_bytes.model")), "test");
        foreach (var random in FuzzRounds.Of(30, usualSeed: 12))
        {
            var map = model.CharacterMap.ToArray();
            uint units = BinaryPrimitives.ReadUInt32LittleEndian(map) / 4;
            // The root and the units near it are met by every text.
            for (int i = 0; i < 30; i++) map[4 + random.Next(i < 3 ? 4 : (int)units)] = (byte)random.Next(256);
            var damaged = model with { CharacterMap = map };
            try
            {
                var tokenizer = new SentencePieceTokenizer(damaged, SentencePieceTokenizer.SettingsOf(damaged));
                tokenizer.Encode("Über ﬁ ½ the night ＦＵＬＬ 😀 ۤ ا");
            }
            catch (CheckpointException)
            {
            }
        }
        foreach (int length in (int[])[1, 3, 4, 100])
        {
            var damaged = model with { CharacterMap = model.CharacterMap[..length] };
            Assert.Throws<CheckpointException>(() => new SentencePieceTokenizer(damaged, SentencePieceTokenizer.SettingsOf(damaged)));
        }
    }

    static SentencePieceTokenizer Open(byte[] content)
    {
        var model = SentencePieceFile.Parse(content, "test");
        return new SentencePieceTokenizer(model, SentencePieceTokenizer.SettingsOf(model));
    }

    static void Decodes(SentencePieceTokenizer tokenizer, int[] ids, string expected)
    {
        Assert.Equal(expected, tokenizer.Decode(ids));
        var stream = new StreamingTextDecoder(tokenizer);
        Assert.Equal(expected, string.Concat(ids.Select(stream.Append)) + stream.Flush());
    }

    static int[] Ids(JsonElement item) => [.. item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
