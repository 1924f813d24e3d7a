using Earshot.Checkpoints;
using Earshot.Tests.Models;

namespace Earshot.Tokenizers;

public sealed class CtcVocabularyTests
{
    static readonly Dictionary<string, int> s_letters =
        new() { ["<pad>"] = 0, ["<s>"] = 1, ["</s>"] = 2, ["<unk>"] = 3, ["|"] = 4, ["A"] = 5, ["B"] = 6, ["CH"] = 7 };

    [Fact]
    public void Letters_become_tokens_and_text_again()
    {
        var vocabulary = CtcVocabulary.Load(Wav2Vec2Tests.Folder("base"));
        Assert.Equal((32, 0), (vocabulary.VocabSize, vocabulary.Blank));
        var ids = vocabulary.Encode("it's  a tree");
        Assert.Equal("IT'S A TREE", vocabulary.Decode(ids));
        Assert.Equal([10, 6, 27, 12, 4, 7, 4, 6, 13, 5, 5], ids);
    }

    [Fact]
    public void A_letter_that_is_not_there_is_unknown_and_unknown_is_not_written()
    {
        var vocabulary = new CtcVocabulary(s_letters, new CtcTokens());
        Assert.Equal([5, 3, 6, 3], vocabulary.Encode("aéb😀"));
        Assert.Equal("AB", vocabulary.Decode([5, 3, 6, 3]));
        Assert.Equal([5], new CtcVocabulary(new Dictionary<string, int> { ["<pad>"] = 0, ["A"] = 5 }, new CtcTokens()).Encode("xa y"));
    }

    [Fact]
    public void The_longest_token_that_fits_is_taken() =>
        Assert.Equal([7, 5, 4, 3], new CtcVocabulary(s_letters, new CtcTokens()).Encode("cha c"));

    [Fact]
    public void Special_tokens_are_neither_written_nor_read()
    {
        var vocabulary = new CtcVocabulary(s_letters, new CtcTokens());
        Assert.Equal("AB", vocabulary.Decode([0, 1, 5, 0, 6, 2, 3, 99, -1]));
        Assert.Equal([3, 3, 3, 4, 3], vocabulary.Encode("<s> |"));
    }

    [Fact]
    public void Several_spaces_are_written_as_one_and_equal_letters_stay_two()
    {
        var vocabulary = new CtcVocabulary(s_letters, new CtcTokens { LowerCase = true });
        Assert.Equal(" aa b ", vocabulary.Decode([4, 4, 5, 5, 4, 0, 4, 6, 4]));
    }

    [Fact]
    public void Of_several_languages_the_one_that_is_named_is_read()
    {
        Assert.Equal(43, CtcVocabulary.Load(Wav2Vec2Tests.Folder("mms")).VocabSize);
        using var folder = Wav2Vec2Tests.Copy("mms");
        folder.Write("tokenizer_config.json", """{"target_lang": "deu"}""");
        Assert.Equal("größe", CtcVocabulary.Load(folder.Path).Decode(CtcVocabulary.Load(folder.Path).Encode("größe")));
        folder.Write("tokenizer_config.json", """{"target_lang": "fra"}""");
        Assert.Contains(
            "'target_lang' should be a language of 'vocab.json': eng, deu, rus; got fra",
            Assert.Throws<CheckpointException>(() => CtcVocabulary.Load(folder.Path)).Message, StringComparison.Ordinal);
        folder.Write("tokenizer_config.json", "{}");
        Assert.Contains(
            "target_lang", Assert.Throws<CheckpointException>(() => CtcVocabulary.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_have_the_roles_that_the_configuration_gives_them()
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", """{"[PAD]": 2, "_": 1, "a": 0, "?": 3}""");
        folder.Write(
            "tokenizer_config.json",
            """
            {"pad_token": {"content": "[PAD]", "lstrip": false}, "word_delimiter_token": "_", "unk_token": "?",
             "replace_word_delimiter_char": "-"}
            """);
        var vocabulary = CtcVocabulary.Load(folder.Path);
        Assert.Equal(2, vocabulary.Blank);
        Assert.Equal("a-a", vocabulary.Decode([0, 1, 2, 0, 3]));
    }

    [Fact]
    public void A_vocabulary_without_its_blank_or_with_an_id_twice_is_refused()
    {
        Assert.Contains(
            "'<pad>'", Assert.Throws<CheckpointException>(
                () => new CtcVocabulary(new Dictionary<string, int> { ["a"] = 0 }, new CtcTokens())).Message, StringComparison.Ordinal);
        Assert.Contains(
            "same id, 1", Assert.Throws<CheckpointException>(() => new CtcVocabulary(
                new Dictionary<string, int> { ["<pad>"] = 0, ["a"] = 1, ["b"] = 1 }, new CtcTokens())).Message, StringComparison.Ordinal);
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", """{"<pad>": 0, "a": "b"}""");
        Assert.Contains(
            "'a' should be an integer", Assert.Throws<CheckpointException>(() => CtcVocabulary.Load(folder.Path)).Message,
            StringComparison.Ordinal);
    }
}
