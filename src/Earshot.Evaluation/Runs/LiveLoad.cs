using System.Collections.Concurrent;
using Earshot.Evaluation.Metrics;
using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Evaluation;

/// <summary>What became of many live streams at once, each at the pace at which it was said. Times are by the clock.</summary>
public sealed record LiveLoad
{
    public required int Streams { get; init; }

    /// <summary>From the end of each final word, as the model dates it, to its becoming final.</summary>
    public required LatencySummary Words { get; init; }

    /// <summary>From the place where a turn's end was sure to the end's being told, behind all its words.</summary>
    public required LatencySummary TurnEnds { get; init; }

    /// <summary>Processor time of the whole program for each second of one stream.</summary>
    public required double ProcessorPerSecond { get; init; }

    /// <summary>How often a stream was heard more or less often for the lag of it.</summary>
    public required int PaceChanges { get; init; }

    /// <summary>What each stream wrote.</summary>
    public required IReadOnlyList<string> Texts { get; init; }

    static readonly TimeSpan s_piece = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Hears recordings at once, one a stream, in pieces of 100 ms. Streams begin a little after each other, as people do.
    /// </summary>
    /// <param name="recordings">One channel at 16 kHz each, and its options.</param>
    public static async Task<LiveLoad> RunAsync(
        Transcriber transcriber, IReadOnlyList<(ReadOnlyMemory<float> Samples, LiveOptions Options)> recordings,
        IProgress<TimeSpan>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(recordings);
        var (words, turns) = (new ConcurrentBag<TimeSpan>(), new ConcurrentBag<TimeSpan>());
        int paces = 0;
        var processor = Environment.CpuUsage.TotalTime;
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var streams = recordings.Select((recording, i) => Task.Run(async () =>
        {
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(370 * i), failed.Token).ConfigureAwait(false);
                return await HearAsync(recording.Samples, recording.Options, i == 0 ? progress : null).ConfigureAwait(false);
            }
            catch
            {
                // The others would go on for as long as their recordings last.
                await failed.CancelAsync().ConfigureAwait(false);
                throw;
            }
        })).ToArray();
        var texts = await Task.WhenAll(streams).ConfigureAwait(false);
        double seconds = recordings.Sum(recording => recording.Samples.Length / 16_000.0);
        return new LiveLoad
        {
            Streams = recordings.Count,
            Words = LatencySummary.Of(words),
            TurnEnds = LatencySummary.Of(turns),
            ProcessorPerSecond = (Environment.CpuUsage.TotalTime - processor).TotalSeconds / seconds,
            PaceChanges = paces,
            Texts = texts,
        };

        async Task<string> HearAsync(ReadOnlyMemory<float> samples, LiveOptions options, IProgress<TimeSpan>? shown)
        {
            var live = await LiveTranscriber.StartAsync(transcriber, options, failed.Token).ConfigureAwait(false);
            await using (live.ConfigureAwait(false))
            {
                var (clock, start) = (options.Clock, options.Clock.GetTimestamp());
                var text = "";
                var reading = Task.Run(async () =>
                {
                    await foreach (var happened in live.ReadAllAsync(failed.Token).ConfigureAwait(false))
                    {
                        var now = clock.GetElapsedTime(start);
                        switch (happened)
                        {
                            case LiveFinal final:
                                text += final.Text;
                                foreach (var word in final.Words) words.Add(now - word.End);
                                break;
                            case LiveSpeechStopped:
                                turns.Add(now - happened.Heard);
                                break;
                            case LivePaceChanged:
                                Interlocked.Increment(ref paces);
                                break;
                        }
                    }
                }, failed.Token);
                int size = (int)(s_piece.TotalSeconds * 16_000);
                for (int from = 0; from < samples.Length; from += size)
                {
                    int count = Math.Min(size, samples.Length - from);
                    var due = TimeSpan.FromSeconds((from + count) / 16_000.0);
                    if (due - clock.GetElapsedTime(start) is { Ticks: > 0 } wait)
                        await Task.Delay(wait, clock, failed.Token).ConfigureAwait(false);
                    await live.WriteAsync(samples.Slice(from, count), cancellationToken: failed.Token).ConfigureAwait(false);
                    shown?.Report(due);
                }
                await live.CompleteAsync(failed.Token).ConfigureAwait(false);
                await reading.ConfigureAwait(false);
                return text.Trim();
            }
        }
    }
}
