namespace Earshot.Checkpoints;

/// <summary>A name with what follows its last colon: <c>owner/repo:Q4_K_M</c>, or <c>llama3.2:1b</c> of Ollama's.</summary>
readonly record struct TaggedName(string Name, string? Tag)
{
    public static TaggedName Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        return colon > 0 && colon < text.Length - 1 ? new(text[..colon], text[(colon + 1)..]) : new(text, null);
    }

    /// <summary>Whether a piece of a name is safe in a path on every system.</summary>
    public static bool IsPlain(string part) =>
        part.Length is > 0 and <= 128 && part[0] != '.' && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
}
