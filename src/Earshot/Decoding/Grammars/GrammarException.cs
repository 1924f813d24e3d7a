namespace Earshot.Decoding.Grammars;

/// <summary>A schema, an expression or a list of choices that no grammar can be made of; nothing was generated.</summary>
public sealed class GrammarException : EarshotException
{
    public GrammarException(string message) : base(message) { }

    public GrammarException(string message, Exception? innerException) : base(message, innerException) { }

    internal GrammarException(string path, string? keyword, string what, Exception? innerException = null)
        : base($"The schema at '{path}'{(keyword is null ? "" : $", keyword '{keyword}'")}: {what}", innerException) =>
        (Path, Keyword) = (path, keyword);

    /// <summary>The same of a schema that is one of several.</summary>
    internal GrammarException Of(string owner) => new($"Of {owner}: {Message}", Path, Keyword, this);

    GrammarException(string message, string? path, string? keyword, GrammarException inner) : base(message, inner) =>
        (Path, Keyword) = (path, keyword);

    /// <summary>Where in a JSON Schema, as a JSON pointer from <c>#</c>; null for what is no schema.</summary>
    public string? Path { get; }

    /// <summary>The keyword of the schema that is meant, if one is.</summary>
    public string? Keyword { get; }
}
