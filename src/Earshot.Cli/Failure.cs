using Earshot.Audio;

namespace Earshot.Cli;

/// <summary>Kinds of failure.</summary>
internal static class Failure
{
    // errno on Linux and macOS.
    const int BrokenPipe = 32;

    /// <summary>Whether a failure concerns one file, so that the next may still go well.</summary>
    public static bool IsOfOneFile(Exception exception) =>
        exception is AudioFormatException or IOException or UnauthorizedAccessException && !IsBrokenPipe(exception);

    /// <summary>Whether the reader of standard output went away, as head does when it has enough: nothing to complain about.</summary>
    public static bool IsBrokenPipe(Exception exception) => exception is IOException { HResult: BrokenPipe };
}
