using Earshot.Checkpoints;

namespace Earshot.Cli.Models;

/// <summary>What can be made again, beside the hub client's cache of models.</summary>
internal static class EarshotCache
{
    /// <summary>The folder, which may not be there yet.</summary>
    /// <exception cref="CheckpointException">The environment names no usable place.</exception>
    public static string Folder
    {
        get
        {
            var cache = HubOptions.FromEnvironment().CacheFolder;
            return Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(cache)) ?? cache, "earshot");
        }
    }
}
