using Earshot.Decoding;

namespace Earshot.TextGeneration;

/// <summary>Some of a text, in whole characters, as soon as it is certain.</summary>
public sealed record GeneratedPiece(string Text)
{
    /// <summary>How the generation ended; of the last piece only, whose text may be empty.</summary>
    public GenerationEnd? End { get; init; }
}

/// <summary>How a generation ended, and what it took.</summary>
/// <param name="Reason">Why the text ended.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Tokens">Tokens that were generated, the end token among them.</param>
/// <param name="Seed">The seed that gives the same text again.</param>
public sealed record GenerationEnd(FinishReason Reason, int PromptTokens, int Tokens, ulong Seed)
{
    /// <summary>The stop string that ended the text, if one did.</summary>
    public string? StopString { get; init; }
}

/// <summary>A whole text.</summary>
public sealed record GenerationResult(string Text, GenerationEnd End);
