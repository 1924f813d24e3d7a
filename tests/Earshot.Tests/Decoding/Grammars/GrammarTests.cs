using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Earshot.Decoding.Grammars;

public class GrammarTests
{
    [Theory]
    [InlineData("a|bc", "a bc", "b abc")]
    [InlineData("^[^a-y\\d]{2,3}$", "zz zß漢", "z az 1z zzzz")]
    [InlineData("(?:ab)+?c*", "ab ababcc", "a abac c")]
    [InlineData("(?<year>\\d{4})-\\w\\x41\\u{1F600}", "2024-_A😀", "2024-éA😀")]
    [InlineData(".?\\.\\/[\\]\\-a]", "x./] ./- ./a", "x./b xx./a")]
    [InlineData("\\uD83D\\uDE00|\\S{2}", "😀 ab", "a")]
    [InlineData("(a*)*b", "b aaab", "a c")]
    public void Expressions_match_whole_texts(string pattern, string matching, string others)
    {
        var grammar = Grammar.FromRegex(pattern);
        Assert.All(matching.Split(' '), text => Assert.True(GrammarTexts.Matches(grammar, text), text));
        Assert.All(others.Split(' '), text => Assert.False(GrammarTexts.Matches(grammar, text), text));
    }

    [Theory]
    [InlineData("(a")]
    [InlineData("a)")]
    [InlineData("[a")]
    [InlineData("*a")]
    [InlineData("a**")]
    [InlineData("a++")]
    [InlineData("a{2,1}")]
    [InlineData("a{99999}")]
    [InlineData("[b-a]")]
    [InlineData("\\1")]
    [InlineData("\\bx")]
    [InlineData("(?=a)")]
    [InlineData("(?<!a)b")]
    [InlineData("(?i)a")]
    [InlineData("\\p{L}")]
    [InlineData("\\")]
    [InlineData("\\ud800")]
    [InlineData("[^\\u0000-\\u{10ffff}]")]
    [InlineData("a^b")]
    [InlineData("(x|y)*x(x|y){30}")]
    public void What_is_no_regular_expression_is_refused(string pattern) =>
        Assert.Throws<GrammarException>(() => Grammar.FromRegex(pattern));

