namespace Earshot.Evaluation;

/// <summary>A manifest, or a file of results, that is missing or not what it should be; names the file and the line.</summary>
public sealed class ManifestException : EarshotException
{
    public ManifestException(string message) : base(message) { }

    public ManifestException(string message, Exception? innerException) : base(message, innerException) { }

    internal ManifestException(string source, long line, string problem) : base($"'{source}', line {line}: {problem}") => Line = line;

    /// <summary>The line's number, from 1; 0 where the fault has no line of its own.</summary>
    public long Line { get; }
}
