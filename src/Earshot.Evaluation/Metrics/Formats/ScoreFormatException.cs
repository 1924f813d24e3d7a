namespace Earshot.Evaluation.Metrics;

/// <summary>
/// A file of turns, words or regions that is not what its format says; names the file and the line (or the JSON element).
/// </summary>
public sealed class ScoreFormatException : EarshotException
{
    public ScoreFormatException(string message) : base(message) { }

    public ScoreFormatException(string message, Exception? innerException) : base(message, innerException) { }

    internal ScoreFormatException(string source, int line, string problem)
        : base($"{source}, line {line}: {problem}")
    {
        Line = line;
    }

    /// <summary>The line's number, from 1; 0 where the fault has no line of its own.</summary>
    public int Line { get; }
}
