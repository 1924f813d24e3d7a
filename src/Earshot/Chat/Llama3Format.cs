using System.Globalization;

namespace Earshot.Chat;

/// <summary>
/// Llama 3: <c>&lt;|start_header_id|&gt;ROLE&lt;|end_header_id|&gt;\n\nTEXT&lt;|eot_id|&gt;</c> for each turn, texts trimmed; from 3.1 on
/// with dates in a system text that is always there, tools described in the first question, and one call a turn.
/// </summary>
sealed class Llama3Format(string name, bool hasTools) : ChatFormat(name)
{
    const string Introduction =
        "Given the following functions, please respond with a JSON for a function call with its proper arguments that best answers the " +
        "given prompt.\n\nRespond in the format {\"name\": function name, \"parameters\": dictionary of argument name and its value}." +
        "Do not use variables.\n\n";

    static readonly DateOnly s_templateDate = new(2024, 7, 26);

    static readonly string[] s_endTokens = ["<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"];

    public override bool HasTools => hasTools;

    public override bool HasReasoning => false;

    public override IReadOnlyList<string> EndTokens => s_endTokens;

    internal override ChatAnswerSyntax Syntax(bool parsesToolCalls) =>
        new() { Calls = parsesToolCalls ? ToolCallSyntax.Bare : ToolCallSyntax.None };

    private protected override ChatPrompt Write(ChatTurn[] turns, ChatPromptOptions options)
    {
        var prompt = new ChatPrompt().Markup("<|begin_of_text|>");
        int next = 0;
        if (hasTools) WriteSystem(prompt, turns, options, ref next);
        if (options.Tools.Count > 0)
        {
            if (next == turns.Length || turns[next].Role != TurnRole.User)
                throw new ModelException(
                    $"The chat format '{Name}' describes tools in the user's first turn, and the chat begins without one.");
            Begin(prompt, "user").Markup(Introduction);
            foreach (var tool in options.Tools) prompt.Content(ChatJson.Indent(tool.Json)).Markup("\n\n");
            prompt.Content(PythonText.Trim(turns[next++].Text)).Markup("<|eot_id|>");
        }
        for (; next < turns.Length; next++) WriteTurn(prompt, turns[next], next);
        if (options.AddGenerationPrompt) Begin(prompt, "assistant");
        return prompt;
    }

    static void WriteSystem(ChatPrompt prompt, ChatTurn[] turns, ChatPromptOptions options, ref int next)
    {
        var date = (options.Today ?? s_templateDate).ToString("dd MMM yyyy", CultureInfo.InvariantCulture);
        Begin(prompt, "system").Markup(options.Tools.Count > 0 ? "Environment: ipython\n" : "")
            .Markup($"Cutting Knowledge Date: December 2023\nToday Date: {date}\n\n");
        if (turns[0].Role == TurnRole.System) prompt.Content(PythonText.Trim(turns[next++].Text));
        prompt.Markup("<|eot_id|>");
    }

    void WriteTurn(ChatPrompt prompt, ChatTurn turn, int index)
    {
        if (!hasTools && (turn.ToolCalls.Count > 0 || turn.Role == TurnRole.Tool))
            throw new ModelException($"The chat format '{Name}' has no tools, and the turn {index} calls one or is its result.");
        if (turn.ToolCalls.Count > 0)
        {
            if (turn.ToolCalls.Count > 1)
            {
                throw new ModelException(
                    $"The chat format '{Name}' has one tool call a turn, and the turn {index} has {turn.ToolCalls.Count}. " +
                    "Give each a turn of its own, with its result behind it.");
            }
            Begin(prompt, "assistant").Markup("{\"name\": ").Content(ChatJson.Quote(turn.ToolCalls[0].Name)).Markup(", \"parameters\": ")
                .Content(turn.ToolCalls[0].Arguments).Markup("}<|eot_id|>");
        }
        else if (turn.Role == TurnRole.Tool)
        {
            Begin(prompt, "ipython").Content(ChatJson.Quote(turn.Text)).Markup("<|eot_id|>");
        }
        else
        {
            var role = turn.Role switch { TurnRole.System => "system", TurnRole.User => "user", _ => "assistant" };
            Begin(prompt, role).Content(PythonText.Trim(turn.Text)).Markup("<|eot_id|>");
        }
    }

    static ChatPrompt Begin(ChatPrompt prompt, string role) => prompt.Markup($"<|start_header_id|>{role}<|end_header_id|>\n\n");
}
