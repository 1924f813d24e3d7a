using System.CommandLine;

namespace Earshot.Cli;

/// <summary>Options that every command takes.</summary>
internal static class GlobalOptions
{
    public static readonly Option<bool> Quiet =
        new("--quiet", "-q") { Description = "Say nothing but results and failures.", Recursive = true };

    public static readonly Option<bool> Verbose =
        new("--verbose", "-v") { Description = "Say more: times, choices made, and stack traces of failures.", Recursive = true };

    public static readonly Option<bool> NoColor =
        new("--no-color") { Description = "No colours; so does the environment variable NO_COLOR.", Recursive = true };
}
