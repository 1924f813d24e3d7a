using System.Runtime.CompilerServices;
using Earshot.Chat;

namespace Earshot.TextGeneration;

/// <summary>Some of an answer, as soon as it is certain.</summary>
/// <param name="Parts">What is thought, said or called, in order; marks of thoughts and calls are in none.</param>
public sealed record AnswerUpdate(IReadOnlyList<ChatAnswerPart> Parts)
{
    /// <summary>The tokens since the last update, where <see cref="GenerationOptions.TopLogprobs"/> asks for them.</summary>
    public IReadOnlyList<GeneratedToken> Tokens { get; init; } = [];

    /// <summary>How the answer ended; of the last update only.</summary>
    public GenerationEnd? End { get; init; }

    internal static async IAsyncEnumerable<AnswerUpdate> OfAsync(
        IAsyncEnumerable<GeneratedPiece> pieces, Func<ChatAnswerParser> createParser,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var parser = createParser();
        await foreach (var piece in pieces.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            var parts = parser.Append(piece.Text);
            if (piece.End is { } end)
            {
                bool isInThought = parser.IsInsideReasoning;
                parts = [.. parts, .. parser.Complete()];
                yield return new AnswerUpdate(parts) { Tokens = piece.Tokens, End = end with { IsInsideReasoning = isInThought } };
            }
            else if (parts.Count > 0 || piece.Tokens.Count > 0) yield return new AnswerUpdate(parts) { Tokens = piece.Tokens };
        }
    }
}
