namespace Earshot.Cli;

/// <summary>A command line that parses but cannot be meant: options that contradict each other, a value out of range.</summary>
internal sealed class UsageException(string message) : EarshotException(message)
{
    /// <summary>For an argument that the library refuses: its message without the parameter's name, which nobody typed.</summary>
    public static UsageException For(ArgumentException exception) =>
        new(exception.Message.Replace($" (Parameter '{exception.ParamName}')", "", StringComparison.Ordinal));
}
