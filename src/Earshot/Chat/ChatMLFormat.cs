namespace Earshot.Chat;

/// <summary>When a model of Qwen3's kind thinks.</summary>
enum ReasoningHabit
{
    None,

    /// <summary>Unless told not to, by an empty thought.</summary>
    Optional,

    /// <summary>Never: every answer begins after an empty thought.</summary>
    Suppressed,

    /// <summary>Always: every answer begins inside of one.</summary>
    Always,
}

/// <summary>ChatML, as Qwen and SmolLM have it: <c>&lt;|im_start|&gt;ROLE\nTEXT&lt;|im_end|&gt;\n</c> for each turn.</summary>
sealed class ChatMLFormat(string name, string? defaultSystem, bool hasTools, ReasoningHabit habit) : ChatFormat(name)
{
    const string ToolsIntroduction =
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n" +
        "You are provided with function signatures within <tools></tools> XML tags:\n<tools>";

    const string ToolsInstruction =
        "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> " +
        "XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";

    const string EmptyThought = "<think>\n\n</think>\n\n";

    static readonly string[] s_endTokens = ["<|im_end|>", "<|endoftext|>"];

    /// <summary>What a chat begins with that has no system text of its own; null for nothing.</summary>
    public string? DefaultSystem => defaultSystem;

    public override bool HasTools => hasTools;

    public override bool HasReasoning => habit is ReasoningHabit.Optional or ReasoningHabit.Always;

    public override IReadOnlyList<string> EndTokens => s_endTokens;

    internal override ChatAnswerSyntax Syntax(bool parsesToolCalls) => new()
    {
        HasReasoning = habit != ReasoningHabit.None,
        Calls = parsesToolCalls ? ToolCallSyntax.Tagged : ToolCallSyntax.None,
    };

    private protected override ChatPrompt Write(ChatTurn[] turns, ChatPromptOptions options)
    {
        var prompt = new ChatPrompt();
        WriteSystem(prompt, turns, options.Tools);
        int question = habit == ReasoningHabit.None ? -1 : LastQuestion(turns);
        for (int i = 0; i < turns.Length; i++)
        {
            var turn = turns[i];
            if (turn.Role == TurnRole.System && i == 0) continue;
            if (turn.Role == TurnRole.Assistant) WriteAnswer(prompt, turn, isAfterQuestion: i > question, isLast: i == turns.Length - 1);
            else if (turn.Role == TurnRole.Tool && hasTools) WriteResult(prompt, turns, i);
            else Begin(prompt, NameOf(turn.Role)).Content(turn.Text).Markup("<|im_end|>\n");
        }
        if (options.AddGenerationPrompt) WriteHeader(prompt, options);
        return prompt;
    }

    void WriteHeader(ChatPrompt prompt, ChatPromptOptions options)
    {
        Begin(prompt, "assistant");
        if (habit == ReasoningHabit.Suppressed || habit == ReasoningHabit.Optional && options.EnableReasoning == false)
            prompt.Markup(EmptyThought);
        if (habit != ReasoningHabit.Always) return;
        if (options.EnableReasoning == false)
            throw new ModelException($"The chat format '{Name}' always thinks first. Use a model that can do without.");
        prompt.Markup("<think>\n").OpensReasoning = true;
    }

    void WriteSystem(ChatPrompt prompt, ChatTurn[] turns, IReadOnlyList<ToolDefinition> tools)
    {
        var own = turns[0].Role == TurnRole.System ? turns[0].Text : null;
        if (own is null && defaultSystem is null && tools.Count == 0) return;
        Begin(prompt, "system");
        if (own is null) prompt.Markup(defaultSystem ?? "");
        else prompt.Content(own);
        if (tools.Count > 0)
        {
            if ((own ?? defaultSystem) is not null) prompt.Markup("\n\n");
            prompt.Markup(ToolsIntroduction);
            // Descriptions come from whoever offers the tools.
            foreach (var tool in tools) prompt.Markup("\n").Content(tool.Json);
            prompt.Markup(ToolsInstruction);
        }
        prompt.Markup("<|im_end|>\n");
    }

