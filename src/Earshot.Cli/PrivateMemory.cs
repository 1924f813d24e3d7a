using Earshot.Evaluation;

namespace Earshot.Cli;

/// <summary>What this process has in memory that no other shares, for --verbose.</summary>
internal static class PrivateMemory
{
    /// <summary>"; private memory 12.3 MB"; empty where the system does not tell.</summary>
    public static string Note() => ProcessMemory.PrivateBytes is { } bytes ? $"; private memory {Units.Bytes(bytes)}" : "";
}
