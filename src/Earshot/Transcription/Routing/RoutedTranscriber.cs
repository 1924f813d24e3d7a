using Earshot.Audio;
using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>A model that was chosen and loaded for a recording, and the language to transcribe it in.</summary>
/// <param name="Transcriber">It stays its <see cref="RoutedTranscriber"/>'s, until the next recording is routed.</param>
/// <param name="Choice">Why this one; its language is that of <see cref="RecognitionOptions.Language"/>.</param>
public sealed record RoutedRecording(Transcriber Transcriber, RoutingChoice Choice);

/// <summary>
/// Listens to the beginning of recordings, chooses a model for each and loads it. The model that tells languages and the one chosen last
/// stay loaded. One recording at a time.
/// </summary>
/// <param name="load">Loads a model by its folder or name; null for <see cref="Transcriber.LoadAsync(string, TranscriberOptions,
/// IProgress{Checkpoints.DownloadProgress}, CancellationToken)"/>.</param>
public sealed class RoutedTranscriber(ModelRouter router, Func<string, CancellationToken, Task<Transcriber>>? load = null) : IDisposable
{
    readonly Func<string, CancellationToken, Task<Transcriber>> _load =
        load ?? ((model, cancellationToken) => Transcriber.LoadAsync(model, cancellationToken: cancellationToken));
    (string Model, Transcriber Transcriber)? _detector, _chosen;

    /// <summary>Chooses and loads the model for a recording.</summary>
    /// <param name="beginning">The recording's first samples are read from it, where its language is not given.</param>
    /// <param name="options">What the model must do; a language that is given is not listened for.</param>
    /// <exception cref="ModelException">No model of the table can do it.</exception>
    public async Task<RoutedRecording> RouteAsync(
        ISampleSource beginning, TranscriptionOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(beginning);
        ArgumentNullException.ThrowIfNull(options);
        var request = new RoutingRequest { Language = options.Language, Task = options.Task, WordTimestamps = options.WordTimestamps };
        if (options.Language is null)
        {
            var probe = await ListenAsync(beginning, cancellationToken).ConfigureAwait(false);
            // In several languages, a model is wanted that tells them apart.
            bool one = !options.DetectLanguageEachWindow;
            request = request with { Language = one ? probe.Language : null, LanguageSource = probe.Source };
        }
        var choice = router.Choose(request);
        return new RoutedRecording(await LoadAsync(choice.Model, cancellationToken).ConfigureAwait(false), choice);
    }

    public void Dispose()
    {
        _chosen?.Transcriber.Dispose();
        _detector?.Transcriber.Dispose();
        (_chosen, _detector) = (null, null);
    }

    /// <summary>Hears the language of a recording's beginning with the table's detector.</summary>
    /// <exception cref="ModelException">The detector knows one language.</exception>
    public async Task<LanguageProbe> ListenAsync(ISampleSource beginning, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(beginning);
        var probe = router.Listen();
        _detector ??= (router.Table.Detector, await _load(router.Table.Detector, cancellationToken).ConfigureAwait(false));
        var recognizer = _detector.Value.Transcriber.Recognizer;
        var samples = new float[Math.Min(recognizer.WindowSamples, SamplesIn(router.Table.MostListening))];
        int count = 0;
        while (probe.Next is { } next)
        {
            int wanted = Math.Min(samples.Length, SamplesIn(next));
            // It reads all that is wanted, or to the end.
            count += beginning.Read(samples.AsSpan(count, wanted - count));
            bool ended = count < wanted;
            if (count == 0) break;
            var detection = await DetectAsync(recognizer, samples.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            probe.Add(TimeSpan.FromSeconds((double)count / SampleStream.SampleRate), detection, ended || count == samples.Length);
        }
        return probe;
    }

    static int SamplesIn(TimeSpan time) => (int)(time.TotalSeconds * SampleStream.SampleRate);

    // Only as much is encoded as was heard, and some silence.
    static async Task<LanguageDetection> DetectAsync(
        Recognizer recognizer, ReadOnlyMemory<float> samples, CancellationToken cancellationToken)
    {
        using var session = recognizer.Begin(new RecognitionOptions { ShortWindows = true });
        var window = new AudioWindow { Samples = samples, After = new float[recognizer.SamplesAfter], StandsAlone = true };
        return await Task.Run(() => session.DetectLanguageAsync(window, cancellationToken).AsTask(), cancellationToken)
            .ConfigureAwait(false);
    }

    async Task<Transcriber> LoadAsync(string model, CancellationToken cancellationToken)
    {
        if (_detector is { } detector && detector.Model == model) return detector.Transcriber;
        if (_chosen is { } chosen)
        {
            if (chosen.Model == model) return chosen.Transcriber;
            _chosen = null;
            chosen.Transcriber.Dispose();
        }
        _chosen = (model, await _load(model, cancellationToken).ConfigureAwait(false));
        return _chosen.Value.Transcriber;
    }
}
