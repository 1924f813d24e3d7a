using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Cli.Listening;

/// <summary>Where what is heard goes.</summary>
internal sealed record LiveOutputs(ILiveDisplay Display, LiveFiles Files, SoundFile? Sound);

/// <summary>
/// One source heard to its end, or until the user ends it: then what was said so far becomes final, and everything is complete.
/// </summary>
internal sealed class ListenRun(Terminal terminal, LiveSource source, LiveOutputs outputs)
{
    readonly float[] _samples = new float[1 << 14];
    string? _language;
    TimeSpan _heard;

    /// <param name="cancellationToken">The user's wish to end, which is no failure.</param>
    public async Task RunAsync(Transcriber transcriber, LiveOptions options, CancellationToken cancellationToken)
    {
        await using var live = await LiveTranscriber.StartAsync(transcriber, options, cancellationToken).ConfigureAwait(false);
        var reading = ReadAsync(live);
        try
        {
            await FeedAsync(live, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // All that was captured is heard.
        }
        catch (InvalidOperationException) when (reading.IsFaulted)
        {
            await reading.ConfigureAwait(false);
        }
        await live.CompleteAsync(CancellationToken.None).ConfigureAwait(false);
        await reading.ConfigureAwait(false);
        outputs.Display.Complete();
        outputs.Files.Complete(new TranscriptionInfo
        {
            Language = _language,
            LanguageProbability = _language is null ? 0 : 1,
            Duration = _heard,
        });
    }

    async Task FeedAsync(LiveTranscriber live, CancellationToken cancellationToken)
    {
        while (await source.ReadAsync(_samples, cancellationToken).ConfigureAwait(false) is > 0 and var count)
        {
            outputs.Sound?.Write(_samples.AsSpan(0, count));
            // What was recorded is heard, also where the user has ended it meanwhile.
            await live.WriteAsync(
                _samples.AsMemory(0, count), source.SampleRate, source.IsRealTime ? CancellationToken.None : cancellationToken)
                .ConfigureAwait(false);
        }
    }

    async Task ReadAsync(LiveTranscriber live)
    {
        await foreach (var happened in live.ReadAllAsync().ConfigureAwait(false))
        {
            _heard = happened.Heard;
            if (happened is LiveLanguage language) _language = language.Language;
            if (happened is LivePaceChanged pace)
                terminal.Detail($"{pace.Lag.TotalSeconds:0.0} s of sound wait; heard at the pace {pace.Pace}.");
            if (happened is LiveSegment segment) outputs.Files.Write(segment.Segment);
            outputs.Display.Show(happened);
        }
    }
}
