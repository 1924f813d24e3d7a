namespace Earshot.Chat;

/// <summary>Who speaks in a chat; a tool's turn is the result of one call.</summary>
public enum TurnRole { System, User, Assistant, Tool }

/// <summary>One turn of a chat with a language model.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Text">What is said; for a tool, its result. Never markup: special tokens in it are text.</param>
public sealed record ChatTurn(TurnRole Role, string Text)
{
    /// <summary>What the assistant thought before it answered, where that is kept apart from the text.</summary>
    public string? Reasoning { get; init; }

    /// <summary>The tools that the assistant calls, after what it says.</summary>
    public IReadOnlyList<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>Of a tool's turn, the <see cref="ToolCall.Id"/> that it answers.</summary>
    public string? ToolCallId { get; init; }

    public static ChatTurn System(string text) => new(TurnRole.System, text);

    public static ChatTurn User(string text) => new(TurnRole.User, text);

    public static ChatTurn Assistant(string text, params IReadOnlyList<ToolCall> toolCalls) =>
        new(TurnRole.Assistant, text) { ToolCalls = toolCalls };

    public static ChatTurn Tool(string? callId, string result) => new(TurnRole.Tool, result) { ToolCallId = callId };
}

/// <summary>A call of a tool by the model.</summary>
/// <param name="Id">What the result names; unique within a chat.</param>
/// <param name="Name">The tool's name.</param>
/// <param name="Arguments">A JSON object; empty counts as <c>{}</c>, and an object in a JSON string as that object.</param>
public sealed record ToolCall(string Id, string Name, string Arguments);
