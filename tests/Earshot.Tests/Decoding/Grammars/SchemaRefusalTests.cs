namespace Earshot.Decoding.Grammars;

/// <summary>What is refused before anything is generated, and where the message says it is.</summary>
public class SchemaRefusalTests
{
    [Theory]
    [InlineData("""{"properties":{"a":{"not":{}}}}""", "#/properties/a", "not")]
    [InlineData("""{"type":"array","items":{"type":"array","uniqueItems":true}}""", "#/items", "uniqueItems")]
    [InlineData("""{"properties":{"x/y":{"type":"strnig"}}}""", "#/properties/x~1y", "type")]
    [InlineData("""{"properties":{"a":{"$ref":"#/$defs/b"}}}""", "#/properties/a", "$ref")]
    [InlineData("""{"properties":{"a":{"$ref":"http://x/y"}}}""", "#/properties/a", "$ref")]
    [InlineData("""{"$ref":"#"}""", "#", null)]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}""", "#", null)]
    [InlineData("""{"properties":{"a":{"type":"string","pattern":"(a)\\1"}}}""", "#/properties/a", "pattern")]
    [InlineData("""{"properties":{"a":{"type":"string","pattern":"a(?=b)"}}}""", "#/properties/a", "pattern")]
    [InlineData("""{"properties":{"a":{"type":"string","pattern":"^ab$","maxLength":1}}}""", "#/properties/a", "pattern")]
    [InlineData("""{"properties":{"a":{"type":"integer","minimum":1.2,"maximum":1.9}}}""", "#/properties/a", "maximum")]
    [InlineData("""{"properties":{"a":{"type":"number","multipleOf":0}}}""", "#/properties/a", "multipleOf")]
    [InlineData("""{"properties":{"a":{"type":"number","minimum":"1"}}}""", "#/properties/a", "minimum")]
    [InlineData("""{"properties":{"a":{"type":"array","minItems":-1}}}""", "#/properties/a", "minItems")]
    [InlineData("""{"properties":{"a":{"type":"array","minItems":3,"maxItems":2}}}""", "#/properties/a", "maxItems")]
    [InlineData("""{"properties":{"a":{"enum":[]}}}""", "#/properties/a", "enum")]
    [InlineData("""{"properties":{"a":{"type":"integer","enum":["x"]}}}""", "#/properties/a", "enum")]
    [InlineData("""{"properties":{"a":{"anyOf":[{"type":"string"}],"type":"string"}}}""", "#/properties/a", "type")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"number"}]}""", "#", "oneOf")]
    [InlineData("""{"allOf":[{"type":"object"},{"required":["a"]}]}""", "#", "allOf")]
    [InlineData("""{"properties":{"a":false},"required":["a"]}""", "#/properties/a", null)]
    [InlineData("""{"properties":{"a":3}}""", "#/properties/a", null)]
    [InlineData("""{"required":["a"],"additionalProperties":false}""", "#", "required")]
    [InlineData("""{"properties":{"a":{"type":"array","minItems":1000000000}}}""", "#/properties/a", "minItems")]
    [InlineData("""{"properties":{"a":{"type":"string","maxLength":1000000000}}}""", "#/properties/a", "maxLength")]
    [InlineData("""{"properties":{"a":{"type":"string","pattern":"(a|b)*a(a|b){40}"}}}""", "#/properties/a", "pattern")]
    [InlineData("""{"properties":{"a":{"type":"string","pattern":"(((a{1000}){1000}){1000}){1000}"}}}""", "#/properties/a", "pattern")]
    public void What_cannot_be_compiled_is_refused_with_path_and_keyword(string schema, string path, string? keyword)
    {
        var e = Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(schema));
        Assert.Equal((path, keyword), (e.Path, e.Keyword));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"array","items":{"type":"string"}}""", "#", "type")]
    [InlineData("""{"type":"object","anyOf":[{"type":"object"}]}""", "#", "anyOf")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}""", "#", "additionalProperties")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}},"required":[],"additionalProperties":false}""", "#", "required")]
    [InlineData("""{"type":"object","properties":{},"required":["b"],"additionalProperties":false}""", "#", "required")]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"object"}},"required":["a"],"additionalProperties":false}""", "#/properties/a",
        "additionalProperties")]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"string","minLength":1}},"required":["a"],"additionalProperties":false}""",
        "#/properties/a", "minLength")]
    [InlineData(
        """{"type":"object","properties":{"a":{"anyOf":[{"type":"string","x-y":1}]}},"required":["a"],"additionalProperties":false}""",
        "#/properties/a/anyOf/0", "x-y")]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"string","format":"uri"}},"required":["a"],"additionalProperties":false}""",
        "#/properties/a", "format")]
    public void What_is_outside_the_strict_subset_is_refused_where_strict_is_asked_for_alone(string schema, string path, string keyword)
    {
        var e = Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(schema, strict: true));
        Assert.Equal((path, keyword), (e.Path, e.Keyword));
        if (keyword is not "anyOf" && path is not "#" || keyword is "additionalProperties") Grammar.FromJsonSchema(schema);
    }

    [Fact]
    public void The_strict_subset_has_limits()
    {
        string Deep(int levels) => levels == 0 ? """{"type":"string"}"""
            : $$"""{"type":"object","properties":{"a":{{Deep(levels - 1)}} },"required":["a"],"additionalProperties":false}""";
        Grammar.FromJsonSchema(Deep(10), strict: true);
        Assert.Contains("levels", Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(Deep(12), strict: true)).Message,
            StringComparison.Ordinal);
        string Enum(int values, int length) => """{"type":"object","properties":{"a":{"enum":["""
            + string.Join(',', Enumerable.Range(0, values).Select(i => $"\"{new string('x', length)}{i}\""))
            + """]}},"required":["a"],"additionalProperties":false}""";
        Grammar.FromJsonSchema(Enum(1000, 100), strict: true);
        Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(Enum(1001, 1), strict: true));
        Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(Enum(1000, 120), strict: true));
    }

    [Fact]
    public void Damaged_schemas_are_refused_or_compile_and_nothing_else()
    {
        foreach (var random in FuzzRounds.Of(300, 7))
        {
            var text = new System.Text.StringBuilder(new RandomSchemas(random).Next().GetRawText());
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int at = random.Next(text.Length), length = Math.Min(random.Next(1, 12), text.Length - at);
                string part = text.ToString(random.Next(text.Length), 1);
                if (random.Next(2) == 0) text.Remove(at, length);
                else text.Insert(at, random.Next(3) == 0 ? text.ToString(at, length) : "0-\\u{}[](|)*+?^$.ß\"😀"[random.Next(18)] + part);
                if (text.Length == 0) text.Append('1');
            }
            try
            {
                var grammar = Grammar.FromJsonSchema(text.ToString());
                GrammarState.Start(grammar).Next((byte)'{');
            }
            catch (GrammarException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Fact]
    public void Unions_within_unions_stay_small_however_deep_their_texts_go()
    {
        // Which of the two it is stays open until an object ends, at each level.
        var grammar = Grammar.FromJsonSchema("""
            {"anyOf":[{"type":"object","properties":{"x":{"$ref":"#"},"y":{"type":"integer"}},"required":["x","y"]},
              {"type":"object","properties":{"x":{"$ref":"#"},"z":{"type":"integer"}},"required":["x","z"]},{"type":"null"}]}
            """);
        var state = GrammarState.Start(grammar);
        foreach (char c in string.Concat(Enumerable.Repeat("{\"x\":", 40)) + "null" + string.Concat(Enumerable.Repeat(",\"y\":1}", 40)))
        {
            state = state.Next((byte)c)!;
            Assert.True(state.Threads.Count <= 4);
        }
        Assert.True(state.IsComplete);
    }

    [Fact]
    public void Large_schemas_compile_and_larger_ones_are_refused()
    {
        string Wide(int count) => """{"type":"object","properties":{"""
            + string.Join(',', Enumerable.Range(0, count).Select(i => $"\"key{i}\":{{\"type\":\"string\"}}")) + "}}";
        Assert.Equal(2, Grammar.FromJsonSchema(Wide(5_000)).MinimumBytes);
        Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(Wide(100_000)));
        string chain = string.Join(',', Enumerable.Range(0, 2_000).Select(i => $"\"d{i}\":{{\"$ref\":\"#/$defs/d{i + 1}\"}}"));
        Assert.Equal(4, Grammar.FromJsonSchema(
            $"{{\"$ref\":\"#/$defs/d0\",\"$defs\":{{{chain},\"d2000\":{{\"type\":\"null\"}}}}}}").MinimumBytes);
        string deep = string.Concat(Enumerable.Repeat("{\"items\":", 300)) + "true" + new string('}', 300);
        Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema(deep));
        Assert.Throws<GrammarException>(() => Grammar.FromJsonSchema("{"));
    }
}
