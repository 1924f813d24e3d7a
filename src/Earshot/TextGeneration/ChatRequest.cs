using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Earshot.Chat;
using Earshot.Decoding;
using Earshot.Decoding.Grammars;
using Microsoft.Extensions.AI;

namespace Earshot.TextGeneration;

/// <summary>A chat of Microsoft.Extensions.AI in our own terms. What has no meaning here is refused by its name.</summary>
/// <param name="ShowsReasoning">Whether thoughts are part of the answer.</param>
sealed record ChatRequest(IReadOnlyList<ChatTurn> Turns, GenerationOptions Options, bool ShowsReasoning)
{
    // How long thoughts may be.
    const int LowEffort = 1_024, MediumEffort = 4_096, HighEffort = 16_384;

    /// <exception cref="NotSupportedException">An option or a content that is not understood.</exception>
    /// <exception cref="ArgumentException">A value out of its range.</exception>
    /// <exception cref="GrammarException">The response's schema cannot be compiled.</exception>
    public static ChatRequest Of(
        IReadOnlyList<ChatMessage> messages, ChatOptions? options, LanguageModel model, GenerationOptions defaults, IChatClient client)
    {
        if (options is null) return new(ChatTurns.Of(messages, null), defaults, ShowsReasoning: true);
        Refuse(options.ConversationId, nameof(options.ConversationId), "chats are not kept: send the whole chat");
        Refuse(options.ContinuationToken, nameof(options.ContinuationToken), "answers are not resumed");
        Refuse(options.AllowBackgroundResponses is true ? "true" : null, nameof(options.AllowBackgroundResponses), "answers are not kept");
        if (options.ModelId is { } id && id != model.Model)
            throw new NotSupportedException($"{nameof(options.ModelId)} is '{id}', and this client has '{model.Model}' only.");
        var own = options.RawRepresentationFactory?.Invoke(client) switch
        {
            null => defaults,
            GenerationOptions raw => raw,
            var other => throw new NotSupportedException(
                $"{nameof(options.RawRepresentationFactory)} gave a {other.GetType().Name}; expected {nameof(GenerationOptions)}."),
        };
        var extra = new ChatProperties(options.AdditionalProperties);
        var (grammar, schema) = FormatOf(options.ResponseFormat, extra, model.Grammars);
        var reasoning = ReasoningOf(options.Reasoning, extra, own, model);
        var tools = options.Tools is { } given ? [.. given.Select(ToolOf)] : own.Chat.Tools;
        var result = own with
        {
            Sampling = extra.Apply(SamplingOf(options, own.Sampling ?? model.DefaultSampling)),
            MaxTokens = options.MaxOutputTokens ?? own.MaxTokens,
            StopStrings = options.StopSequences is { } stops ? [.. stops] : own.StopStrings,
            Grammar = grammar ?? own.Grammar,
            MaxReasoningTokens = reasoning.MaxTokens,
            Adapter = extra.Adapter ?? own.Adapter,
            TopLogprobs = extra.TopLogprobs ?? own.TopLogprobs,
            ToolChoice = ChoiceOf(options.ToolMode) ?? own.ToolChoice,
            AllowMultipleToolCalls = options.AllowMultipleToolCalls ?? own.AllowMultipleToolCalls,
            Chat = own.Chat with { Tools = tools, EnableReasoning = reasoning.Enable },
        };
        extra.RequireKnown();
        var about = new[] { options.Instructions, schema }.Where(text => !string.IsNullOrEmpty(text));
        return new(ChatTurns.Of(messages, string.Join("\n\n", about)), result, options.Reasoning?.Output != ReasoningOutput.None);
    }

    /// <summary>A call's arguments as .NET has them: JSON values by their names.</summary>
    public static Dictionary<string, object?> ArgumentsOf(ToolCall call)
    {
        using var arguments = JsonDocument.Parse(call.Arguments);
        return arguments.RootElement.EnumerateObject().GroupBy(argument => argument.Name)
            .ToDictionary(group => group.Key, group => (object?)group.Last().Value.Clone());
    }

