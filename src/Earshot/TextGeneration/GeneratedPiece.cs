using Earshot.Decoding;

namespace Earshot.TextGeneration;

/// <summary>Some of a text, in whole characters, as soon as it is certain.</summary>
public sealed record GeneratedPiece(string Text)
{
    /// <summary>How the generation ended; of the last piece only, whose text may be empty.</summary>
    public GenerationEnd? End { get; init; }

    /// <summary>
    /// The tokens since the last piece, where <see cref="GenerationOptions.TopLogprobs"/> asks for them: what is certain of a character or
    /// might become a stop string shows later than its tokens.
    /// </summary>
    public IReadOnlyList<GeneratedToken> Tokens { get; init; } = [];
}

/// <summary>A token that was generated.</summary>
/// <param name="Id">Its number in the vocabulary.</param>
/// <param name="Bytes">What it writes, in UTF-8; a character may need several tokens.</param>
/// <param name="Logprob">The natural logarithm of the model's own probability of it, before temperature, penalties and filters.</param>
public sealed record GeneratedToken(int Id, ReadOnlyMemory<byte> Bytes, float Logprob)
{
    /// <summary>The tokens that were likeliest in its place, the likeliest first.</summary>
    public IReadOnlyList<LikelyToken> Top { get; init; } = [];
}

/// <summary>A token that might have come, and the natural logarithm of its probability.</summary>
public sealed record LikelyToken(int Id, ReadOnlyMemory<byte> Bytes, float Logprob);

/// <summary>How a generation ended, and what it took.</summary>
/// <param name="Reason">Why the text ended.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Tokens">Tokens that were generated, the end token among them.</param>
/// <param name="Seed">The seed that gives the same text again.</param>
public sealed record GenerationEnd(FinishReason Reason, int PromptTokens, int Tokens, ulong Seed)
{
    /// <summary>The stop string that ended the text, if one did.</summary>
    public string? StopString { get; init; }

    /// <summary>Tokens of the prompt that a prompt before had in common with it, and that were not computed again.</summary>
    public int ReusedTokens { get; init; }

    /// <summary>Generated tokens that the model thought with, the thought's marks among them.</summary>
    public int ReasoningTokens { get; init; }

    /// <summary>Whether an answer (<see cref="LanguageModel.AnswerAsync"/>) ended inside of a thought, so that it says nothing.</summary>
    public bool IsInsideReasoning { get; init; }

    /// <summary>Tokens that the draft guessed.</summary>
    public int DraftTokens { get; init; }

    /// <summary>Tokens that it guessed right.</summary>
    public int AcceptedDraftTokens { get; init; }
}

/// <summary>A whole text.</summary>
public sealed record GenerationResult(string Text, GenerationEnd End);
