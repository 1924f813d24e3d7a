using System.Text;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Tokenizers;

public class WhisperTokenizerTests
{
    static readonly Lazy<WhisperTokenizer> s_base = new(() => WhisperTokenizer.Load(TestModels.WhisperBase));
    static readonly Lazy<WhisperTokenizer> s_ranksEn = new(
        () => WhisperTokenizer.LoadTiktoken(TestData.Require("tokenizers/whisper/gpt2.tiktoken")));
    static readonly Lazy<WhisperTokenizer> s_ranks = new(() => WhisperTokenizer.LoadTiktoken(RankFiles.Multilingual, 51865));
    static readonly Lazy<WhisperTokenizer> s_ranksV3 = new(() => WhisperTokenizer.LoadTiktoken(RankFiles.Multilingual, 51866));

    public static TheoryData<string> Texts => new(
        "", " ", "Hello, world!", " And so my fellow Americans", "it's we're I'll they'd he'S 'twas",
        "a  b   c\n\n d \t\t", "   ", "x\u00a0\u2003 y", "Zürich, naïve — “quotes” … ½ ² Ⅷ 12345",
        "𝐀𝐁 𝟙𝟚 🦊🦊 e\u0301", "日本語のテキスト。ภาษาไทย မြန်မာ", "\u0000\u0001\u007f\u0085\u200b\ufeff", "<|endoftext|><|0.00|>");

    [Fact]
    public void Special_tokens_of_the_english_vocabulary_stand_where_the_reference_has_them()
    {
        var tokenizer = s_ranksEn.Value;
        Assert.Equal(50256, tokenizer.EndOfText);
        Assert.Equal(50257, tokenizer.StartOfTranscript);
        Assert.Equal(50357, tokenizer.Translate);
        Assert.Equal(50358, tokenizer.Transcribe);
        Assert.Equal(50359, tokenizer.StartOfLm);
        Assert.Equal(50360, tokenizer.StartOfPrevious);
        Assert.Equal(50361, tokenizer.NoSpeech);
        Assert.Equal(50362, tokenizer.NoTimestamps);
        Assert.Equal(50363, tokenizer.TimestampBegin);
        Assert.Equal(51864, tokenizer.VocabSize);
        Assert.False(tokenizer.IsMultilingual);
        Assert.Equal(WhisperLanguages.Codes.Take(99), tokenizer.Languages);
    }

    [Theory]
    [InlineData(51865, 99, 50358, 50363, 50364)]
    [InlineData(51866, 100, 50359, 50364, 50365)]
    public void Special_tokens_of_the_multilingual_vocabularies_follow_the_number_of_languages(
        int vocabSize, int languages, int translate, int noTimestamps, int timestampBegin)
    {
        var tokenizer = vocabSize == 51865 ? s_base.Value : s_ranksV3.Value;
        Assert.True(tokenizer.IsMultilingual);
        Assert.Equal(50257, tokenizer.EndOfText);
        Assert.Equal(languages, tokenizer.Languages.Count);
        Assert.Equal(translate, tokenizer.Translate);
        Assert.Equal(noTimestamps, tokenizer.NoTimestamps);
        Assert.Equal(timestampBegin, tokenizer.TimestampBegin);
        Assert.Equal(vocabSize, tokenizer.VocabSize);
        Assert.Equal(50259, tokenizer.LanguageToken("en"));
        Assert.Equal(50259, tokenizer.LanguageToken("English"));
        Assert.Equal("de", tokenizer.LanguageOf(tokenizer.LanguageToken("german")));
        Assert.Null(tokenizer.LanguageOf(tokenizer.Translate));
    }

