using System.Globalization;
using System.Runtime.CompilerServices;
using Earshot.Audio;
using Earshot.Live;
using Earshot.Tokenizers;
using Earshot.Transcription;
using Microsoft.Extensions.AI;

namespace Earshot.Clients;

/// <summary>Makes a transcriber a speech-to-text client of .NET's whose streams are heard live.</summary>
public static class LiveClientExtensions
{
    /// <summary>
    /// A client whose <see cref="ISpeechToTextClient.GetStreamingTextAsync"/> writes while the stream comes:
    /// <see cref="SpeechToTextResponseUpdateKind.TextUpdating"/> holds what may still change,
    /// <see cref="SpeechToTextResponseUpdateKind.TextUpdated"/> what is final; all final texts in a row are the transcript.
    /// Whole recordings are transcribed as by <see cref="TranscriberExtensions.AsSpeechToTextClient"/>.
    /// </summary>
    /// <param name="transcriber">The loaded model.</param>
    /// <param name="defaults">Options for requests that bring none of their own as their raw representation.</param>
    /// <param name="ownsTranscriber">Whether disposing of the client disposes of the transcriber.</param>
    public static ISpeechToTextClient AsLiveSpeechToTextClient(
        this Transcriber transcriber, LiveOptions? defaults = null, bool ownsTranscriber = false)
    {
        ArgumentNullException.ThrowIfNull(transcriber);
        return new LiveSpeechToTextClient(transcriber, defaults ?? new LiveOptions(), ownsTranscriber);
    }
}

/// <summary>Hears streams live; a request's languages and its raw <see cref="LiveOptions"/> are honoured, another model refused.</summary>
internal sealed class LiveSpeechToTextClient(Transcriber transcriber, LiveOptions defaults, bool ownsTranscriber)
    : DelegatingSpeechToTextClient(transcriber.AsSpeechToTextClient(ownsTranscriber: ownsTranscriber))
{
    const int Piece = SampleStream.SampleRate / 10;

    public override async IAsyncEnumerable<SpeechToTextResponseUpdate> GetStreamingTextAsync(
        Stream audioSpeechStream, SpeechToTextOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audioSpeechStream);
        var id = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
        await using var live = await LiveTranscriber.StartAsync(transcriber, Options(options), cancellationToken).ConfigureAwait(false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var feeding = Task.Run(() => FeedAsync(live, audioSpeechStream, stop.Token), cancellationToken);
        var end = TimeSpan.Zero;
        yield return Update(id, SpeechToTextResponseUpdateKind.SessionOpen, end, end);
        try
        {
            await foreach (var happened in live.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                end = happened.Heard;
                if (Update(id, happened) is { } update) yield return update;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await feeding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        // What the stream's sound could not be read for is thrown here.
        if (feeding.IsFaulted) await feeding.ConfigureAwait(false);
        yield return Update(id, SpeechToTextResponseUpdateKind.SessionClose, end, end);
    }

    LiveOptions Options(SpeechToTextOptions? options)
    {
        if (options is null) return defaults;
        SpeechRequests.RequireModel(options, transcriber.Model);
        var request = options.RawRepresentationFactory?.Invoke(this) as LiveOptions ?? defaults;
        var recognition = request.Recognition;
        if (options.SpeechLanguage is { Length: > 0 } spoken) recognition = recognition with { Language = WhisperLanguages.Parse(spoken) };
        if (options.TextLanguage is { Length: > 0 } written)
            recognition = recognition with { Task = SpeechRequests.TaskFor(written, recognition.Language) };
        return request with { Recognition = recognition };
    }

    // Reading ends the stream whatever happens, so that whoever waits for its events comes to their end.
    static async Task FeedAsync(LiveTranscriber live, Stream stream, CancellationToken cancellationToken)
    {
        try
        {
            using var sound = SampleStream.Open(new UnownedStream(stream), "audio stream");
            var samples = new float[Piece];
            while (sound.Read(samples) is > 0 and var count)
                await live.WriteAsync(samples.AsMemory(0, count), cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await live.CompleteAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    SpeechToTextResponseUpdate? Update(string id, LiveEvent happened)
    {
        var (kind, words, text) = happened switch
        {
            LivePartial partial => (SpeechToTextResponseUpdateKind.TextUpdating, partial.Words, partial.Text),
            LiveFinal final => (SpeechToTextResponseUpdateKind.TextUpdated, final.Words, final.Text),
            _ => default,
        };
        if (text is null) return null;
        var update = Update(
            id, kind, words.Count > 0 ? words[0].Start : happened.Heard, words.Count > 0 ? words[^1].End : happened.Heard);
        update.Contents = [new TextContent(text)];
        update.RawRepresentation = happened;
        return update;
    }

    SpeechToTextResponseUpdate Update(string id, SpeechToTextResponseUpdateKind kind, TimeSpan start, TimeSpan end) => new()
    {
        ResponseId = id,
        Kind = kind,
        ModelId = transcriber.Model,
        StartTime = start,
        EndTime = end,
    };
}
