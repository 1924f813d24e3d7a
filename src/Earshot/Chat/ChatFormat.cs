using Earshot.Tokenizers;

namespace Earshot.Chat;

/// <summary>
/// How a family of models writes chats down and calls tools, written by hand after the family's own template and equal to it to the
/// character. <see cref="For"/> recognises a model's template, <see cref="Named"/> takes a name.
/// </summary>
public abstract class ChatFormat
{
    private protected ChatFormat(string name)
    {
        Name = name;
    }

    /// <summary>The names of all formats.</summary>
    public static IReadOnlyList<string> Names => ChatFormats.Names;

    public string Name { get; }

    /// <summary>Whether tools can be described and called.</summary>
    public abstract bool HasTools { get; }

    /// <summary>Whether the model thinks before it answers: whether that can be asked for.</summary>
    public abstract bool HasReasoning { get; }

    /// <summary>The tokens, as they are written, that end an answer.</summary>
    public abstract IReadOnlyList<string> EndTokens { get; }

    /// <summary>The format of a model by its tokenizer's chat template.</summary>
    /// <exception cref="ModelException">There is no template, or it is none that is known.</exception>
    public static ChatFormat For(TextTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return ChatFormats.Recognize(tokenizer.ChatTemplate, tokenizer.Settings.Source);
    }

    /// <summary>A format by its name, one of <see cref="Names"/>.</summary>
    /// <exception cref="ModelException">There is no such format.</exception>
    public static ChatFormat Named(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ChatFormats.ByName(name);
    }

    /// <summary>Writes a chat down.</summary>
    /// <exception cref="ArgumentException">A turn cannot be, such as one with arguments that are no JSON object.</exception>
    /// <exception cref="ModelException">The format has no way to write a turn, such as two calls at once in Llama 3.</exception>
    public ChatPrompt Render(IReadOnlyList<ChatTurn> turns, ChatPromptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(turns);
        options ??= new ChatPromptOptions();
        if (turns.Count == 0) throw new ArgumentException("A chat needs a turn.", nameof(turns));
        if (options.Tools.Count > 0 && !HasTools)
            throw new ModelException($"The chat format '{Name}' has no tools, and {options.Tools.Count} are given. Use a model that has.");
        if (options.EnableReasoning == true && !HasReasoning)
            throw new ModelException($"The chat format '{Name}' has no reasoning to enable. Use a model that has, such as Qwen3.");
        return Write([.. turns.Select(Checked)], options);
    }

    /// <summary>A parser for one answer, of text as it is generated.</summary>
    /// <param name="prompt">What is answered.</param>
    /// <param name="parsesToolCalls">Whether calls are looked for: where tools were given.</param>
    public ChatAnswerParser CreateParser(ChatPrompt prompt, bool parsesToolCalls)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return new ChatAnswerParser(Syntax(parsesToolCalls && HasTools), prompt.OpensReasoning);
    }

    /// <summary>The ids that end an answer: the format's, the tokenizer's, and those that the model's settings list.</summary>
    public IReadOnlySet<int> EndTokenIds(TextTokenizer tokenizer, params IEnumerable<int> listed)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var ids = new HashSet<int>(listed);
        if (tokenizer.EndToken is { } end) ids.Add(end);
        foreach (var text in EndTokens)
            if (tokenizer.FindAddedToken(text) is { } id) ids.Add(id);
        return ids;
    }

    internal abstract ChatAnswerSyntax Syntax(bool parsesToolCalls);

    private protected abstract ChatPrompt Write(ChatTurn[] turns, ChatPromptOptions options);

    /// <summary>A turn whose calls' arguments are JSON objects in the templates' form.</summary>
    static ChatTurn Checked(ChatTurn turn, int index)
    {
        if (turn is null || turn.Text is null) throw new ArgumentException($"The turn {index} is null or has no text.");
        if (turn.ToolCalls.Count == 0) return turn;
        if (turn.Role != TurnRole.Assistant)
            throw new ArgumentException($"The turn {index} calls tools, and is not the assistant's but of the role {turn.Role}.");
        return turn with { ToolCalls = [.. turn.ToolCalls.Select(call => call with { Arguments = Arguments(call, index) })] };
    }

    static string Arguments(ToolCall call, int index)
    {
        if (string.IsNullOrWhiteSpace(call.Arguments)) return "{}";
        return ChatAnswerParser.ArgumentsOf(call.Arguments) ?? throw new ArgumentException(
            $"The arguments with which the turn {index} calls '{call.Name}' are no JSON object: {call.Arguments}");
    }
}

/// <summary>How a chat is written down.</summary>
public sealed record ChatPromptOptions
{
    /// <summary>Whether the assistant is to answer: its turn is begun.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Whether the model is to think first; null for its own habit.</summary>
    public bool? EnableReasoning { get; init; }

    /// <summary>What the model may call.</summary>
    public IReadOnlyList<ToolDefinition> Tools { get; init; } = [];

    /// <summary>The date that Llama 3's system text names; null for the template's own, 26 July 2024: prompts stay the same.</summary>
    public DateOnly? Today { get; init; }
}
