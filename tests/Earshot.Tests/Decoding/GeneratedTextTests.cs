using System.Text;
using Earshot.Tokenizers;

namespace Earshot.Decoding;

/// <summary>Text of tokens as they come: characters whole, stop strings and limits at their place.</summary>
public class GeneratedTextTests
{
    static readonly HashSet<int> s_end = [2];

    [Theory]
    [InlineData("abcabd x", new[] { "abd" }, "abc", "abd")]
    [InlineData("aab", new[] { "ab", "aab" }, "", "aab")]
    [InlineData("aaab", new[] { "aab" }, "a", "aab")]
    [InlineData("a😁b😀c", new[] { "😀" }, "a😁b", "😀")]
    [InlineData("a\n\nUser: b", new[] { "\nUser:", "never" }, "a\n", "\nUser:")]
    [InlineData("abab", new[] { "ababc" }, "abab", null)]
    [InlineData("abc", new string[0], "abc", null)]
    public void Text_ends_before_the_stop_string_however_it_is_cut(string text, string[] stops, string expected, string? found)
    {
        var random = new Random(1);
        for (int round = 0; round < 20; round++)
        {
            var matcher = new StopStrings(stops);
            var shown = new StringBuilder();
            for (int at = 0; at < text.Length;)
            {
                int length = Math.Min(round == 0 ? text.Length : random.Next(1, 4), text.Length - at);
                if (char.IsHighSurrogate(text[at + length - 1])) length++;
                var update = matcher.Append(text.Substring(at, length));
                Assert.False(update.Length > 0 && char.IsHighSurrogate(update[^1]));
                shown.Append(update);
                at += length;
            }
            shown.Append(matcher.Flush());
            Assert.Equal((expected, found), (shown.ToString(), matcher.Found));
        }
    }

    [Fact]
    public void Only_what_may_become_a_stop_string_is_held_back()
    {
        var matcher = new StopStrings(["\n\nUser:", "END"]);
        Assert.Equal("Hello", matcher.Append("Hello\n"));
        Assert.Equal("\nwor", matcher.Append("worEN"));
        Assert.Equal("ENT", matcher.Append("T"));
        Assert.Equal("", matcher.Append("\n\nUse"));
        Assert.Equal("\n\nUse", matcher.Flush());
        Assert.Throws<ArgumentException>(() => new StopStrings([""]));
        Assert.Throws<ArgumentException>(() => new StopStrings(["\uDE00"]));
    }

    [Fact]
    public void Random_texts_stop_where_searching_them_whole_does()
    {
        var random = new Random(5);
        string Random(int most) => string.Concat(Enumerable.Range(0, random.Next(1, most)).Select(_ => "ab"[random.Next(2)]));
        for (int round = 0; round < 3000; round++)
        {
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Random(6))];
            var text = Random(20);
            var matcher = new StopStrings(stops);
            var shown = string.Concat(text.Select(c => matcher.Append(c.ToString()))) + matcher.Flush();
            var first = stops.Select(stop => (Start: text.IndexOf(stop, StringComparison.Ordinal), stop.Length))
                .Where(hit => hit.Start >= 0).OrderBy(hit => hit.Start + hit.Length).ThenBy(hit => hit.Start)
                .Select(hit => (int?)hit.Start).FirstOrDefault();
            Assert.Equal(first is { } start ? text[..start] : text, shown);
        }
    }

    [Fact]
    public void Characters_come_whole_byte_by_byte()
    {
        const string text = "👩‍👩‍👧🇩🇪щ漢";
        var (tokens, updates) = (Bytes(text), new List<string>());
        var generated = new GeneratedText(Tokenizer, s_end, [], tokens.Count + 1);
        foreach (int token in tokens) updates.Add(generated.Append(token));
        Assert.Equal(text, string.Concat(updates));
        Assert.All(updates, update => Assert.False(update.Length == 1 && char.IsSurrogate(update[0])));
        Assert.Equal("", generated.Append(2));
        Assert.Equal((FinishReason.Stop, tokens.Count + 1), (generated.Finish, generated.TokenCount));
        Assert.Throws<InvalidOperationException>(() => generated.Append(5));
    }

    [Fact]
    public void A_limit_in_the_middle_of_a_character_leaves_one_replacement()
    {
        var tokens = Bytes("a😀");
        var generated = new GeneratedText(ByteLevel, s_end, [], 4);
        Assert.Equal("a\uFFFD", string.Concat(tokens.Take(4).Select(generated.Append)));
        Assert.Equal(FinishReason.Length, generated.Finish);
        // A byte that cannot begin a character, and one that does not go on.
        var broken = new GeneratedText(ByteLevel, s_end, [], 10);
        Assert.Equal("\uFFFDa", broken.Append(0xF0 + 3) + broken.Append('a' + 3));
    }

    [Fact]
    public void Stop_strings_cross_tokens_and_end_tokens_give_back_what_was_held()
    {
        var stopped = new GeneratedText(ByteLevel, s_end, ["lo w"], 100);
        Assert.Equal("hel", string.Concat(Bytes("hello w").Select(stopped.Append)));
        Assert.Equal((FinishReason.Stop, "lo w"), (stopped.Finish, stopped.StopString));
        var ended = new GeneratedText(ByteLevel, s_end, ["lo w"], 100);
        Assert.Equal("hello ", string.Concat(Bytes("hello ").Append(2).Select(ended.Append)));
        Assert.Equal((FinishReason.Stop, null), (ended.Finish, ended.StopString));
    }

    static List<int> Bytes(string text) => [.. Encoding.UTF8.GetBytes(text).Select(b => b + 3)];

    // A token for each byte, behind three others.
    static TextTokenizer Tokenizer => ByteLevel;

    static TextTokenizer ByteLevel { get; } = new BytePairTokenizer(
        BytePairEncoding.FromMerges([[], [], [], .. Enumerable.Range(0, 256).Select(b => new[] { (byte)b })], [], ignoreMerges: false),
        new TextSplitter(SplitPattern.Gpt2), normalizes: false,
        new TextTokenizerSettings { Source = "test", AddedTokens = [new AddedToken(2, "</s>", IsSpecial: true)], EndToken = 2 });
}