    void WriteAnswer(ChatPrompt prompt, ChatTurn turn, bool isAfterQuestion, bool isLast)
    {
        var (reasoning, text) = habit == ReasoningHabit.None ? ("", turn.Text) : Reasoning(turn);
        Begin(prompt, "assistant", endsLine: false);
        // Qwen2.5 puts nothing where there is no text before a call, Qwen3 an end of line.
        if (habit != ReasoningHabit.None || text.Length > 0 || turn.ToolCalls.Count == 0 || !hasTools) prompt.Markup("\n");
        bool isAfterLine = habit != ReasoningHabit.None && text.Length == 0;
        if (isAfterQuestion && habit != ReasoningHabit.None && (isLast || reasoning.Length > 0))
        {
            prompt.Markup("<think>\n").Content(reasoning.Trim('\n')).Markup("\n</think>\n\n");
            text = text.TrimStart('\n');
        }
        prompt.Content(text);
        if (hasTools) WriteCalls(prompt, turn.ToolCalls, isAfterLine);
        prompt.Markup("<|im_end|>\n");
    }

    static void WriteCalls(ChatPrompt prompt, IReadOnlyList<ToolCall> calls, bool isAfterLine)
    {
        for (int i = 0; i < calls.Count; i++)
        {
            prompt.Markup(i == 0 && isAfterLine ? "" : "\n").Markup("<tool_call>\n{\"name\": ")
                .Content(ChatJson.Quote(calls[i].Name)).Markup(", \"arguments\": ").Content(calls[i].Arguments).Markup("}\n</tool_call>");
        }
    }

    static void WriteResult(ChatPrompt prompt, ChatTurn[] turns, int index)
    {
        if (index == 0 || turns[index - 1].Role != TurnRole.Tool) Begin(prompt, "user", endsLine: false);
        prompt.Markup("\n<tool_response>\n").Content(turns[index].Text).Markup("\n</tool_response>");
        if (index == turns.Length - 1 || turns[index + 1].Role != TurnRole.Tool) prompt.Markup("<|im_end|>\n");
    }

    static ChatPrompt Begin(ChatPrompt prompt, string role, bool endsLine = true) =>
        prompt.Markup("<|im_start|>" + role + (endsLine ? "\n" : ""));

    /// <summary>What was thought and what was said; the thought may stand in the text, as the model wrote it.</summary>
    static (string Reasoning, string Text) Reasoning(ChatTurn turn)
    {
        const string open = "<think>", close = "</think>";
        if (turn.Reasoning is { } reasoning) return (reasoning, turn.Text);
        if (!turn.Text.Contains(close, StringComparison.Ordinal)) return ("", turn.Text);
        var thought = turn.Text[..turn.Text.IndexOf(close, StringComparison.Ordinal)].TrimEnd('\n');
        int begin = thought.LastIndexOf(open, StringComparison.Ordinal);
        if (begin >= 0) thought = thought[(begin + open.Length)..];
        var text = turn.Text[(turn.Text.LastIndexOf(close, StringComparison.Ordinal) + close.Length)..];
        return (thought.TrimStart('\n'), text.TrimStart('\n'));
    }

    /// <summary>The last turn of the user's own; thoughts before it are left out.</summary>
    static int LastQuestion(ChatTurn[] turns)
    {
        for (int i = turns.Length - 1; i >= 0; i--)
        {
            var text = turns[i].Text;
            bool isResult = text.StartsWith("<tool_response>", StringComparison.Ordinal)
                && text.EndsWith("</tool_response>", StringComparison.Ordinal);
            if (turns[i].Role == TurnRole.User && !isResult) return i;
        }
        return turns.Length - 1;
    }

    static string NameOf(TurnRole role) => role switch
    {
        TurnRole.System => "system",
        TurnRole.User => "user",
        TurnRole.Tool => "tool",
        _ => "assistant",
    };
}
