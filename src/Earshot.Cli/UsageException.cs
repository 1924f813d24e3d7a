namespace Earshot.Cli;

/// <summary>A command line that parses but cannot be meant: options that contradict each other, a value out of range.</summary>
internal sealed class UsageException(string message) : EarshotException(message);
