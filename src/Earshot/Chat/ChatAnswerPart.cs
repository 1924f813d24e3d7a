namespace Earshot.Chat;

/// <summary>A part of a model's answer.</summary>
public abstract record ChatAnswerPart;

/// <summary>Some of what is said.</summary>
public sealed record AnswerText(string Text) : ChatAnswerPart;

/// <summary>Some of what was thought before.</summary>
public sealed record AnswerReasoning(string Text) : ChatAnswerPart;

/// <summary>A tool that is called; its id is new.</summary>
public sealed record AnswerToolCall(ToolCall Call) : ChatAnswerPart;
