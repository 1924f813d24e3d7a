using Earshot.Chat;
using Earshot.Decoding;
using Earshot.Decoding.Grammars;

namespace Earshot.TextGeneration;

/// <summary>How a text is generated, and where it ends.</summary>
public sealed record GenerationOptions
{
    /// <summary>How tokens are chosen; null for <see cref="LanguageModel.DefaultSampling"/>.</summary>
    public SamplingOptions? Sampling { get; init; }

    /// <summary>
    /// The most tokens to generate, a thought's among them unless <see cref="MaxReasoningTokens"/> is given; null for as many as the
    /// context has room for.
    /// </summary>
    public int? MaxTokens { get; init; }

    /// <summary>Texts that end the generation, wherever tokens begin and end; they are not shown.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>
    /// The adapter to compute with, by the <see cref="AdapterOptions.Name"/> that it was loaded by; null for none but those that hold for
    /// all. Generations with different ones are computed together, and each gives the text that it gives alone.
    /// </summary>
    public string? Adapter { get; init; }

    /// <summary>How a chat is written down, and the tools that may be called.</summary>
    public ChatPromptOptions Chat { get; init; } = new();

    /// <summary>
    /// What the text is held to, such as a JSON Schema; null for anything. A model that thinks first does so freely, then writes the
    /// grammar's text alone. The text is whole also where <see cref="MaxTokens"/> ends it.
    /// </summary>
    public Grammar? Grammar { get; init; }

    /// <summary>
    /// The most tokens of a thought, which is then closed, apart from <see cref="MaxTokens"/>, which then counts the answer; null for one
    /// limit for both. 0 closes it at once.
    /// </summary>
    public int? MaxReasoningTokens { get; init; }

    /// <summary>Whether tools of <see cref="Chat"/> may, must or must not be called.</summary>
    public ToolChoice ToolChoice { get; init; } = ToolChoice.Auto;

    /// <summary>Whether an answer may call several tools, or one several times, where the chat format can.</summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>
    /// How many of the likeliest tokens to tell in the place of each, 0 for the chosen one's log-probability alone; null for none.
    /// </summary>
    public int? TopLogprobs { get; init; }

    /// <summary>Whether the draft guesses, where the model was loaded with one. The text is the same either way.</summary>
    public bool UseDraft { get; init; } = true;
}

/// <summary>Whether a model may, must or must not call tools.</summary>
/// <param name="Kind">The choice.</param>
/// <param name="Name">The tool that must be called; null for any.</param>
public sealed record ToolChoice(ToolChoiceKind Kind, string? Name = null)
{
    /// <summary>The model decides.</summary>
    public static ToolChoice Auto { get; } = new(ToolChoiceKind.Auto);

    /// <summary>None is called, nor told of.</summary>
    public static ToolChoice None { get; } = new(ToolChoiceKind.None);

    /// <summary>The answer is a call.</summary>
    public static ToolChoice Required { get; } = new(ToolChoiceKind.Required);

    /// <summary>The answer is a call of this tool.</summary>
    public static ToolChoice Of(string name) => new(ToolChoiceKind.Required, name);
}

/// <summary>Whether tools are called.</summary>
public enum ToolChoiceKind
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>None is called.</summary>
    None,

    /// <summary>One is called.</summary>
    Required,
}
