using System.Threading.Channels;
using Earshot.Audio;
using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>
/// Writes down what is said while people speak. Sound is pushed in pieces of any size; what is heard comes as a stream of events, in which
/// nothing final is ever taken back. Streams that share a transcriber are computed together. One writer and one reader at a time.
/// </summary>
/// <example><code>
/// await using var live = await LiveTranscriber.StartAsync(transcriber);
/// var reading = Task.Run(async () =>
/// {
///     await foreach (var happened in live.ReadAllAsync())
///         if (happened is LiveFinal final) Console.Write(final.Text);
/// });
/// await live.WriteAsync(samples, sampleRate: 48_000);
/// await live.CompleteAsync();
/// await reading;
/// </code></example>
public sealed class LiveTranscriber : IAsyncDisposable
{
    const int MostEvents = 4096;

    readonly LiveOptions _options;
    readonly LiveStream _stream;
    readonly AudioQueue _queue;
    readonly Channel<LiveEvent> _events;
    readonly CancellationTokenSource _stop = new();
    readonly Task _pump;
    bool _disposed;

    internal LiveTranscriber(LiveParts parts, LiveOptions options)
    {
        _options = options;
        _queue = new AudioQueue(TurnDetector.Samples(options.MostWaiting), options.Overflow);
        _events = Channel.CreateBounded<LiveEvent>(new BoundedChannelOptions(MostEvents) { SingleReader = true, SingleWriter = true });
        _stream = new LiveStream(parts, options, () => Lag, _events.Writer.WriteAsync);
        LiveMetrics.Opened();
        _pump = Task.Run(PumpAsync);
    }

    /// <summary>Sound that waits to be heard.</summary>
    public TimeSpan Lag => TimeSpan.FromSeconds((double)_queue.Waiting / SampleStream.SampleRate);

    /// <summary>Begins a stream.</summary>
    /// <param name="transcriber">The model, which stays its owner's and has to outlive the stream.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The model cannot do the task, or does not know the language.</exception>
    /// <exception cref="CheckpointException">The speech detector cannot be had.</exception>
    public static async Task<LiveTranscriber> StartAsync(
        Transcriber transcriber, LiveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transcriber);
        options ??= new LiveOptions();
        options.Validate();
        var recognizer = transcriber.Recognizer;
        var language = recognizer.RequireLanguage(options.Recognition.Task, options.Recognition.Language);
        if (options.SpeechDetector is null) await transcriber.LoadSpeechDetectorAsync(null, cancellationToken).ConfigureAwait(false);
        var detector = options.SpeechDetector?.Invoke() ?? transcriber.CreateSpeechDetector();
        try
        {
            return new LiveTranscriber(
                new LiveParts(recognizer.BeginLive(options.Recognition, options.SilenceBehind), detector)
                {
                    SamplesBefore = recognizer.SamplesBefore,
                    Language = language,
                    TellsLanguage = recognizer.DetectsLanguages,
                    Prompt = options.Prompt is { Length: > 0 } prompt ? recognizer.Tokenizer.Encode(" " + prompt.Trim()) : [],
                },
                options);
        }
        catch
        {
            detector.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Adds sound of one channel: samples from −1 to 1, at any rate from 1,000 Hz on. They are copied. Where more waits than
    /// <see cref="LiveOptions.MostWaiting"/>, this waits, or is refused as <see cref="LiveOptions.Overflow"/> says; so somebody has to
    /// read the events meanwhile.
    /// </summary>
    /// <exception cref="OverloadedException">There is no room, and waiting is not wished for.</exception>
    /// <exception cref="InvalidOperationException">The stream was completed.</exception>
    public ValueTask WriteAsync(
        ReadOnlyMemory<float> samples, int sampleRate = SampleStream.SampleRate, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleRate, AudioLimits.MinSampleRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sampleRate, AudioLimits.MaxSampleRate);
        return _queue.WriteAsync(samples, sampleRate, cancellationToken);
    }

    /// <summary>Makes final all that was said in the sound so far, and waits for it; the stream goes on.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _queue.FlushAsync(cancellationToken);
    }

    /// <summary>No more sound comes: what was said becomes final, then the events end.</summary>
    public ValueTask CompleteAsync(CancellationToken cancellationToken = default) => _queue.CompleteAsync(cancellationToken);

    /// <summary>What happens, in order, until the stream has ended. To be read once.</summary>
    public IAsyncEnumerable<LiveEvent> ReadAllAsync(CancellationToken cancellationToken = default) =>
        _events.Reader.ReadAllAsync(cancellationToken);

    /// <summary>
    /// Ends the stream at once; what is not final is lost. After <see cref="CompleteAsync"/> and the last event nothing is.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        await _stop.CancelAsync().ConfigureAwait(false);
        await _pump.ConfigureAwait(false);
        _stream.Dispose();
        _stop.Dispose();
        LiveMetrics.Closed();
    }

    async Task PumpAsync()
    {
        Exception? failure = null;
        try
        {
            while (await MoreAsync().ConfigureAwait(false))
            {
                while (_queue.Items.TryRead(out var item)) await TakeAsync(item).ConfigureAwait(false);
            }
            await _stream.FinishAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested) { }
        catch (Exception exception)
        {
            failure = exception; // thrown to whoever reads or writes
        }
        _queue.Close(failure);
        _events.Writer.TryComplete(failure);
    }

    async ValueTask TakeAsync(QueuedSound item)
    {
        if (item.Samples is { } samples)
        {
            await _stream.AddAsync(samples, _stop.Token).ConfigureAwait(false);
            _queue.Taken(samples.Length);
            return;
        }
        try
        {
            await _stream.FlushAsync(LiveStopReason.Flush, _stop.Token).ConfigureAwait(false);
            item.Flushed!.TrySetResult();
        }
        catch (Exception exception)
        {
            item.Flushed!.TrySetException(exception);
            throw;
        }
    }

    /// <summary>Waits for sound. Where none comes though somebody was speaking, what was said is final; false at the end.</summary>
    async ValueTask<bool> MoreAsync()
    {
        var more = _queue.Items.WaitToReadAsync(_stop.Token);
        if (more.IsCompleted || _options.Stall is not { } stall || !_stream.IsInTurn) return await more.ConfigureAwait(false);
        var waiting = more.AsTask();
        try
        {
            return await waiting.WaitAsync(stall, _options.Clock, _stop.Token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await _stream.FlushAsync(LiveStopReason.Stalled, _stop.Token).ConfigureAwait(false);
            return await waiting.ConfigureAwait(false);
        }
    }
}
