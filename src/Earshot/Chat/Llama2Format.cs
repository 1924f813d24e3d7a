namespace Earshot.Chat;

/// <summary>
/// Llama 2: <c>&lt;s&gt;[INST] QUESTION [/INST] ANSWER &lt;/s&gt;</c>, texts trimmed, the system text inside of the first question. Turns
/// of user and assistant alternate.
/// </summary>
sealed class Llama2Format() : ChatFormat("llama2")
{
    static readonly string[] s_endTokens = ["</s>"];

    public override bool HasTools => false;

    public override bool HasReasoning => false;

    public override IReadOnlyList<string> EndTokens => s_endTokens;

    internal override ChatAnswerSyntax Syntax(bool parsesToolCalls) => new();

    private protected override ChatPrompt Write(ChatTurn[] turns, ChatPromptOptions options)
    {
        var prompt = new ChatPrompt();
        int first = turns[0].Role == TurnRole.System ? 1 : 0;
        for (int i = first; i < turns.Length; i++)
        {
            var expected = (i - first) % 2 == 0 ? TurnRole.User : TurnRole.Assistant;
            if (turns[i].Role != expected)
            {
                throw new ModelException(
                    $"The chat format '{Name}' wants user and assistant in turn, the user first; the turn {i} is of the role " +
                    $"{turns[i].Role}.");
            }
            if (expected == TurnRole.Assistant)
            {
                prompt.Markup(" ").Content(PythonText.Trim(turns[i].Text)).Markup(" </s>");
                continue;
            }
            prompt.Markup("<s>[INST] ");
            // The template trims what system text and question make together.
            if (i == first && first == 1)
                prompt.Markup("<<SYS>>\n").Content(turns[0].Text).Markup("\n<</SYS>>\n\n").Content(PythonText.TrimEnd(turns[i].Text));
            else prompt.Content(PythonText.Trim(turns[i].Text));
            prompt.Markup(" [/INST]");
        }
        return prompt;
    }
}
