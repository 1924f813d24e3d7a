using System.Text.Json;

namespace Earshot.Decoding.Grammars;

/// <summary>Whatever a model wishes, what comes out parses and is valid, also where it is cut.</summary>
public class GrammarPropertyTests
{
    [Fact]
    public void Random_texts_of_random_schemas_parse_and_are_valid_also_when_cut()
    {
        int written = 0, refused = 0;
        foreach (var random in FuzzRounds.Of(300, 20))
        {
            var schema = new RandomSchemas(random).Next();
            Grammar grammar;
            try
            {
                grammar = Grammar.FromJsonSchema(schema);
            }
            catch (GrammarException e)
            {
                Assert.NotNull(e.Path);
                refused++;
                continue;
            }
            var vocabulary = random.Next(3) switch { 0 => GrammarTexts.Bytes, 1 => GrammarTexts.Qwen, _ => GrammarTexts.Smol };
            int least = new GrammarConstraint(grammar, vocabulary).MinimumTokens;
            int limit = least + random.Next(4) switch { 0 => 300, 1 => 0, var more => random.Next(20 * more) };
            string text = GrammarTexts.Write(grammar, vocabulary, limit, random);
            using var value = JsonDocument.Parse(text);
            Assert.True(SchemaValidator.IsValid(schema, value.RootElement), $"{schema}\n{text}");
            Assert.True(GrammarTexts.Matches(grammar, text));
            written++;
        }
        if (!FuzzRounds.IsLong) Assert.True(written >= 200, $"{written} texts, {refused} schemas refused");
    }

    [Fact]
    public void Any_json_is_json_within_the_depth_of_parsers()
    {
        var random = new Random(3);
        for (int i = 0; i < 40; i++)
        {
            string text = GrammarTexts.Write(Grammar.JsonObject, GrammarTexts.Smol, i % 2 == 0 ? 2 + i : null, random);
            Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(text).RootElement.ValueKind);
        }
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(Deepest("{\"a\":")).RootElement.ValueKind);
        Assert.Equal(JsonValueKind.Array, JsonDocument.Parse(Deepest("[")).RootElement.ValueKind);
    }

    /// <summary>The same beginning as often as it is allowed, then the shortest end.</summary>
    static string Deepest(string again)
    {
        var state = GrammarState.Start(Grammar.JsonValue);
        string text = "";
        for (int depth = 0; ; depth++)
        {
            Assert.True(depth < 100);
            var next = state;
            foreach (char c in again) next = next?.Next((byte)c);
            if (next is null) break;
            state = next;
            text += again;
        }
        Assert.True(text.Length / again.Length > 50);
        return text + System.Text.Encoding.UTF8.GetString(ShortestText.Of(state));
    }
}
