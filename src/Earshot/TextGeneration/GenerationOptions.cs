using Earshot.Chat;
using Earshot.Decoding;

namespace Earshot.TextGeneration;

/// <summary>How a text is generated, and where it ends.</summary>
public sealed record GenerationOptions
{
    /// <summary>How tokens are chosen; null for <see cref="LanguageModel.DefaultSampling"/>.</summary>
    public SamplingOptions? Sampling { get; init; }

    /// <summary>The most tokens to generate; null for as many as the context has room for.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Texts that end the generation, wherever tokens begin and end; they are not shown.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>
    /// The adapter to compute with, by the <see cref="AdapterOptions.Name"/> that it was loaded by; null for none but those that hold for
    /// all. Generations with different ones are computed together, and each gives the text that it gives alone.
    /// </summary>
    public string? Adapter { get; init; }

    /// <summary>How a chat is written down.</summary>
    public ChatPromptOptions Chat { get; init; } = new();
}