    [Fact]
    public void Cantonese_is_known_to_the_large_v3_vocabulary_only()
    {
        Assert.Equal(50358, s_ranksV3.Value.LanguageToken("yue"));
        var error = Assert.Throws<ModelException>(() => s_ranksEn.Value.LanguageToken("cantonese"));
        Assert.Contains("cantonese (yue)", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Files_in_all_formats_encode_alike(string text)
    {
        var expected = s_ranks.Value.Encode(text);
        Assert.Equal(expected, s_base.Value.Encode(text));
        Assert.Equal(expected, s_ranksV3.Value.Encode(text));
        Assert.Equal(text, s_base.Value.Decode(expected));
    }

    [Fact]
    public void English_ranks_give_any_text_back()
    {
        var ranks = s_ranksEn.Value;
        Assert.All(Texts, row => Assert.Equal(row.Data, ranks.Decode(ranks.Encode(row.Data))));
    }

    [Fact]
    public void Vocabulary_and_merges_make_the_same_tokenizer_as_tokenizer_json()
    {
        // The model in the box has its tokenizer in one file.
        var source = TestData.Require("models/whisper-base");
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["vocab.json", "merges.txt", "added_tokens.json"])
            File.Copy(Path.Combine(source, name), folder.File(name));
        var tokenizer = WhisperTokenizer.Load(folder.Path);
        foreach (string text in (string[])["Hello, world!", "日本語 🦊", "it's 12 o'clock"])
            Assert.Equal(s_base.Value.Encode(text), tokenizer.Encode(text));
        Assert.Equal(s_base.Value.TimestampBegin, tokenizer.TimestampBegin);
        Assert.Equal(s_base.Value.VocabSize, tokenizer.VocabSize);
        Assert.Equal(s_base.Value.Languages, tokenizer.Languages);
    }

    [Fact]
    public void Special_tokens_that_no_file_lists_are_counted_from_the_end_of_text()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = WhisperTokenizer.Load(RandomModel.WriteTo(folder.Path), RandomModel.Config.VocabSize);
        Assert.Equal(256, tokenizer.EndOfText);
        Assert.Equal(257 + 106, tokenizer.TimestampBegin);
        Assert.Equal(RandomModel.Config.VocabSize, tokenizer.VocabSize);
        Assert.Equal(99, tokenizer.Languages.Count);
        Assert.False(tokenizer.IsMultilingual);
    }

    [Fact]
    public void Known_token_ids_of_gpt2()
    {
        Assert.Equal([15496, 11, 995, 0], s_ranksEn.Value.Encode("Hello, world!"));
        Assert.Equal([843, 523, 616, 5891, 3399, 1265, 407], s_ranksEn.Value.Encode(" And so my fellow Americans ask not"));
    }

    [Fact]
    public void Random_unicode_has_the_tokens_that_the_reference_gives()
    {
        var path = Path.Combine(TestData.RepositoryRoot, "tests", "Earshot.Tests", "Tokenizers", "gpt2-encodings.json");
        using var golden = JsonDocument.Parse(File.ReadAllBytes(path));
        Assert.Equal(400, golden.RootElement.GetArrayLength());
        foreach (var item in golden.RootElement.EnumerateArray())
            Assert.Equal(Tokens(item, "tokens"), s_ranksEn.Value.Encode(item.GetProperty("text").GetString()!));
    }

    [Fact]
    public void Decodes_the_reference_transcripts()
    {
        foreach (var clip in WhisperGoldens.Whole("greedy.json").GetProperty("clips").EnumerateObject()) Decodes(clip.Value);
    }

    [Fact]
    public void Decodes_the_reference_transcripts_of_all_recordings()
    {
        var clips = WhisperGoldens.Whole("greedy.json").GetProperty("clips").EnumerateObject().ToList();
        Assert.Equal(83, clips.Count);
        foreach (var clip in clips) Decodes(clip.Value);
    }

    static void Decodes(JsonElement clip)
    {
        var (plain, timed) = (clip.GetProperty("no_timestamps"), clip.GetProperty("timestamps"));
        Assert.Equal(plain.GetProperty("text").GetString(), s_base.Value.Decode(Tokens(plain, "tokens")).Trim());
        var text = s_base.Value.DecodeWithTimestamps(Tokens(timed, "tokens"));
        Assert.Equal(
            timed.GetProperty("text").GetString(),
            text.Replace("<|", "<", StringComparison.Ordinal).Replace("|>", ">", StringComparison.Ordinal));
    }

    [Fact]
    public void Non_speech_tokens_and_the_special_ones_are_the_published_suppress_list()
    {
        var folder = TestModels.WhisperBase;
        var published = WhisperGenerationConfig.Load(folder, WhisperConfig.Load(folder)).SuppressTokens;
        var t = s_base.Value;
        int[] special = [t.StartOfTranscript, t.Translate, t.Transcribe, t.StartOfLm, t.StartOfPrevious, t.NoSpeech];
        Assert.Equal(published, t.NonSpeechTokens.Concat(special).Order());
    }

