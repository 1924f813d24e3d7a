using System.Diagnostics;
using Earshot.Checkpoints;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>Loads models for commands, showing what takes long.</summary>
internal static class ModelLoading
{
    /// <summary>Loads a model by folder, name or short name, downloading it where it is not here yet.</summary>
    /// <exception cref="EarshotException">It cannot be had, or is damaged; or EARSHOT_ISA names no instruction set.</exception>
    public static async Task<Transcriber> LoadAsync(string name, TranscriberOptions options, Terminal terminal, CancellationToken cancellationToken)
    {
        var folder = await ModelFolders.GetAsync(name, terminal, cancellationToken).ConfigureAwait(false);
        using var status = new StatusLine(terminal);
        status.Show(_ => $"Loading {name}…");
        long started = Stopwatch.GetTimestamp();
        try
        {
            var transcriber = await Transcriber.LoadAsync(folder, options, cancellationToken: cancellationToken).ConfigureAwait(false);
            status.Above(() => terminal.Detail($"Loaded {folder} in {Units.Time(Stopwatch.GetElapsedTime(started))}."));
            return transcriber;
        }
        catch (ArgumentException e)
        {
            throw UsageException.For(e);
        }
    }

    /// <summary>Makes speech detection ready, downloading its weights where they are not here yet.</summary>
    /// <exception cref="CheckpointException">The weights cannot be had.</exception>
    public static async Task LoadSpeechDetectorAsync(Transcriber transcriber, Terminal terminal, CancellationToken cancellationToken)
    {
        if (VadWeights.Find(HubOptions.FromEnvironment()) is not null)
        {
            await transcriber.LoadSpeechDetectorAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            return;
        }
        terminal.Say("Downloading the speech detector; it is kept for the next time.");
        await DownloadDisplay.RunAsync(terminal, async progress =>
        {
            await transcriber.LoadSpeechDetectorAsync(progress, cancellationToken).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }
}
