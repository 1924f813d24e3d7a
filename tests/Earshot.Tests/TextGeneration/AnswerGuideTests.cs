using System.Text.Json;
using Earshot.Chat;
using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Decoding;
using Earshot.Decoding.Grammars;
using Earshot.Tests.TextGeneration;

namespace Earshot.TextGeneration;

/// <summary>Answers held to grammars, tools and limits of thoughts, by models that say exactly what a test wants.</summary>
public sealed class AnswerGuideTests : IDisposable
{
    const string Weather = """
        {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}}, "required": ["city"]}
        """;

    static readonly Grammar s_mood = Grammar.FromJsonSchema("""{"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}}""");

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_thought_is_apart_and_marks_never_show()
    {
        using var model = await ScriptAsync("qwen3", "<think>", "\n\nwell", " so</thi", "nk>", "\n\nhe", "llo");
        var answer = await AnswerAsync(model, new());
        Assert.Equal(("well so", "hello"), (answer.Reasoning, answer.Text));
        Assert.Equal(FinishReason.Stop, answer.End.Reason);
        Assert.InRange(answer.End.ReasoningTokens, 3, 5);
    }

    [Fact]
    public async Task What_the_limit_cuts_inside_of_a_thought_says_nothing_and_is_told()
    {
        using var model = await ScriptAsync("qwen3", "<think>", "aa", "bb", "cc", "</think>", "hello");
        var answer = await AnswerAsync(model, new() { MaxTokens = 3 });
        Assert.Equal(("aabb", "", FinishReason.Length), (answer.Reasoning, answer.Text, answer.End.Reason));
        Assert.True(answer.End.IsInsideReasoning);
        // With a budget of its own the thought is closed, and the answer has all of its limit.
        var closed = await AnswerAsync(model, new() { MaxTokens = 3, MaxReasoningTokens = 2 });
        Assert.Equal("aa", closed.Reasoning);
        Assert.False(closed.End.IsInsideReasoning);
        Assert.Equal(2 + Encoded(model, "\n</think>\n\n"), closed.End.ReasoningTokens);
    }

