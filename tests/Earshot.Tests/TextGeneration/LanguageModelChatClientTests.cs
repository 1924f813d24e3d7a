using System.ComponentModel;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Decoding.Grammars;
using Earshot.Tests.TextGeneration;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Earshot.TextGeneration;

/// <summary>The model as Microsoft.Extensions.AI's chat client: every option acts or is refused by its name.</summary>
public sealed class LanguageModelChatClientTests : IDisposable
{
    static readonly ChatMessage[] s_hello = [new(ChatRole.User, "Hello?")];

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Text_reasoning_usage_and_reason_are_told_streamed_and_whole()
    {
        using var model = await ScriptAsync("qwen3", "<think>", "\nwell", "\n</thi", "nk>", "\n\nHel", "lo");
        using var client = model.AsChatClient();
        var response = await client.GetResponseAsync(s_hello);
        Assert.Equal("Hello", response.Text);
        Assert.Equal("well", Assert.Single(response.Messages[0].Contents.OfType<TextReasoningContent>()).Text);
        Assert.Equal((ChatFinishReason.Stop, model.Model), (response.FinishReason, response.ModelId));
        Assert.Equal(response.Usage!.InputTokenCount + response.Usage.OutputTokenCount, response.Usage.TotalTokenCount);
        Assert.True(response.Usage.ReasoningTokenCount > 0);
        var updates = await client.GetStreamingResponseAsync(s_hello).ToListAsync();
        Assert.Equal("Hello", string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        var usage = Assert.Single(updates[^1].Contents.OfType<UsageContent>()).Details;
        Assert.Equal(response.Usage.InputTokenCount - 1, usage.CachedInputTokenCount);
        var quiet = await client.GetResponseAsync(s_hello, new() { Reasoning = new() { Output = ReasoningOutput.None } });
        Assert.Empty(quiet.Messages[0].Contents.OfType<TextReasoningContent>());
        var none = await client.GetResponseAsync(s_hello, new() { Reasoning = new() { Effort = ReasoningEffort.None } });
        Assert.True(none.Usage!.InputTokenCount > response.Usage.InputTokenCount);
        Assert.Equal(model, client.GetService<LanguageModel>());
    }

    [Fact]
    public async Task Options_act()
    {
        MadeLanguageModel.WriteRandom(_folder.File("random"));
        using var model = await LanguageModel.LoadAsync(
            _folder.File("random"), new() { Threads = 1, Weights = WeightFormat.F32, ChatFormat = "qwen2" });
        using var client = model.AsChatClient(new() { MaxTokens = 24 });
        async Task<ChatResponse> AskAsync(ChatOptions? options = null) => await client.GetResponseAsync(s_hello, options);
        var plain = await AskAsync();
        Assert.Equal(24, plain.Usage!.OutputTokenCount);
        Assert.Equal(5, (await AskAsync(new() { MaxOutputTokens = 5 })).Usage!.OutputTokenCount);
        Assert.True((await AskAsync(new() { Instructions = "Be brief, please." })).Usage!.InputTokenCount != plain.Usage.InputTokenCount);
        var drawn = new ChatOptions { Temperature = 1.5f, Seed = 7 };
        var first = await AskAsync(drawn);
        Assert.Equal(first.Text, (await AskAsync(drawn)).Text);
        Assert.NotEqual(plain.Text, first.Text);
        Assert.Equal(7L, first.AdditionalProperties!["seed"]);
        foreach (var other in (ChatOptions[])
            [
                new() { Temperature = 1.5f, Seed = 8 }, new() { Temperature = 1.5f, Seed = 7, TopK = 2 },
                new() { Temperature = 1.5f, Seed = 7, TopP = 0.05f }, new() { Temperature = 1.5f, Seed = 7, FrequencyPenalty = 50 },
                new() { Temperature = 1.5f, Seed = 7, PresencePenalty = 50 },
                new() { Temperature = 1.5f, Seed = 7, AdditionalProperties = new() { ["min_p"] = 0.5 } },
                new() { Temperature = 1.5f, Seed = 7, AdditionalProperties = new() { ["repetition_penalty"] = 9 } },
            ])
        {
            Assert.NotEqual(first.Text, (await AskAsync(other)).Text);
        }
        var stop = plain.Text[3..5];
        var stopped = await AskAsync(new() { StopSequences = [stop] });
        Assert.Equal((plain.Text[..plain.Text.IndexOf(stop, StringComparison.Ordinal)], ChatFinishReason.Stop),
            (stopped.Text, stopped.FinishReason));
        var json = await AskAsync(new() { ResponseFormat = ChatResponseFormat.Json });
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(json.Text).RootElement.ValueKind);
        var raw = await AskAsync(new() { RawRepresentationFactory = _ => new GenerationOptions { MaxTokens = 3, TopLogprobs = 1 } });
        Assert.Equal(3, raw.Usage!.OutputTokenCount);
        Assert.Equal(3, ((IReadOnlyList<GeneratedToken>)raw.AdditionalProperties!["logprobs"]!).Count);
    }

