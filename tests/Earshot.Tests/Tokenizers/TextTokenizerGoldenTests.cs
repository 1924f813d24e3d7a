using System.Text.Json;

namespace Earshot.Tokenizers;

/// <summary>The ids that Hugging Face's tokenizers give for 200 texts, by the vocabularies of Qwen and SmolLM2.</summary>
public class TextTokenizerGoldenTests
{
    [Theory]
    [InlineData("qwen-tiny", "qwen-tiny")]
    [InlineData("smollm2-tiny", "smollm2-tiny")]
    [InlineData("qwen", "qwen2")]
    [InlineData("smollm2", "smollm2")]
    public void Texts_have_the_tokens_of_the_reference_and_come_back(string name, string folder)
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Require($"goldens/llm-tokenizers/{name}.json")));
        var tokenizer = TextTokenizer.Load(TestData.Require($"tokenizers/{folder}"));
        int texts = 0;
        foreach (var item in golden.RootElement.GetProperty("strings").EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            var ids = Ids(item, "ids");
            Assert.Equal(ids, tokenizer.EncodeWithAddedTokens(text));
            Assert.Equal(item.TryGetProperty("ids_as_text", out _) ? Ids(item, "ids_as_text") : ids, tokenizer.Encode(text));
            Assert.Equal(item.GetProperty("decoded").GetString(), tokenizer.Decode(ids, keepSpecialTokens: true));
            Assert.Equal(item.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(ids));
            var stream = new StreamingTextDecoder(tokenizer);
            var updates = ids.Select(stream.Append).Append(stream.Flush()).ToList();
            Assert.Equal(tokenizer.Decode(ids), string.Concat(updates));
            Assert.DoesNotContain(updates, update => update.Length > 0 && char.IsHighSurrogate(update[^1]));
            texts++;
        }
        Assert.Equal(200, texts);
        foreach (var item in golden.RootElement.GetProperty("partial_decodes").EnumerateArray())
            Assert.Equal(item.GetProperty("decoded").GetString(), tokenizer.Decode(Ids(item, "ids")));
    }

    [Theory]
    [InlineData("qwen-tiny")]
    [InlineData("smollm2-tiny")]
    public void Gguf_arrays_make_the_same_tokenizer(string name)
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Require($"goldens/llm-tokenizers/{name}.json")));
        var tokenizer = Metadata(name).ToTokenizer();
        foreach (var item in golden.RootElement.GetProperty("strings").EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(Ids(item, "ids"), tokenizer.EncodeWithAddedTokens(text));
            Assert.Equal(item.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(Ids(item, "ids")));
        }
    }

    [Fact]
    public void A_real_gguf_file_has_the_tokens_of_its_folder()
    {
        var tokenizer = TextTokenizer.LoadGguf(
            Path.Combine(TestData.Require("models/smollm2-135m-instruct"), "SmolLM2-135M-Instruct.Q4_1.gguf"));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Require("goldens/llm-tokenizers/smollm2.json")));
        foreach (var item in golden.RootElement.GetProperty("strings").EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(Ids(item, "ids"), tokenizer.EncodeWithAddedTokens(text));
            Assert.Equal(item.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(Ids(item, "ids")));
        }
        Assert.Equal("smollm2", Earshot.Chat.ChatFormat.For(tokenizer).Name);
    }

    [Theory]
    [InlineData(null, "does not say")]
    [InlineData("default", "does not say")]
    [InlineData("foo", "says 'foo', which is not known")]
    public void A_gguf_file_that_does_not_say_how_text_is_cut_is_refused_until_somebody_says_it(string? name, string reason)
    {
        var metadata = Metadata("smollm2-tiny") with { PreTokenizer = name };
        var error = Assert.Throws<CheckpointException>(() => metadata.ToTokenizer());
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("smollm", error.Message, StringComparison.Ordinal);
        var expected = TextTokenizer.Load(TestData.Require("tokenizers/smollm2-tiny")).Encode("12345 67");
        Assert.Equal(expected, metadata.ToTokenizer("smollm").Encode("12345 67"));
        Assert.Equal(7 + 1, expected.Length);
    }

    [Fact]
    public void Roles_and_templates_are_read()
    {
        var qwen = TextTokenizer.Load(TestData.Require("tokenizers/qwen-tiny"));
        Assert.Equal(qwen.FindAddedToken("<|im_end|>"), qwen.EndToken);
        Assert.Null(qwen.BeginToken);
        Assert.False(qwen.AddsBeginToken);
        Assert.True(qwen.IsSpecial(qwen.EndToken!.Value));
        Assert.False(qwen.IsSpecial(qwen.FindAddedToken("<think>")!.Value));
        Assert.Equal("", qwen.Decode([qwen.EndToken.Value, qwen.VocabSize + 5]));
        var smollm = TextTokenizer.Load(TestData.Require("tokenizers/smollm2-tiny"));
        Assert.Equal((1, 2), (smollm.BeginToken, smollm.EndToken));
    }

    static TokenizerMetadata Metadata(string name)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(TestData.Require($"tokenizers/{name}/tokenizer.json")));
        var model = json.RootElement.GetProperty("model");
        var tokens = model.GetProperty("vocab").EnumerateObject().ToDictionary(token => token.Value.GetInt32(), token => token.Name);
        var types = tokens.ToDictionary(token => token.Key, _ => (int)PieceType.Normal);
        foreach (var token in json.RootElement.GetProperty("added_tokens").EnumerateArray())
        {
            int id = token.GetProperty("id").GetInt32();
            tokens[id] = token.GetProperty("content").GetString()!;
            types[id] = (int)(token.GetProperty("special").GetBoolean() ? PieceType.Control : PieceType.UserDefined);
        }
        return new TokenizerMetadata
        {
            Source = "test",
            Model = "gpt2",
            PreTokenizer = name.StartsWith("qwen", StringComparison.Ordinal) ? "qwen2" : "smollm",
            Tokens = [.. Enumerable.Range(0, tokens.Count).Select(id => tokens[id])],
            TokenTypes = [.. Enumerable.Range(0, tokens.Count).Select(id => types[id])],
            Merges = [.. model.GetProperty("merges").EnumerateArray().Select(pair => $"{pair[0].GetString()} {pair[1].GetString()}")],
        };
    }

    static int[] Ids(JsonElement item, string name) => [.. item.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