    [Fact]
    public async Task A_model_that_thinks_writes_the_schema_s_text_alone_behind_its_thought()
    {
        // It would go on with a sentence.
        using var model = await ScriptAsync("qwen3", "<think>", "\nhm", "</think>", "\n\n", "Sure: ", "good");
        var answer = await AnswerAsync(model, new() { Grammar = s_mood, MaxTokens = 60 });
        Assert.Contains("hm", answer.Reasoning, StringComparison.Ordinal);
        Assert.Contains(answer.Text, (string[])["""{"mood":"good"}""", """{"mood":"bad"}""", "{}"]);
        Assert.Equal(FinishReason.Stop, answer.End.Reason);
        // A thought without end leaves room for the shortest text.
        using var endless = await LoadAsync(MadeLanguageModel.WriteChain(_folder.File("endless"), ["aa"], _ => 256), "qwen3");
        var cut = await AnswerAsync(endless, new() { Grammar = s_mood, MaxTokens = 40 });
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(cut.Text).RootElement.ValueKind);
        Assert.InRange(cut.End.Tokens, 20, 40);
        var error = Assert.Throws<ModelException>(() => model.AnswerAsync([ChatTurn.User("x")], new() { Grammar = s_mood, MaxTokens = 4 }));
        Assert.Contains("no room for a thought", error.Message, StringComparison.Ordinal);
        // Without thinking there is none.
        var plain = await AnswerAsync(
            endless, new() { Grammar = s_mood, MaxTokens = 8, Chat = new() { EnableReasoning = false } });
        Assert.Equal("", plain.Reasoning);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(plain.Text).RootElement.ValueKind);
    }

    [Fact]
    public async Task Every_text_of_a_grammar_is_whole_whatever_the_model_likes_and_wherever_the_limit_is()
    {
        var schema = Grammar.FromJsonSchema("""
            {"type": "object", "required": ["names", "size"], "properties": {
              "names": {"type": "array", "items": {"type": "string"}}, "size": {"type": "number"}}}
            """);
        int least = """{"names":[],"size":0}""".Length;
        foreach (var liked in (string[])[" ", "\n", "\"", "<think>", "\\", "\u0001"])
        {
            string[] pieces = ["<x>", "\"}"];
            using var model = await LoadAsync(MadeLanguageModel.WriteChain(
                Path.Combine(_folder.Path, $"blank{(int)liked[^1]}"), pieces, _ => MadeLanguageModel.Id(pieces, liked)), "chatml");
            foreach (int most in (int[])[least, least + 1, 2 * least, 200])
            {
                var answer = await AnswerAsync(model, new() { Grammar = schema, MaxTokens = most });
                using var json = JsonDocument.Parse(answer.Text);
                Assert.Equal(JsonValueKind.Number, json.RootElement.GetProperty("size").ValueKind);
                Assert.True(answer.End.Tokens <= most);
            }
        }
    }

    [Fact]
    public async Task A_call_s_arguments_are_valid_by_its_schema()
    {
        // It begins a call by itself, and would write nonsense in it.
        using var model = await ScriptAsync("qwen3-instruct", "I look. ", "<tool_call>", "x", "y");
        var options = new GenerationOptions
        {
            MaxTokens = 200,
            Chat = new() { Tools = [ToolDefinition.Create("get_weather", "Weather", Weather), ToolDefinition.Create("stop", null, "{}")] },
        };
        var answer = await AnswerAsync(model, options);
        Assert.Equal("I look. ", answer.Text);
        CheckCall(Assert.Single(answer.Calls));
        // And several, each with an id of its own, until the limit.
        using var calling = await LoadAsync(MadeLanguageModel.WriteChain(
            _folder.File("calling"), [], token => token == ' ' ? '"' : 256 + 3), "qwen3-instruct");
        var many = await AnswerAsync(calling, options with { MaxTokens = 300 });
        Assert.True(many.Calls.Count > 1);
        Assert.All(many.Calls, CheckCall);
        Assert.Equal(many.Calls.Count, many.Calls.Select(call => call.Id).Distinct().Count());
        var one = await AnswerAsync(calling, options with { AllowMultipleToolCalls = false });
        Assert.Single(one.Calls);
        Assert.Equal(FinishReason.Stop, one.End.Reason);
    }

    [Theory]
    [InlineData("qwen2.5")]
    [InlineData("llama3.1")]
    public async Task A_tool_that_must_be_called_is(string format)
    {
        using var model = await ScriptAsync(format, "Hel", "lo");
        var options = new GenerationOptions
        {
            MaxTokens = 200,
            Chat = new() { Tools = [ToolDefinition.Create("get_weather", "Weather", Weather), ToolDefinition.Create("stop", null, "{}")] },
        };
        Assert.Equal("Hello", (await AnswerAsync(model, options)).Text);
        var called = await AnswerAsync(model, options with { ToolChoice = ToolChoice.Of("get_weather"), AllowMultipleToolCalls = false });
        var call = Assert.Single(called.Calls);
        Assert.Equal("get_weather", call.Name);
        CheckCall(call);
        Assert.Single((await AnswerAsync(model, options with { ToolChoice = ToolChoice.Required, AllowMultipleToolCalls = false })).Calls);
        var other = options with { ToolChoice = ToolChoice.Of("y") };
        var error = Assert.Throws<ModelException>(() => model.AnswerAsync([ChatTurn.User("x")], other));
        Assert.Contains("get_weather, stop", error.Message, StringComparison.Ordinal);
        // None is told of where none may be called.
        int with = (await AnswerAsync(model, options)).End.PromptTokens;
        Assert.True((await AnswerAsync(model, options with { ToolChoice = ToolChoice.None })).End.PromptTokens < with);
    }

    [Fact]
    public async Task A_bare_call_is_held_to_its_schema_from_where_it_is_one()
    {
        using var model = await ScriptAsync("llama3.1", "{\"na", "me\": \"", "stop", "zzz");
        var options = new GenerationOptions { MaxTokens = 200, Chat = new() { Tools = [ToolDefinition.Create("stop", null, "{}")] } };
        Assert.Equal("stop", Assert.Single((await AnswerAsync(model, options)).Calls).Name);
        using var other = await ScriptAsync("llama3.1", "{\"size\": ", "2}");
        Assert.Equal("{\"size\": 2}", (await AnswerAsync(other, options)).Text);
    }

    [Fact]
    public async Task A_schema_with_tools_is_a_call_or_the_schema_s_text()
    {
        using var calling = await ScriptAsync("qwen2.5", "<tool_call>", "x");
        var options = new GenerationOptions
        {
            Grammar = s_mood,
            MaxTokens = 100,
            Chat = new() { Tools = [ToolDefinition.Create("get_weather", null, Weather)] },
            AllowMultipleToolCalls = false,
        };
        var call = await AnswerAsync(calling, options);
        Assert.Equal("", call.Text);
        CheckCall(Assert.Single(call.Calls));
        using var saying = await ScriptAsync("qwen2.5", "Hel", "lo");
        var text = await AnswerAsync(saying, options);
        Assert.Empty(text.Calls);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(text.Text).RootElement.ValueKind);
    }

    [Fact]
    public async Task What_cannot_be_compiled_is_refused_before_anything_is_generated()
    {
        using var model = await ScriptAsync("qwen2.5", "Hel", "lo");
        var tool = ToolDefinition.Create("odd", null, """{"type": "object", "properties": {"a": {"not": {}}}}""");
        var error = Assert.Throws<GrammarException>(
            () => model.AnswerAsync([ChatTurn.User("x")], new() { Chat = new() { Tools = [tool] } }));
        Assert.Equal(("#/properties/a", "not"), (error.Path, error.Keyword));
        Assert.Contains("'odd'", error.Message, StringComparison.Ordinal);
        var strict = ToolDefinition.Create("loose", null, Weather, strict: true);
        error = Assert.Throws<GrammarException>(() => model.AnswerAsync([ChatTurn.User("x")], new() { Chat = new() { Tools = [strict] } }));
        Assert.Contains("'loose'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_probabilities_are_the_model_s_own_and_carry_the_bytes()
    {
        using var model = await ScriptAsync("chatml", "Hel", "lo");
        var options = new GenerationOptions { TopLogprobs = 2, Sampling = new() { Temperature = 0 }, MaxTokens = 10 };
        var pieces = new List<GeneratedPiece>();
        await foreach (var piece in model.GenerateAsync([ChatTurn.User("x")], options)) pieces.Add(piece);
        var tokens = pieces.SelectMany(piece => piece.Tokens).ToList();
        Assert.Equal(pieces[^1].End!.Tokens, tokens.Count);
        Assert.Equal("Hello"u8.ToArray(), tokens.SkipLast(1).SelectMany(token => token.Bytes.ToArray()));
        Assert.All(tokens, token =>
        {
            Assert.Equal(2, token.Top.Count);
            Assert.Equal((token.Id, token.Logprob), (token.Top[0].Id, token.Top[0].Logprob));
            Assert.InRange(token.Logprob, -0.1f, 0);
        });
        // A grammar does not change them.
        var held = new List<GeneratedToken>();
        await foreach (var piece in model.GenerateAsync([ChatTurn.User("x")], options with { Grammar = Grammar.FromChoices(["b"]) }))
            held.AddRange(piece.Tokens);
        Assert.Equal('b', held[0].Id);
        Assert.InRange(held[0].Logprob, -100, -3);
        Assert.Equal("Hel"u8.ToArray(), held[0].Top[0].Bytes.ToArray());
    }

    static int Encoded(LanguageModel model, string markup) => model.Tokenizer.EncodeWithAddedTokens(markup).Length;

    static void CheckCall(ToolCall call)
    {
        using var arguments = JsonDocument.Parse(call.Arguments);
        if (call.Name == "stop") return;
        Assert.Equal("get_weather", call.Name);
        Assert.Equal(JsonValueKind.String, arguments.RootElement.GetProperty("city").ValueKind);
        foreach (var argument in arguments.RootElement.EnumerateObject())
            if (argument.Name != "city") Assert.Contains(argument.Value.GetString(), (string[])["celsius", "fahrenheit"]);
    }

    Task<LanguageModel> ScriptAsync(string format, params string[] script) =>
        LoadAsync(MadeLanguageModel.WriteScript(Path.Combine(_folder.Path, Guid.NewGuid().ToString("N")), script), format);

    static Task<LanguageModel> LoadAsync(string folder, string format) =>
        LanguageModel.LoadAsync(folder, new() { Threads = 1, Weights = WeightFormat.F32, ChatFormat = format });

    static async Task<Answer> AnswerAsync(LanguageModel model, GenerationOptions options)
    {
        var answer = new Answer();
        await foreach (var update in model.AnswerAsync([ChatTurn.User("How is it?")], options))
        {
            foreach (var part in update.Parts)
            {
                answer.Text += (part as AnswerText)?.Text;
                answer.Reasoning += (part as AnswerReasoning)?.Text;
                if (part is AnswerToolCall call) answer.Calls.Add(call.Call);
            }
            if (update.End is { } end) answer.End = end;
        }
        return answer;
    }

    sealed class Answer
    {
        public string Text = "", Reasoning = "";
        public GenerationEnd End = null!;

        public List<ToolCall> Calls { get; } = [];
    }
}
