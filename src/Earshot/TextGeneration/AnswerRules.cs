using Earshot.Chat;
using Earshot.Decoding.Grammars;

namespace Earshot.TextGeneration;

/// <summary>Whether an answer begins with a thought.</summary>
enum ThoughtHabit
{
    /// <summary>It does not.</summary>
    None,

    /// <summary>The model may begin one.</summary>
    Possible,

    /// <summary>The prompt has opened one.</summary>
    Open,
}

/// <summary>What an answer has to be like; by default nothing is asked of it.</summary>
sealed record AnswerRules
{
    /// <summary>What the text has to be; null for anything.</summary>
    public Grammar? Text { get; init; }

    public ThoughtHabit Thought { get; init; }

    /// <summary>The most tokens of the thought, apart from the answer's; null where one limit is for both.</summary>
    public int? MaxThoughtTokens { get; init; }

    /// <summary>How tools are called; none where there are no tools.</summary>
    public ToolCallSyntax Calls { get; init; }

    /// <summary>The calls that may be made, from behind the mark of a call up to that of its end.</summary>
    public Grammar? Call { get; init; }

    /// <summary>Whether the answer is a call.</summary>
    public bool MustCall { get; init; }

    public bool AllowsSeveralCalls { get; init; } = true;

    /// <summary>Whether an answer has to be watched.</summary>
    public bool IsAny => Text is null && Calls == ToolCallSyntax.None && Thought == ThoughtHabit.None;
}