    [Fact]
    public void Non_speech_tokens_of_the_multilingual_vocabulary_are_the_published_ones()
    {
        int[] published =
        [
            1, 2, 7, 8, 9, 10, 14, 25, 26, 27, 28, 29, 31, 58, 59, 60, 61, 62, 63, 90, 91, 92, 93, 359, 503, 522, 542, 873, 893, 902, 918,
            922, 931, 1350, 1853, 1982, 2460, 2627, 3246, 3253, 3268, 3536, 3846, 3961, 4183, 4667, 6585, 6647, 7273, 9061, 9383, 10428,
            10929, 11938, 12033, 12331, 12562, 13793, 14157, 14635, 15265, 15618, 16553, 16604, 18362, 18956, 20075, 21675, 22520, 26130,
            26161, 26435, 28279, 29464, 31650, 32302, 32470, 36865, 42863, 47425, 49870, 50254,
        ];
        Assert.Equal(published, s_base.Value.NonSpeechTokens);
    }

    [Fact]
    public void Timestamps_are_20_milliseconds_apart()
    {
        var t = s_base.Value;
        Assert.Equal(TimeSpan.FromMilliseconds(10620), t.TimeOf(50895));
        Assert.Equal(50895, t.TimestampToken(TimeSpan.FromSeconds(10.62)));
        Assert.Equal("<|30.00|>", t.DecodeWithTimestamps([t.TimestampBegin + 1500]));
        Assert.True(t.IsTimestamp(51864));
        Assert.False(t.IsTimestamp(51865));
        Assert.Throws<ArgumentOutOfRangeException>(() => t.TimeOf(50363));
        Assert.Throws<ArgumentOutOfRangeException>(() => t.TimestampToken(TimeSpan.FromSeconds(30.1)));
    }

    [Fact]
    public void What_looks_like_a_special_token_in_user_text_is_text()
    {
        var tokens = s_base.Value.Encode("<|endoftext|>");
        Assert.DoesNotContain(tokens, s_base.Value.IsSpecial);
        Assert.Equal("<|endoftext|>", s_base.Value.Decode(tokens));
        Assert.Equal("", s_base.Value.Decode([s_base.Value.EndOfText, s_base.Value.StartOfTranscript]));
    }

    [Fact]
    public void Splits_to_words_at_spaces_and_punctuation()
    {
        var t = s_base.Value;
        int[] ids = [.. t.Encode(" Hello, reproducibility's fine."), t.EndOfText];
        var words = t.SplitToWords(ids, "en");
        Assert.Equal([" Hello", ",", " reproducibility's", " fine", ".", "<|endoftext|>"], words.Select(w => w.Text));
        Assert.Equal(ids, words.SelectMany(w => w.Tokens));
    }

    [Fact]
    public void Splits_languages_without_spaces_between_characters()
    {
        var t = s_ranks.Value;
        var ids = t.Encode("犬が🦊を見た。");
        var words = t.SplitToWords(ids, "ja");
        Assert.Equal("犬が🦊を見た。", string.Concat(words.Select(w => w.Text)));
        Assert.DoesNotContain(words, w => w.Text.Contains('\uFFFD', StringComparison.Ordinal));
        Assert.Equal(ids, words.SelectMany(w => w.Tokens));
        Assert.True(words.Count >= 5);
        Assert.Single(t.SplitToWords(ids, "en"), w => w.Text.Contains("犬が", StringComparison.Ordinal));
    }

    [Fact]
    public void Streams_text_at_character_boundaries_only()
    {
        var t = s_base.Value;
        const string text = " naïve 日本語 🦊!";
        var decoder = new StreamingTextDecoder(t);
        var parts = t.Encode(text).Select(decoder.Append).ToList();
        Assert.Contains("", parts);
        Assert.Equal(text, string.Concat(parts));
        Assert.Equal("", decoder.Flush());
        int firstOfFox = t.Encode("🦊")[0];
        Assert.Equal("", decoder.Append(firstOfFox));
        Assert.Equal("\uFFFD", decoder.Flush());
        Assert.Equal("", decoder.Append(t.EndOfText));
    }

    [Fact]
    public void Token_bytes_of_all_tokens_are_those_of_the_ranks()
    {
        for (int id = 0; id < 50257; id++) Assert.True(s_ranks.Value.TokenBytes(id).SequenceEqual(s_base.Value.TokenBytes(id)));
        Assert.Equal("<|startoftranscript|>", Encoding.UTF8.GetString(s_base.Value.TokenBytes(50258)));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_base.Value.TokenBytes(51865).Length);
    }

    [Fact]
    public void Long_pieces_take_time_near_to_linear()
    {
        var text = new string('a', 200_000) + new string(' ', 200_000);
        Assert.Equal(text, s_base.Value.Decode(s_base.Value.Encode(text)));
    }

    static int[] Tokens(JsonElement clip, string name) => [.. clip.GetProperty(name).EnumerateArray().Select(t => t.GetInt32())];
}
