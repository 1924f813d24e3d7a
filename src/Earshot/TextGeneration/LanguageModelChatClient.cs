using System.Runtime.CompilerServices;
using Earshot.Chat;
using Earshot.Decoding;
using Microsoft.Extensions.AI;

namespace Earshot.TextGeneration;

/// <summary>Makes a language model usable as .NET's own chat abstraction.</summary>
public static class LanguageModelExtensions
{
    /// <summary>
    /// The model as an <see cref="IChatClient"/>, for Microsoft.Extensions.AI's builder and dependency injection. Options that it does not
    /// have are refused by name; tools are called by whoever asks, such as <c>UseFunctionInvocation()</c>.
    /// </summary>
    /// <param name="model">The loaded model.</param>
    /// <param name="defaults">Options for requests that bring none of their own.</param>
    /// <param name="ownsModel">Whether disposing of the client disposes of the model.</param>
    public static IChatClient AsChatClient(this LanguageModel model, GenerationOptions? defaults = null, bool ownsModel = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new LanguageModelChatClient(new LoadedOnce(model), model.Model, defaults ?? new GenerationOptions(), ownsModel);
    }
}

/// <summary>
/// Microsoft.Extensions.AI's chat client over a language model: streaming, tools, structured output, reasoning and usage. Stateless: each
/// request brings its whole chat, of which the model computes what is new.
/// </summary>
internal sealed class LanguageModelChatClient(LoadedOnce loading, string name, GenerationOptions defaults, bool ownsModel) : IChatClient
{
    readonly ChatClientMetadata _metadata = new("earshot", null, name);

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            updates.Add(update);
        var response = updates.ToChatResponse();
        response.RawRepresentation = updates[^1].RawRepresentation;
        response.AdditionalProperties = Whole(updates);
        return response;
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var model = await loading.GetAsync(cancellationToken).ConfigureAwait(false);
        var request = ChatRequest.Of([.. messages], options, model, defaults, this);
        var (id, created) = ($"chatcmpl-{Guid.NewGuid():N}", DateTimeOffset.UtcNow);
        int calls = 0;
        await foreach (var update in model.AnswerAsync(request.Turns, request.Options, cancellationToken).ConfigureAwait(false))
        {
            var contents = update.Parts.Select(part => Content(part, request.ShowsReasoning)).OfType<AIContent>().ToList();
            calls += contents.Count(content => content is FunctionCallContent);
            if (update.End is { } end) contents.Add(new UsageContent(Usage(end)));
            if (contents.Count == 0 && update.Tokens.Count == 0) continue;
            yield return new ChatResponseUpdate(ChatRole.Assistant, contents)
            {
                ResponseId = id,
                MessageId = id,
                CreatedAt = created,
                ModelId = model.Model,
                RawRepresentation = (object?)update.End ?? update,
                FinishReason = update.End is null ? null : Reason(update.End, calls),
                AdditionalProperties = Properties(update),
            };
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(ChatClientMetadata)) return _metadata;
        if (serviceType == typeof(LanguageModel)) return loading.IfLoaded;
        return serviceType.IsInstanceOfType(this) ? this : null;
    }

    public void Dispose()
    {
        if (ownsModel) loading.Dispose();
    }

    static AIContent? Content(ChatAnswerPart part, bool showsReasoning) => part switch
    {
        AnswerText text => new TextContent(text.Text),
        AnswerReasoning thought => showsReasoning ? new TextReasoningContent(thought.Text) : null,
        AnswerToolCall { Call: var call } => new FunctionCallContent(call.Id, call.Name, ChatRequest.ArgumentsOf(call)),
        _ => null,
    };

    static ChatFinishReason Reason(GenerationEnd end, int calls) => end.Reason == FinishReason.Length ? ChatFinishReason.Length
        : calls > 0 ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;

    static UsageDetails Usage(GenerationEnd end) => new()
    {
        InputTokenCount = end.PromptTokens,
        OutputTokenCount = end.Tokens,
        TotalTokenCount = end.PromptTokens + end.Tokens,
        CachedInputTokenCount = end.ReusedTokens,
        ReasoningTokenCount = end.ReasoningTokens,
    };

    /// <summary>What the last update tells, and the log-probabilities of all.</summary>
    static AdditionalPropertiesDictionary? Whole(List<ChatResponseUpdate> updates)
    {
        var properties = updates[^1].AdditionalProperties?.Clone();
        var tokens = updates.SelectMany(TokensOf).ToList();
        if (tokens.Count > 0) (properties ??= [])["logprobs"] = tokens;
        return properties;
    }

    static IReadOnlyList<GeneratedToken> TokensOf(ChatResponseUpdate update) =>
        update.AdditionalProperties?.GetValueOrDefault("logprobs") as IReadOnlyList<GeneratedToken> ?? [];

    static AdditionalPropertiesDictionary? Properties(AnswerUpdate update)
    {
        AdditionalPropertiesDictionary? properties = null;
        if (update.Tokens.Count > 0) properties = new() { ["logprobs"] = update.Tokens };
        if (update.End is not { } end) return properties;
        properties ??= [];
        properties["seed"] = unchecked((long)end.Seed);
        if (end.StopString is { } stop) properties["stop_sequence"] = stop;
        if (end.IsInsideReasoning) properties["ended_inside_reasoning"] = true;
        return properties;
    }
}