    [Fact]
    public void Random_expressions_mean_what_the_platform_has_them_mean()
    {
        string[] parts = ["a", "b", "[ab]", "[^a]", ".", "(a|bb)", "(ab)?", "a*", "b+", "(a|b){2}", "c{0,2}", "\\d", "(?:b|)"];
        int same = 0;
        foreach (var random in FuzzRounds.Of(200, 5))
        {
            string pattern = string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => parts[random.Next(parts.Length)]));
            if (random.Next(3) == 0) pattern += "|" + parts[random.Next(parts.Length)];
            var grammar = Grammar.FromRegex(pattern);
            for (int i = 0; i < 20; i++)
            {
                string text = string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => "aabbc1"[random.Next(6)]));
                bool expected = Regex.IsMatch(text, $"^(?:{pattern})\\z", RegexOptions.NonBacktracking);
                Assert.True(expected == GrammarTexts.Matches(grammar, text), $"{pattern} and '{text}': {expected}");
                same++;
            }
        }
        Assert.True(same > 0);
    }

    [Fact]
    public void Choices_are_told_apart_by_what_follows()
    {
        var grammar = Grammar.FromChoices(["go", "good", "größer"]);
        var constraint = new GrammarConstraint(grammar, GrammarTexts.Bytes);
        Assert.Equal('g', constraint.ForcedToken);
        Assert.True(constraint.TryAccept('g') && constraint.TryAccept('o'));
        Assert.True(constraint.IsComplete && constraint.Allows(256) && constraint.Allows('o') && !constraint.Allows('r'));
        Assert.Null(constraint.ForcedToken);
        Assert.Throws<GrammarException>(() => Grammar.FromChoices([]));
    }

    [Fact]
    public void Tools_as_servers_describe_them_have_optional_arguments()
    {
        const string schema = """
            {"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","title":"search","properties":{
              "query":{"type":"string","description":"what"},"limit":{"type":"integer","default":10,"minimum":1,"maximum":50},
              "order":{"type":["string","null"],"enum":["asc","desc",null]},"mode":{"anyOf":[{"const":"fast"},{"const":"decision"}]},
              "when":{"oneOf":[{"type":"string","format":"date"},{"type":"null"}],"default":null},"extra":{"type":"object"},
              "site":{"type":"string","format":"uri","x-order":3}},"required":["query"]}
            """;
        var grammar = Grammar.FromJsonSchema(schema);
        foreach (string valid in (string[])
        [
            """{"query":"x"}""", """{"query":"x","limit":50,"mode":"decision"}""", """{"query":"","order":null,"when":"2024-02-29"}""",
            """{"query":"x","extra":{"a":[1,{}]},"site":"?"}""",
        ])
            Assert.True(GrammarTexts.Matches(grammar, valid), valid);
        foreach (string invalid in (string[])
        [
            "{}", """{"limit":5}""", """{"query":"x","limit":51}""", """{"query":"x","mode":"\"decision\""}""", """{"query":"x",}""",
            """{"query":"x","when":"2023-02-29"}""", """{"query":"x","other":1}""", """{"query":"x","limit":5,"limit":6}""",
        ])
            Assert.False(GrammarTexts.Matches(grammar, invalid), invalid);
    }

    [Fact]
    public void Others_keys_do_not_repeat_those_that_are_named()
    {
        var grammar = Grammar.FromJsonSchema(
            """{"properties":{"a":{"type":"null"},"ab":{"type":"null"}},"additionalProperties":{"type":"integer"}}""");
        Assert.All(["{}", """{"a":null}""", """{"ab":null,"b":1,"abc":2}""", """{"":1}"""], text =>
            Assert.True(GrammarTexts.Matches(grammar, text)));
        Assert.All(["""{"a":1}""", """{"ab":null,"a":null}""", """{"b":1,"ab":2}""", """{"\u0061":1}"""], text =>
            Assert.False(GrammarTexts.Matches(grammar, text)));
    }

    [Fact]
    public void The_order_of_definitions_does_not_matter()
    {
        string Schema(string definitions) =>
            $"{{\"type\":\"object\",\"properties\":{{\"t\":{{\"$ref\":\"#/$defs/a\"}}}},\"required\":[\"t\"],\"$defs\":{{{definitions}}}}}";
        const string a = """
            "a":{"type":"array","items":{"$ref":"#/$defs/b"}}
            """, b = """
            "b":{"enum":["he said \"x\"","C:\\","\n","ß😀","a","ab"]}
            """;
        foreach (string text in (string[])["""{"t":["he said \"x\"","C:\\","\n","ß😀","a","ab"]}""", """{"t":[]}""", """{"t":["b"]}"""])
            Assert.Equal(
                GrammarTexts.FirstRefused(Grammar.FromJsonSchema(Schema($"{a},{b}")), text),
                GrammarTexts.FirstRefused(Grammar.FromJsonSchema(Schema($"{b},{a}")), text));
        Assert.True(GrammarTexts.Matches(Grammar.FromJsonSchema(Schema($"{b},{a}")),
            """{"t":["he said \"x\"","C:\\","\n","ß😀","a","ab"]}"""));
    }

    [Fact]
    public void A_limit_below_the_shortest_text_is_refused_and_at_it_the_text_is_whole()
    {
        var grammar = Grammar.FromJsonSchema("""
            {"type":"object","properties":{"name":{"type":"string","minLength":3},"tags":{"type":"array","items":{"type":"boolean"},
            "minItems":2},
            "next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["name","tags","next"],"additionalProperties":false}
            """);
        int least = new GrammarConstraint(grammar, GrammarTexts.Smol).MinimumTokens;
        Assert.True(least < grammar.MinimumBytes);
        var e = Assert.Throws<ModelException>(() => new GrammarConstraint(grammar, GrammarTexts.Smol, least - 1));
        Assert.Contains($"{least} tokens", e.Message, StringComparison.Ordinal);
        for (int limit = least; limit < least + 60; limit++)
            JsonDocument.Parse(GrammarTexts.Write(grammar, GrammarTexts.Smol, limit, new Random(limit), endsAfter: 1e9));
    }

    [Fact]
    public void Places_can_be_taken_back_and_forked()
    {
        var grammar = Grammar.FromJsonSchema("""{"type":"array","items":{"type":"string"},"maxItems":3}""");
        var constraint = new GrammarConstraint(grammar, GrammarTexts.Smol, 60);
        var random = new Random(4);
        var masks = new List<ulong[]>();
        var tokens = new List<int>();
        for (int i = 0; i < 30; i++)
        {
            masks.Add(constraint.Mask.ToArray());
            var allowed = Enumerable.Range(0,
                GrammarTexts.Smol.Count).Where(constraint.Allows).Except(GrammarTexts.Smol.EndTokens).ToArray();
            if (allowed.Length == 0) break;
            tokens.Add(allowed[random.Next(allowed.Length)]);
            Assert.True(constraint.TryAccept(tokens[^1]));
        }
        var fork = constraint.Fork();
        for (int length = tokens.Count - 1; length >= 0; length -= 3)
        {
            constraint.Rollback(constraint.Length - length);
            Assert.Equal(masks[length], constraint.Mask.ToArray());
            Assert.Equal(tokens.Count, fork.Length);
        }
        Assert.All(tokens.Skip(constraint.Length), token => Assert.True(constraint.TryAccept(token)));
        Assert.Equal(fork.Mask.ToArray(), constraint.Mask.ToArray());
        Assert.False(constraint.TryAccept(-1) || constraint.TryAccept(int.MaxValue));
    }

    [Fact]
    public void Tokens_that_can_be_skipped_are_those_that_must_follow()
    {
        var grammar = Grammar.FromJsonSchema(
            """{"properties":{"temperature":{"type":"integer"}},"required":["temperature"],"additionalProperties":false}""");
        foreach (int? limit in (int?[])[null, 30])
        {
            var constraint = new GrammarConstraint(grammar, GrammarTexts.Smol, limit);
            var forced = constraint.ForcedTokens();
            Assert.True(forced.Count > 2);
            string text = Encoding.UTF8.GetString([.. forced.SelectMany(token => GrammarTexts.Smol.Bytes(token).ToArray())]);
            Assert.StartsWith("{\"temperature", text, StringComparison.Ordinal);
            Assert.StartsWith(text, "{\"temperature\":", StringComparison.Ordinal);
            Assert.All(forced, token => Assert.True(constraint.TryAccept(token)));
        }
    }

    [Fact]
    public void A_character_without_tokens_is_refused_and_a_model_that_likes_blanks_writes_json()
    {
        var grammar = Grammar.FromChoices(["a\U00050000"]);
        Assert.Throws<ModelException>(() => new GrammarConstraint(grammar, GrammarTexts.Smol));
        Assert.Equal(5, new GrammarConstraint(grammar, GrammarTexts.Bytes).MinimumTokens);

        var json = new GrammarConstraint(Grammar.FromJsonSchema("""{"type":"array","items":{"type":"string"},"minItems":2}"""),
            GrammarTexts.Bytes, 20);
        var text = new StringBuilder();
        while (json.Length < 20 && !json.Allows(256))
        {
            int token = " \n\"".FirstOrDefault(c => json.Allows(c)) is not '\0' and var liked ? liked
                : Enumerable.Range(0, 256).First(json.Allows);
            Assert.True(json.TryAccept(token));
            text.Append((char)token);
        }
        Assert.Equal(2, JsonDocument.Parse(text.ToString()).RootElement.GetArrayLength());
    }

    [Fact]
    public void Halves_of_characters_are_tokens_like_others()
    {
        var grammar = Grammar.FromJsonSchema("""{"type":"string"}""");
        Assert.True(GrammarTexts.Matches(grammar, "\"\\ud83d\\ude00\\u0000\\/\""));
        Assert.Equal(8, GrammarTexts.FirstRefused(grammar, "\"\\ud83d\\n\""));
        Assert.Equal(5, GrammarTexts.FirstRefused(grammar, "\"\\uDe00\"") + 1);
        var constraint = new GrammarConstraint(grammar, GrammarTexts.Bytes);
        Assert.All("\"\xF0\x9F", c => Assert.True(constraint.TryAccept(c)));
        Assert.Equal(2, constraint.BytesLeft - 1);
        Assert.False(constraint.TryAccept('"') || constraint.TryAccept(0xC0));
        Assert.True(constraint.TryAccept(0x98) && constraint.TryAccept(0x80) && constraint.TryAccept('"') && constraint.TryAccept(256));
    }
}
