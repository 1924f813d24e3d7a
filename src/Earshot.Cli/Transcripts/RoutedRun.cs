using Earshot.Audio;
using Earshot.Cli.Files;
using Earshot.Cli.Models;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>Transcribes recordings, each with the model that a routing table has for it.</summary>
internal sealed class RoutedRun : IDisposable
{
    /// <summary>Names the built-in table.</summary>
    public const string Auto = "auto";

    readonly Terminal _terminal;
    readonly OutputChoice _output;
    readonly TranscriptionOptions _options;
    readonly LoadOptions _loading;
    readonly RoutedTranscriber _routed;

    /// <exception cref="UsageException">The table cannot be read.</exception>
    public RoutedRun(string table, OutputChoice output, TranscriptionOptions options, LoadOptions loading, Terminal terminal)
    {
        (_terminal, _output, _options, _loading) = (terminal, output, options, loading);
        var router = new ModelRouter(TableOf(table), new LocalModelCatalog(loading.Cpu));
        _routed = new RoutedTranscriber(
            router, (model, cancellationToken) => ModelLoading.LoadAsync(model, loading, terminal, cancellationToken));
    }

    /// <summary>Recordings that failed so far.</summary>
    public int Failures { get; private set; }

    public async Task TranscribeAsync(InputFile file, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RoutedRecording recording;
        try
        {
            recording = await RouteAsync(file, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (Failure.IsOfOneFile(e) || e is ModelException)
        {
            _terminal.Fail(e is AudioFormatException ? e.Message : $"'{file.Label}': {e.Message}", e);
            Failures++;
            return;
        }
        var choice = recording.Choice;
        _terminal.Detail($"{file.Label} is routed to {choice}.");
        var options = _options with { Language = choice.Language };
        var run = new TranscriptionRun(_terminal, _output with { Lines = _output.Lines with { Route = choice } }, options);
        if (options.Vad is not null || options.BatchSize > 1)
            await ModelLoading.LoadSpeechDetectorAsync(recording.Transcriber, _terminal, cancellationToken).ConfigureAwait(false);
        if (!_output.Plan.IsStandardOutput) run.Settings = ResumeSettings.Of(ModelFolders.Find(choice.Model), _loading, options);
        await run.TranscribeAsync(file, recording.Transcriber, cancellationToken).ConfigureAwait(false);
        Failures += run.Failures;
    }

    public void Dispose() => _routed.Dispose();

    static RoutingTable TableOf(string table)
    {
        if (table.Equals(Auto, StringComparison.OrdinalIgnoreCase)) return RoutingTable.Default;
        try
        {
            return RoutingTable.Load(table);
        }
        catch (CheckpointException e)
        {
            throw new UsageException($"--route: {e.Message}");
        }
    }

    async Task<RoutedRecording> RouteAsync(InputFile file, CancellationToken cancellationToken)
    {
        if (_options.Language is not null)
            return await _routed.RouteAsync(new MemorySamples(default), _options, cancellationToken).ConfigureAwait(false);
        // Warnings come when it is read as a whole.
        using var stream = await Task.Run(() => file.Open(_terminal, _options.Audio), cancellationToken).ConfigureAwait(false);
        return await _routed.RouteAsync(new RecordedSamples(stream), _options, cancellationToken).ConfigureAwait(false);
    }
}
