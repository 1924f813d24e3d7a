namespace Earshot.Cli;

/// <summary>What the process returns; the root help lists them, so scripts may rely on them.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>Some file could not be read, transcribed or written; the others were. Or an export did not pass its check.</summary>
    public const int SomeFailed = 1;

    /// <summary>The command line itself is wrong; nothing was done.</summary>
    public const int Usage = 2;

    /// <summary>The model could not be found, downloaded or loaded, or cannot do what was asked.</summary>
    public const int Model = 3;

    /// <summary>A defect in Earshot.</summary>
    public const int Unexpected = 70;

    /// <summary>Cancelled with Ctrl-C: 128 and SIGINT's number, as shells have it.</summary>
    public const int Cancelled = 130;

    /// <summary>The reader of standard output went away: 128 and SIGPIPE's number.</summary>
    public const int BrokenPipe = 141;

    /// <summary>Ended by SIGTERM.</summary>
    public const int Terminated = 143;
}
