using System.Runtime.CompilerServices;
using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>
/// Transcribes recordings of any length: segments come as they are ready, memory stays the same.
/// Safe on several threads at once; each call is a transcription of its own.
/// </summary>
public sealed class RecordingTranscriber
{
    // Speech is held until its end is known; without a limit one that never ends would be held for ever. A cut loses nothing,
    // since the padding of its two sides meets.
    static readonly TimeSpan s_longestSpeech = TimeSpan.FromMinutes(5);

    readonly Recognizer _recognizer;
    readonly Func<ISpeechDetector>? _createDetector;

    /// <param name="recognizer">The model; it stays its owner's.</param>
    /// <param name="createDetector">Makes a speech detector for a recording; needed for <see cref="TranscriptionOptions.Vad"/> and
    /// batches.</param>
    public RecordingTranscriber(Recognizer recognizer, Func<ISpeechDetector>? createDetector = null)
    {
        ArgumentNullException.ThrowIfNull(recognizer);
        _recognizer = recognizer;
        _createDetector = createDetector;
    }

    /// <summary>Transcribes a recording; segments come in order, as soon as they are known.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or two exclude each other.</exception>
    /// <exception cref="ModelException">The model cannot do the task, or does not know the language.</exception>
    public IAsyncEnumerable<Segment> TranscribeAsync(
        ISampleSource source,
        TranscriptionOptions? options = null,
        IProgress<TranscriptionProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        options ??= new TranscriptionOptions();
        options.Validate();
        if ((options.Vad is not null || options.BatchSize > 1) && _createDetector is null)
            throw new ArgumentException(
                $"The options ask for speech detection ({nameof(options.Vad)}, or a {nameof(options.BatchSize)} above 1), " +
                "but this transcriber was made without a detector. Give it one.", nameof(options));
        if (options.EachChannel)
            throw new ArgumentException(
                $"The transcription option {nameof(options.EachChannel)} is set, and a source of samples has one channel. " +
                "Give a file or a stream.", nameof(options));
        var language = _recognizer.RequireLanguage(options.Task, options.Language);
        var input = new SequentialInput(source, options, language, _recognizer.For(language));
        var segments = options.BatchSize > 1 ? Batched(input, progress, cancellationToken) : Sequential(input, progress, cancellationToken);
        return options.TextRules is { } rules
            ? segments.Rewritten(rules, continues: options.Resume is { Segments: > 0 }, cancellationToken)
            : segments;
    }

    /// <summary>Transcribes a recording to its end.</summary>
    /// <inheritdoc cref="TranscribeAsync"/>
    public async Task<Transcript> TranscribeToEndAsync(
        ISampleSource source,
        TranscriptionOptions? options = null,
        IProgress<TranscriptionProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var last = new LastProgress(progress);
        var segments = new List<Segment>();
        await foreach (var segment in TranscribeAsync(source, options, last, cancellationToken).ConfigureAwait(false))
            segments.Add(segment);
        return new Transcript { Segments = segments, Info = last.Info };
    }

    async IAsyncEnumerable<Segment> Sequential(
        SequentialInput input, IProgress<TranscriptionProgress>? progress, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var detector = input.Options.Vad is null ? null : _createDetector!();
        SpeechReader? speech = null;
        var total = input.Source.TotalSamples;
        if (detector is not null)
        {
            var vad = input.Options.Vad! with { MaxSpeechDuration = input.Options.Vad.MaxSpeechDuration ?? s_longestSpeech };
            speech = new SpeechReader(input.Source, detector, vad);
            var timeline = new SpeechTimeline();
            input = input with { Source = new SpeechOnlySource(speech, timeline), Timeline = timeline };
        }
        using var transcription = new SequentialTranscription(input);
        var segments = new List<Segment>();
        while (await Task.Run(() => transcription.NextAsync(segments, cancellationToken).AsTask(), cancellationToken).ConfigureAwait(false))
        {
            progress?.Report(Progress(transcription, input, speech, total));
            foreach (var segment in segments) yield return segment;
            segments.Clear();
        }
        progress?.Report(Progress(transcription, input, speech, total));
    }

    async IAsyncEnumerable<Segment> Batched(
        SequentialInput input, IProgress<TranscriptionProgress>? progress, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var detector = _createDetector!();
        var total = input.Source.TotalSamples;
        var speech = new SpeechReader(input.Source, detector, BatchedVad(input.Options.Vad));
        using var transcription = new BatchedTranscription(speech, input);
        var waiting = new Queue<Task<TranscribedChunk>>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var segments = new List<Segment>();
            bool more = true;
            while (more || waiting.Count > 0)
            {
                // Twice as many as run at once: a slow window does not keep the others from going on.
                while (more && waiting.Count < 2 * input.Options.BatchSize)
                {
                    more = await Task.Run(() => transcription.StartNextAsync(waiting, stop.Token).AsTask(), cancellationToken)
                        .ConfigureAwait(false);
                }
                if (waiting.Count == 0) break;
                var chunk = await waiting.Peek().ConfigureAwait(false);
                _ = waiting.Dequeue();
                transcription.Write(chunk, segments);
                progress?.Report(new TranscriptionProgress(chunk.Chunk.End, Time(total), Info(
                    transcription.Language, transcription.Detection, speech.SamplesRead, transcription.SpeechSamples))
                {
                    Position = transcription.Position,
                });
                foreach (var segment in segments) yield return segment;
                segments.Clear();
            }
            progress?.Report(new TranscriptionProgress(Time(speech.SamplesRead), Time(speech.SamplesRead), Info(
                transcription.Language, transcription.Detection, speech.SamplesRead, transcription.SpeechSamples))
            {
                Position = transcription.Position,
            });
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            foreach (var task in waiting)
            {
                await task
                    .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)
                    .ConfigureAwait(false);
            }
        }
    }

    /// <summary>A window's speech has to fit the window.</summary>
    VadOptions BatchedVad(VadOptions? vad)
    {
        var window = Time(_recognizer.WindowSamples);
        vad ??= VadOptions.Batched;
        return vad with { MaxSpeechDuration = vad.MaxSpeechDuration < window ? vad.MaxSpeechDuration : window };
    }

    static TranscriptionProgress Progress(SequentialTranscription transcription, SequentialInput input, SpeechReader? speech, long? total)
    {
        long read = speech?.SamplesRead ?? transcription.SamplesRead;
        long processed = transcription.SamplesProcessed;
        if (input.Timeline is { } timeline) processed = (long)(timeline.Restore(processed / 16_000.0) * 16_000);
        var info = Info(transcription.Language, transcription.Detection, read, input.Timeline?.Length ?? read);
        return new TranscriptionProgress(Time(processed), Time(total), info) { Position = transcription.Position };
    }

    static TranscriptionInfo Info(string? language, LanguageDetection? detection, long read, long speech) => new()
    {
        Language = detection?.Language ?? language,
        LanguageProbability = detection?.Probability ?? (language is null ? 0 : 1),
        LanguageProbabilities = detection?.Probabilities,
        Duration = Time(read),
        DurationAfterVad = Time(speech),
    };

    static TimeSpan Time(long samples) => TimeSpan.FromSeconds(samples / 16_000.0);

    static TimeSpan? Time(long? samples) => samples is { } count ? Time(count) : null;
}
