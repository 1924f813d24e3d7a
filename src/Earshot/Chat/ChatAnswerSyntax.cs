namespace Earshot.Chat;

/// <summary>How a family writes the calls of tools.</summary>
enum ToolCallSyntax
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary><c>&lt;tool_call&gt;{"name": …, "arguments": {…}}&lt;/tool_call&gt;</c>, anywhere and several.</summary>
    Tagged,

    /// <summary>An answer that is <c>{"name": …, "parameters": {…}}</c>, or several behind each other.</summary>
    Bare,
}

/// <summary>What can stand in an answer beside text.</summary>
sealed record ChatAnswerSyntax
{
    public bool HasReasoning { get; init; }

    public ToolCallSyntax Calls { get; init; }
}
