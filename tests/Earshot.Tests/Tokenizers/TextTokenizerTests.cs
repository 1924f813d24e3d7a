using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>Cutting, settings, limits and damage of language models' tokenizers.</summary>
public sealed class TextTokenizerTests : IDisposable
{
    const string Qwen2 =
        @"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,DIGITS}| ?[^\s\p{L}\p{N}]+[\r\n]*|" +
        @"\s*[\r\n]+|\s+(?!\S)|\s+";

    const string Alphabet = "aehlLE's'stredTVM \u00a0\u2003\n\r\t019½Ⅷß漢かक\u0301…—!?<|\u200b\u0085";

    static readonly Lazy<TextTokenizer> s_qwen = new(() => TextTokenizer.Load(TestData.Require("tokenizers/qwen-tiny")));

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(SplitPattern.Qwen2, "1")]
    [InlineData(SplitPattern.Llama3, "3")]
    public void Pieces_are_those_of_the_expression_where_no_surrogates_occur(object pattern, string digits)
    {
        var splitter = new TextSplitter((SplitPattern)pattern);
        var expression = new Regex(Qwen2.Replace("DIGITS", digits, StringComparison.Ordinal), RegexOptions.CultureInvariant);
        var random = new Random(6);
        for (int round = 0; round < 8000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(24)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            Assert.Equal(expression.Matches(text).Select(match => match.Value), Pieces(splitter, text));
        }
    }

    [Theory]
    [InlineData("𝐀𝐁c 𝟙𝟚3", "𝐀𝐁c| |𝟙|𝟚|3")]
    [InlineData("'\u017F 'LLo", "'\u017F| '|LLo")]
    [InlineData("🦊a🦊 b", "🦊a|🦊| b")]
    public void Letters_beyond_the_basic_plane_count_as_such(string text, string pieces) =>
        Assert.Equal(pieces, string.Join('|', Pieces(new TextSplitter(SplitPattern.Qwen2), text)));

    [Fact]
    public void Digits_are_cut_out_before_spaces_look_at_what_follows() =>
        Assert.Equal("a|  |1|2|b| c", string.Join('|', Pieces(new TextSplitter(SplitPattern.Gpt2, IsolatesDigits: true), "a  12b c")));

    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData("1")]
    [InlineData("<")]
    [InlineData("😀")]
    [InlineData("e\u0301")]
    [InlineData("the cat. ")]
    public void Long_texts_take_time_in_proportion(string part)
    {
        var text = string.Concat(Enumerable.Repeat(part, 100_000));
        var watch = Stopwatch.StartNew();
        var ids = s_qwen.Value.EncodeWithAddedTokens(text);
        // Some hundredths of a second; a quadratic algorithm takes minutes.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
        Assert.Equal(UnicodeNormalization.ComposeCanonically(text), s_qwen.Value.Decode(ids));
    }

    [Fact]
    public void Spaces_beside_added_tokens_can_belong_to_them()
    {
        var tokenizer = Load(json => json.Replace("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}", StringComparison.Ordinal));
        Assert.Equal(["a", "<r>", "b", "<l>", "c"], Spell(tokenizer, "a<r>  b  <l>c"));
        Assert.Equal(["\u00E9", "<n\u00E9>"], Spell(tokenizer, "e\u0301<ne\u0301>"));
    }

    [Theory]
    [InlineData("\"type\":\"BPE\"", "\"type\":\"Unigram\"", "'model.type' should be \"BPE\"")]
    [InlineData("\"dropout\":null", "\"dropout\":0.1", "'model.dropout'")]
    [InlineData("\"normalizer\":null", "\"normalizer\":{\"type\":\"Lowercase\"}", "got Lowercase")]
    [InlineData("{\"type\":\"ByteLevel\",\"add", "{\"type\":\"Whitespace\",\"add", "got Whitespace")]
    [InlineData("\"add_prefix_space\":false", "\"add_prefix_space\":true", "add_prefix_space")]
    [InlineData("\"he\":256", "\"he\":255", "the id 255 belongs to two tokens")]
    [InlineData("\"he\":256", "\"he\":4194304", "an integer from 0 to 4194303")]
    [InlineData("\"he\":256", "\"he\":-1", "an integer from 0 to 4194303")]
    [InlineData("[\"h\",\"e\"]", "[\"h\",\"q\"]", "a merge uses 'hq', which is not in the vocabulary")]
    [InlineData("[\"h\",\"e\"]", "[\"h\"]", "pairs of tokens")]
    [InlineData("[\"h\",\"e\"]", "[\"\",\"he\"]", "pairs of tokens")]
    [InlineData("\"id\":259", "\"id\":260", "260 twice")]
    [InlineData("\"content\":\"<r>\"", "\"content\":\"<l>\"", "has two ids")]
    [InlineData("\"content\":\"<r>\"", "\"content\":\"\"", "has no text")]
    [InlineData("\"content\":\"<r>\"", "\"content\":\"he\"", "'he' with its id of the vocabulary, 256")]
    [InlineData("\"single_word\":false", "\"single_word\":true", "single_word")]
    [InlineData("\"merges\"", "\"merge\"", "'model.merges'")]
    [InlineData("\"vocab\"", "\"vocabulary\"", "'model.vocab'")]
    [InlineData("\"post_processor\":null", "\"post_processor\":{\"type\":\"BertProcessing\"}", "got BertProcessing")]
    public void Files_that_cannot_work_are_refused_by_name(string part, string replacement, string reason)
    {
        Assert.Contains(part, Json, StringComparison.Ordinal);
        var error = Assert.Throws<CheckpointException>(
            () => Load(json => new Regex(Regex.Escape(part)).Replace(json, replacement.Replace("$", "$$", StringComparison.Ordinal), 1)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_give_checkpoint_errors_only()
    {
        var original = Encoding.UTF8.GetBytes(Json);
        int refused = 0;
        foreach (var random in FuzzRounds.Of(500, usualSeed: 9))
        {
            try
            {
                File.WriteAllBytes(_folder.File("tokenizer.json"), Mutation.Of(original, random));
                var tokenizer = TextTokenizer.Load(_folder.Path);
                tokenizer.Decode(tokenizer.EncodeWithAddedTokens("hello <r> x"));
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.True(refused > 200, $"{refused}");
    }

    [Fact]
    public void The_template_is_read_from_either_file()
    {
        _folder.Write("tokenizer_config.json", """
            {"chat_template": [{"name": "tool_use", "template": "a"}, {"name": "default", "template": "b"}],
             "eos_token": {"content": "<l>"}, "add_bos_token": true, "bos_token": "<r>"}
            """);
        var tokenizer = Load(json => json);
        Assert.Equal("b", tokenizer.ChatTemplate);
        Assert.Equal((259, 260, true), (tokenizer.BeginToken, tokenizer.EndToken, tokenizer.AddsBeginToken));
        _folder.Write("chat_template.jinja", "c");
        Assert.Equal("c", TextTokenizer.Load(_folder.Path).ChatTemplate);
    }

    [Fact]
    public void Characters_with_bytes_to_fall_back_on_merge_as_in_llama_2()
    {
        var bytes = Enumerable.Range(0, 256).Select(b => $"\"<0x{b:X2}>\":{3 + b}");
        var json = """
            {"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true},
              {"id":2,"content":"</s>","special":true}],
             "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
              {"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
             "pre_tokenizer":null,
             "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}]},
             "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
              {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
             "model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,
              "vocab":{"<unk>":0,"<s>":1,"</s>":2,BYTES,"▁":259,"h":260,"i":261,"hi":262,"▁hi":263},
              "merges":["h i","▁ hi"]}}
            """.Replace("BYTES", string.Join(',', bytes), StringComparison.Ordinal);
        _folder.Write("tokenizer.json", json);
        _folder.Write("tokenizer_config.json", "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
        var tokenizer = TextTokenizer.Load(_folder.Path);
        Assert.True(tokenizer.AddsBeginToken);
        Assert.Equal([263, 263, 259, 259], tokenizer.Encode("hi hi  "));
        Assert.Equal([263, 3 + 0xC3, 3 + 0xA9], tokenizer.Encode("hié"));
        Assert.Equal([1, 263, 2], tokenizer.EncodeWithAddedTokens("<s>hi</s>"));
        Assert.DoesNotContain(2, tokenizer.Encode("</s>"));
        Assert.Equal(" hi é", tokenizer.Decode(tokenizer.Encode(" hi é")));
    }

    static List<string> Pieces(TextSplitter splitter, string text)
    {
        var pieces = new List<string>();
        foreach (var piece in splitter.Split(text)) pieces.Add(piece.ToString());
        return pieces;
    }

    static List<string> Spell(TextTokenizer tokenizer, string text)
    {
        var parts = new List<string>();
        tokenizer.SplitAddedTokens(text, parts.Add, token => parts.Add(token.Text));
        return parts;
    }

    TextTokenizer Load(Func<string, string> change)
    {
        _folder.Write("tokenizer.json", change(Json));
        return TextTokenizer.Load(_folder.Path);
    }

    static string Json { get; } = "{\"added_tokens\":["
        + "{\"id\":259,\"content\":\"<r>\",\"single_word\":false,\"rstrip\":true,\"special\":true},"
        + "{\"id\":260,\"content\":\"<l>\",\"lstrip\":true,\"special\":true},{\"id\":261,\"content\":\"<n\u00E9>\",\"normalized\":true}],"
        + "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true},"
        + "\"post_processor\":null,"
        + "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"dropout\":null,\"vocab\":"
        + TinyTokenizer.VocabularyJson(TinyTokenizer.Vocabulary.Where(token => token.Value < 259).ToDictionary())
        + ",\"merges\":[[\"h\",\"e\"],[\"l\",\"l\"],[\"he\",\"ll\"]]}}";
}
