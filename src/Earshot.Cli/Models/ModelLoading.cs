using System.Diagnostics;
using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>Loads models for commands, showing what takes long.</summary>
internal static class ModelLoading
{
    /// <summary>Loads a model by folder, name or short name, downloading it where it is not here yet.</summary>
    /// <exception cref="EarshotException">It cannot be had, or is damaged; the wished device is absent; or EARSHOT_ISA names no instruction
    /// set.</exception>
    public static async Task<Transcriber> LoadAsync(
        string name, LoadOptions options, Terminal terminal, CancellationToken cancellationToken)
    {
        var folder = await ModelFolders.GetAsync(name, terminal, cancellationToken).ConfigureAwait(false);
        if (options.Onnx is not null || OnnxLoading.IsOnlyExported(folder))
            return await OnnxLoading.LoadAsync((name, folder), options, terminal, cancellationToken).ConfigureAwait(false);
        var draft =
            options.Cpu.Draft is { } small ? await ModelFolders.GetAsync(small, terminal, cancellationToken).ConfigureAwait(false) : null;
        TellConversions(folder, options, terminal);
        using var status = new StatusLine(terminal);
        status.Show(_ => $"Loading {name}…");
        long started = Stopwatch.GetTimestamp();
        try
        {
            var transcriber = await Transcriber.LoadAsync(folder, options.Cpu with { Draft = draft }, cancellationToken: cancellationToken)
                .ConfigureAwait(false);
            // Before the settings, which take a look at all matrices.
            var taken = Stopwatch.GetElapsedTime(started);
            if (terminal.Verbose)
            {
                status.Above(() => terminal.Detail(
                    $"Loaded {folder} in {taken.TotalMilliseconds:0} ms{PrivateMemory.Note()}. Computed with {transcriber.Settings}."));
            }
            return transcriber;
        }
        catch (ArgumentException e)
        {
            throw UsageException.For(e);
        }
    }

    /// <summary>Says what other programs' forms of weights become here, and what that takes.</summary>
    static void TellConversions(string path, LoadOptions options, Terminal terminal)
    {
        var folder = new ModelFolder(path);
        if (folder.Container is ModelContainer.HuggingFace or ModelContainer.Gguf) return;
        using var weights = folder.OpenWeights();
        TellConversions(path, weights.Conversions, options.Cpu.Weights, terminal);
    }

    /// <inheritdoc cref="TellConversions(string, LoadOptions, Terminal)"/>
    public static void TellConversions(string path, IReadOnlyList<WeightConversion> forms, WeightFormat? wished, Terminal terminal)
    {
        foreach (var form in forms.Where(form => form.ComputedIn is not null))
        {
            var format = wished ?? form.ComputedIn!;
            var what = $"{Path.GetFileName(path)}: {form.Tensors} matrices of {form.StoredAs} ({Units.Bytes(form.Bytes)}) are computed";
            // That nothing is converted is no news.
            if (format.Name == form.StoredAs) terminal.Detail($"{what} as they are stored.");
            else terminal.Say($"{what} in {format} (about {Units.Bytes(format.BytesOf(1, form.Values))} of memory).");
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