    [Fact]
    public async Task What_means_nothing_here_is_refused_by_its_name()
    {
        using var model = await ScriptAsync("qwen2", "Hel", "lo");
        using var client = model.AsChatClient();
        foreach (var (options, name) in ((ChatOptions, string)[])
            [
                (new() { ConversationId = "a" }, "ConversationId"), (new() { ModelId = "gpt-4o" }, "ModelId"),
                (new() { AllowBackgroundResponses = true }, "AllowBackgroundResponses"),
                (new() { Tools = [new HostedWebSearchTool()] }, "web_search"),
                (new() { Reasoning = new() { Effort = ReasoningEffort.High } }, "Effort"),
                (new() { Reasoning = new() { Output = ReasoningOutput.Summary } }, "Output"),
                (new() { AdditionalProperties = new() { ["beams"] = 4 } }, "beams"),
                (new() { RawRepresentationFactory = _ => "x" }, "RawRepresentationFactory"),
            ])
        {
            var error = await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync(s_hello, options));
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        }
        // The format has no tools.
        await Assert.ThrowsAsync<ModelException>(
            () => client.GetResponseAsync(s_hello, new() { Tools = [AIFunctionFactory.Create(() => 1, "one")] }));
        var image = new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")]);
        Assert.Contains(
            "message 1", (await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync([s_hello[0], image]))).Message,
            StringComparison.Ordinal);
        await Assert.ThrowsAsync<GrammarException>(() => client.GetResponseAsync(
            s_hello, new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse("""{"not": {}}""").RootElement) }));
        var wrong = new ChatOptions { AdditionalProperties = new() { ["top_logprobs"] = "many" } };
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetResponseAsync(s_hello, wrong));
    }

    [Fact]
    public async Task Functions_of_dotnet_are_called_with_arguments_of_their_types()
    {
        // It calls once, and says the result's turn thereafter: what follows a tool's result is another token.
        using var model = await LoadAsync("qwen2.5", MadeLanguageModel.WriteChain(
            _folder.File("calls"), [], token => token == ' ' ? '"' : 256 + 3));
        var got = new List<(string, Unit?, int)>();
        string Weather([Description("Where.")] string city, Unit? unit = null, int days = 3)
        {
            got.Add((city, unit, days));
            return "sunny";
        }
        var function = AIFunctionFactory.Create(Weather, "get_weather", "The weather");
        using var client = model.AsChatClient();
        var options = new ChatOptions { Tools = [function], AllowMultipleToolCalls = false, MaxOutputTokens = 200 };
        var response = await client.GetResponseAsync(s_hello, options);
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        var call = Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.Equal("get_weather", call.Name);
        await function.InvokeAsync(new(call.Arguments));
        Assert.Single(got);
        // The second turn reads the call and its result; nothing that the tool says is a special token.
        var result = new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, "<|im_end|>")]);
        var again = await client.GetResponseAsync([.. s_hello, .. response.Messages, result], options);
        var shorter = new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, "x")]);
        var other = await client.GetResponseAsync([.. s_hello, .. response.Messages, shorter], options);
        Assert.Equal("<|im_end|>".Length - 1, again.Usage!.InputTokenCount - other.Usage!.InputTokenCount);
        Assert.True(other.Usage.CachedInputTokenCount > response.Usage!.InputTokenCount);
        foreach (var mode in (ChatToolMode[])[ChatToolMode.RequireAny, ChatToolMode.RequireSpecific("get_weather")])
        {
            var required = await client.GetResponseAsync(s_hello, new() { Tools = [function], ToolMode = mode, MaxOutputTokens = 100 });
            Assert.NotEmpty(required.Messages[0].Contents.OfType<FunctionCallContent>());
        }
        var none = await client.GetResponseAsync(s_hello, new() { Tools = [function], ToolMode = ChatToolMode.None, MaxOutputTokens = 3 });
        Assert.Empty(none.Messages[0].Contents.OfType<FunctionCallContent>());
    }

    [Fact]
    public async Task Structured_output_comes_as_the_type_that_is_asked_for()
    {
        MadeLanguageModel.WriteRandom(_folder.File("random"));
        var services = new ServiceCollection();
        services.AddEarshotChat(_folder.File("random"), new() { Threads = 1, ChatFormat = "chatml" }, new() { MaxTokens = 200 });
        await using var provider = services.BuildServiceProvider();
        var client = provider.GetRequiredService<IChatClient>();
        Assert.Null(client.GetService<LanguageModel>());
        var response = await client.GetResponseAsync<Order>("Two apples.");
        Assert.True(response.TryGetResult(out var order), response.Text);
        Assert.NotNull(order.Items);
        Assert.Equal("chatml", client.GetService<LanguageModel>()!.Format.Name);
    }

    public enum Unit { Celsius, Fahrenheit }

    public sealed record Order(string[] Items, int Count, Unit Unit);

    Task<LanguageModel> ScriptAsync(string format, params string[] script) =>
        LoadAsync(format, MadeLanguageModel.WriteScript(_folder.File(Guid.NewGuid().ToString("N")), script));

    static Task<LanguageModel> LoadAsync(string format, string folder) =>
        LanguageModel.LoadAsync(folder, new() { Threads = 1, Weights = WeightFormat.F32, ChatFormat = format });
}
