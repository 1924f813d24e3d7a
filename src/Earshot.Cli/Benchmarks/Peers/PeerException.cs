namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>
/// Another engine that did not do what was asked. The message is for reports, and so of our own words alone; what the program said may name
/// paths, and is only shown on the terminal.
/// </summary>
internal sealed class PeerException(string message, string? said = null) : EarshotException(message)
{
    /// <summary>The program's own words; null for none.</summary>
    public string? Said { get; } = said;
}
