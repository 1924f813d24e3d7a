using System.Runtime.CompilerServices;

namespace Earshot.Cli.Tests;

/// <summary>
/// Text compared with a file that a reader has checked; set EARSHOT_UPDATE_SNAPSHOTS to write the files anew, then read them.
/// </summary>
internal static class Snapshot
{
    public static void Match(string actual, string name, [CallerFilePath] string caller = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(caller)!, "snapshots", name);
        if (Environment.GetEnvironmentVariable("EARSHOT_UPDATE_SNAPSHOTS") is { Length: > 0 })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, actual);
        }
        Assert.Equal(File.ReadAllText(path), actual.ReplaceLineEndings("\n"));
    }
}
