using System.Text;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

public sealed class TokenizerFilesTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_small_tokenizer_is_the_same_in_all_formats()
    {
        int[] expected = ['x', 258, 'o', 259, ' ', 'h'];
        _folder.Write("multilingual.tiktoken", TinyTokenizer.Ranks);
        Assert.Equal(expected, WhisperTokenizer.Load(_folder.Path).Encode("xhello hell h"));
        foreach (bool pairs in (bool[])[false, true])
        {
            _folder.Write("tokenizer.json", TinyTokenizer.TokenizerJson(pairs));
            Assert.Equal(expected, WhisperTokenizer.Load(_folder.Path).Encode("xhello hell h"));
        }
    }

    [Theory]
    [InlineData("<|translate|>", "<|transl|>", "no token '<|translate|>'")]
    [InlineData("\"BPE\"", "\"Unigram\"", "'model.type' should be \"BPE\"")]
    [InlineData("\"merges\"", "\"merge\"", "model.merges")]
    [InlineData("\"vocab\"", "\"vocabulary\"", "model.vocab")]
    [InlineData("\"h e\"", "\"h q\"", "a merge uses 'hq', which is not in the vocabulary")]
    [InlineData("\"h e\"", "\"he\"", "pairs of tokens")]
    [InlineData("\"he\":256", "\"he\":255", "the id 255 to two tokens")]
    [InlineData("\"he\":256", "\"he\":4194304", "an integer from 0 to 4194303")]
    [InlineData("\"he\":256", "\"he\":300", "no token with the id 256")]
    [InlineData("\"a\":97", "\"bb\":97", "no token for byte 0x61")]
    [InlineData("\"content\":\"<|en|>\"", "\"content\":5", "objects with 'content'")]
    [InlineData("\"id\":262,", "\"id\":263,", "the id 263 to both")]
    public void A_tokenizer_that_cannot_work_is_refused(string part, string replacement, string reason)
    {
        var json = TinyTokenizer.TokenizerJson();
        Assert.Contains(part, json, StringComparison.Ordinal);
        _folder.Write("tokenizer.json", json.Replace(part, replacement, StringComparison.Ordinal));
        Assert.Contains(
            reason, Assert.Throws<CheckpointException>(() => WhisperTokenizer.Load(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("IQ== 1", "expected a token in base64, a space and the rank 0")]
    [InlineData("IQ== 0\n?? 1", "line 2")]
    [InlineData("IQ==", "line 1")]
    [InlineData("IQ== 0x", "line 1")]
    [InlineData("", "no token for byte 0x00")]
    public void Ranks_that_break_the_format_are_refused(string content, string reason)
    {
        var path = _folder.Write("multilingual.tiktoken", content);
        Assert.Contains(
            reason, Assert.Throws<CheckpointException>(() => WhisperTokenizer.LoadTiktoken(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vocabulary_of_another_model_is_refused()
    {
        var path = _folder.Write("multilingual.tiktoken", TinyTokenizer.Ranks);
        Assert.Contains(
            "leaves 50097 languages", Assert.Throws<CheckpointException>(() => WhisperTokenizer.LoadTiktoken(path, 51866)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "has no tokenizer", Assert.Throws<CheckpointException>(() => WhisperTokenizer.Load(_folder.Path, 51864)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Special_tokens_are_also_read_from_tokenizer_config()
    {
        _folder.Write("vocab.json", TinyTokenizer.VocabularyJson(TinyTokenizer.Vocabulary));
        _folder.Write("merges.txt", TinyTokenizer.MergesText);
        var entries = TinyTokenizer.Special.Select(t => $"\"{t.Value}\": {{\"content\": \"{t.Key}\"}}");
        _folder.Write("tokenizer_config.json", $"{{\"added_tokens_decoder\": {{{string.Join(',', entries)}}}}}");
        var tokenizer = WhisperTokenizer.Load(_folder.Path);
        Assert.Equal(260, tokenizer.EndOfText);
        Assert.Equal(99, tokenizer.Languages.Count);
        _folder.Write("tokenizer_config.json", """{"added_tokens_decoder": {"-1": {"content": "x"}}}""");
        Assert.Throws<CheckpointException>(() => WhisperTokenizer.Load(_folder.Path));
        File.Delete(_folder.File("merges.txt"));
        Assert.Throws<CheckpointException>(() => WhisperTokenizer.Load(_folder.Path));
    }

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("merges.txt")]
    [InlineData("vocab.json")]
    [InlineData("multilingual.tiktoken")]
    public void Damaged_files_give_checkpoint_errors_only(string name)
    {
        if (name is "merges.txt" or "vocab.json")
        {
            _folder.Write("vocab.json", TinyTokenizer.VocabularyJson(TinyTokenizer.Vocabulary));
            _folder.Write("merges.txt", TinyTokenizer.MergesText);
            _folder.Write("added_tokens.json", TinyTokenizer.VocabularyJson(TinyTokenizer.Special));
        }
        else
        {
            _folder.Write(name, name == "tokenizer.json" ? TinyTokenizer.TokenizerJson() : TinyTokenizer.Ranks);
        }
        Assert.Equal("x hello", WhisperTokenizer.Load(_folder.Path).Decode(WhisperTokenizer.Load(_folder.Path).Encode("x hello")));
        var original = File.ReadAllBytes(_folder.File(name));
        var random = new Random(7);
        int refused = 0;
        for (int round = 0; round < 800; round++)
        {
            File.WriteAllBytes(_folder.File(name), Mutation.Of(original, random));
            try
            {
                var tokenizer = WhisperTokenizer.Load(_folder.Path);
                Assert.Equal("x hello", Encoding.UTF8.GetString(
                    tokenizer.Encode("x hello").SelectMany(t => tokenizer.TokenBytes(t).ToArray()).ToArray()));
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 100, 799);
    }
}
