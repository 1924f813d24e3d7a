using Earshot.Checkpoints;

namespace Earshot.Cli.Models;

/// <summary>Finds a model's folder for a command, downloading the model where that is allowed.</summary>
internal static class ModelFolders
{
    /// <summary>The folder of a model by path or name; one that is nowhere here is downloaded first.</summary>
    /// <exception cref="CheckpointException">It cannot be found or downloaded.</exception>
    public static async Task<string> GetAsync(string name, Terminal terminal, CancellationToken cancellationToken)
    {
        using var hub = new ModelHub();
        if (hub.TryResolve(name) is { } folder) return folder;
        if (!ModelHub.IsHubName(name)) return hub.Resolve(name);
        terminal.Say($"Downloading {ModelNames.Full(name)}; it is kept for the next time.");
        return await DownloadDisplay.RunAsync(terminal, progress => hub.GetAsync(name, progress, cancellationToken)).ConfigureAwait(false);
    }

    /// <summary>The folder of a model that is here already.</summary>
    /// <exception cref="CheckpointException">It is not.</exception>
    public static string Find(string name)
    {
        using var hub = new ModelHub();
        return hub.TryResolve(name) ?? throw Missing(name, hub);
    }

    static CheckpointException Missing(string name, ModelHub hub)
    {
        try
        {
            hub.Resolve(name);
        }
        catch (CheckpointException e)
        {
            // Only what looks like a name on the hub can be downloaded.
            bool isName = ModelHub.IsHubName(name) && ModelNames.Full(name).Contains('/', StringComparison.Ordinal);
            return isName ? new CheckpointException($"{e.Message} (To download: earshot models pull {name})") : e;
        }
        throw new InvalidOperationException($"'{name}' appeared while it was looked for.");
    }
}