    static SamplingOptions SamplingOf(ChatOptions options, SamplingOptions own) => own with
    {
        // Who narrows the draw wants one.
        Temperature = options.Temperature ?? (own.Temperature == 0 && (options.TopP ?? options.TopK) is not null ? 1 : own.Temperature),
        TopP = options.TopP ?? own.TopP,
        TopK = options.TopK ?? own.TopK,
        FrequencyPenalty = options.FrequencyPenalty ?? own.FrequencyPenalty,
        PresencePenalty = options.PresencePenalty ?? own.PresencePenalty,
        Seed = options.Seed is { } seed ? unchecked((ulong)seed) : own.Seed,
    };

    static (Grammar? Grammar, string? Told) FormatOf(
        ChatResponseFormat? format, ChatProperties extra, KeptGrammars grammars)
    {
        if (format is null or ChatResponseFormatText) return (null, null);
        if (format is not ChatResponseFormatJson json)
            throw new NotSupportedException($"{nameof(ChatOptions.ResponseFormat)} is a {format.GetType().Name}; expected text or JSON.");
        if (json.Schema is not { } schema) return (Grammar.JsonObject, "Answer with a JSON object.");
        // A mask forbids, and does not tell what is wanted.
        var about = string.IsNullOrWhiteSpace(json.SchemaDescription) ? "" : $" {json.SchemaDescription}";
        var text = schema.GetRawText();
        var grammar = grammars.Get($"schema {extra.Strict}\n{text}", () => Grammar.FromJsonSchema(schema, extra.Strict));
        return (grammar, $"Answer with JSON of this schema.{about}\n{text}");
    }

    static (bool? Enable, int? MaxTokens) ReasoningOf(
        ReasoningOptions? reasoning, ChatProperties extra, GenerationOptions own, LanguageModel model)
    {
        var enable = extra.EnableThinking ?? own.Chat.EnableReasoning;
        var most = extra.MaxReasoningTokens ?? own.MaxReasoningTokens;
        if (reasoning is null) return (enable, most);
        if (reasoning.Output == ReasoningOutput.Summary)
            throw new NotSupportedException(
                $"{nameof(ChatOptions.Reasoning)}.{nameof(reasoning.Output)} is Summary; thoughts are told whole or not.");
        if (reasoning.Effort is not { } effort) return (enable, most);
        if (effort == ReasoningEffort.None) return (model.Format.HasReasoning ? false : null, null);
        if (!model.Format.HasReasoning)
            throw new NotSupportedException(
                $"{nameof(ChatOptions.Reasoning)}.{nameof(reasoning.Effort)} is {effort}, and the model '{model.Model}' does not think.");
        int? budget = effort switch
        {
            ReasoningEffort.Low => LowEffort,
            ReasoningEffort.Medium => MediumEffort,
            ReasoningEffort.High => HighEffort,
            _ => null,
        };
        return (true, most ?? budget);
    }

    static ToolChoice? ChoiceOf(ChatToolMode? mode) => mode switch
    {
        null => null,
        NoneChatToolMode => ToolChoice.None,
        AutoChatToolMode => ToolChoice.Auto,
        RequiredChatToolMode { RequiredFunctionName: { } name } => ToolChoice.Of(name),
        RequiredChatToolMode => ToolChoice.Required,
        _ => throw new NotSupportedException($"{nameof(ChatOptions.ToolMode)} is a {mode.GetType().Name}, which is not known."),
    };

    static ToolDefinition ToolOf(AITool tool) => tool is AIFunctionDeclaration function
        ? ToolDefinition.Create(
            function.Name, string.IsNullOrEmpty(function.Description) ? null : function.Description, function.JsonSchema.GetRawText(),
            function.AdditionalProperties.TryGetValue("strict", out var strict) && strict is true)
        : throw new NotSupportedException($"The tool '{tool.Name}' is a {tool.GetType().Name}; only functions can be called here.");

