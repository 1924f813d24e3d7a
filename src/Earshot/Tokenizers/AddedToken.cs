namespace Earshot.Tokenizers;

/// <summary>A token beside those that merges give, found in text as it is written.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">How it is written.</param>
/// <param name="IsSpecial">Whether it is no text, and left out of decoded text.</param>
public sealed record AddedToken(int Id, string Text, bool IsSpecial)
{
    /// <summary>Whether it is looked for in normalised text rather than in the text as it came.</summary>
    internal bool IsNormalized { get; init; }

    /// <summary>Whether spaces before it belong to it.</summary>
    internal bool TakesSpacesBefore { get; init; }

    /// <summary>Whether spaces behind it belong to it.</summary>
    internal bool TakesSpacesAfter { get; init; }
}