    static void Refuse(object? given, string name, string why)
    {
        if (given is not null) throw new NotSupportedException($"{name} is given, and {why}.");
    }
}

/// <summary>Turns of a chat out of Microsoft.Extensions.AI's messages.</summary>
static class ChatTurns
{
    /// <param name="instructions">What stands before the chat's own system text; null or empty for nothing.</param>
    public static List<ChatTurn> Of(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        var turns = new List<ChatTurn>();
        for (int i = 0; i < messages.Count; i++) Add(turns, messages[i], i);
        if (string.IsNullOrEmpty(instructions)) return turns;
        if (turns.Count > 0 && turns[0].Role == TurnRole.System)
            turns[0] = turns[0] with { Text = $"{instructions}\n\n{turns[0].Text}" };
        else turns.Insert(0, ChatTurn.System(instructions));
        return turns;
    }

    static void Add(List<ChatTurn> turns, ChatMessage message, int index)
    {
        var (text, reasoning) = (new StringBuilder(), new StringBuilder());
        var calls = new List<ToolCall>();
        var results = new List<ChatTurn>();
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextContent said: text.Append(said.Text); break;
                case TextReasoningContent thought: reasoning.Append(thought.Text); break;
                case FunctionCallContent call: calls.Add(new ToolCall(call.CallId, call.Name, Json(call.Arguments, index))); break;
                case FunctionResultContent result: results.Add(ChatTurn.Tool(result.CallId, ResultOf(result, index))); break;
                case UsageContent: break;
                default:
                    throw new NotSupportedException(
                        $"The message {index} has a {content.GetType().Name}; this model reads text, functions' calls and results.");
            }
        }
        if (message.Role == ChatRole.Tool || results.Count > 0)
        {
            if (text.Length > 0 && results.Count == 0) results.Add(ChatTurn.Tool(null, text.ToString()));
            else if (text.Length > 0) turns.Add(new ChatTurn(RoleOf(message.Role, index), text.ToString()));
            turns.AddRange(results);
            return;
        }
        turns.Add(new ChatTurn(RoleOf(message.Role, index), text.ToString())
        {
            Reasoning = reasoning.Length > 0 ? reasoning.ToString() : null,
            ToolCalls = calls,
        });
    }

    static TurnRole RoleOf(ChatRole role, int index) =>
        role == ChatRole.User ? TurnRole.User
        : role == ChatRole.Assistant ? TurnRole.Assistant
        : role == ChatRole.System ? TurnRole.System
        : role == ChatRole.Tool ? TurnRole.Tool
        : throw new NotSupportedException($"The message {index} has the role '{role}'; known are system, user, assistant and tool.");

    static string ResultOf(FunctionResultContent result, int index) =>
        result.Exception is { } failure && result.Result is null ? $"Error: {failure.Message}"
        : result.Result is string text ? text
        : Json(result.Result, index);

    /// <summary>A value as JSON, by the types that Microsoft.Extensions.AI describes.</summary>
    static string Json(object? value, int index)
    {
        try
        {
            return value switch
            {
                null => "",
                JsonElement element => element.GetRawText(),
                JsonNode node => node.ToJsonString(),
                IDictionary<string, object?> arguments => Object(arguments, index),
                _ => JsonSerializer.Serialize(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType())),
            };
        }
        catch (Exception e) when (e is NotSupportedException or InvalidOperationException)
        {
            throw new NotSupportedException(
                $"The message {index} has a value of type {value!.GetType().Name} that cannot be JSON: {e.Message}", e);
        }
    }

    static string Object(IDictionary<string, object?> arguments, int index)
    {
        var written = arguments.Select(argument =>
        {
            var value = argument.Value switch { string text => ChatJson.Quote(text), null => "null", var other => Json(other, index) };
            return $"{ChatJson.Quote(argument.Key)}: {value}";
        });
        return $"{{{string.Join(", ", written)}}}";
    }
}
