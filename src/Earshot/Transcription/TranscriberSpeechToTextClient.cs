using System.Globalization;
using System.Runtime.CompilerServices;
using Earshot.Tokenizers;
using Microsoft.Extensions.AI;

namespace Earshot.Transcription;

/// <summary>Makes a transcriber usable as .NET's own speech-to-text abstraction.</summary>
public static class TranscriberExtensions
{
    /// <summary>
    /// The transcriber as an <see cref="ISpeechToTextClient"/>, for Microsoft.Extensions.AI's builder and dependency injection.
    /// </summary>
    /// <param name="transcriber">The loaded model.</param>
    /// <param name="defaults">Options for requests that bring none of their own.</param>
    /// <param name="ownsTranscriber">Whether disposing of the client disposes of the transcriber.</param>
    public static ISpeechToTextClient AsSpeechToTextClient(
        this Transcriber transcriber, TranscriptionOptions? defaults = null, bool ownsTranscriber = false)
    {
        ArgumentNullException.ThrowIfNull(transcriber);
        return new TranscriberSpeechToTextClient(transcriber, defaults ?? new TranscriptionOptions(), ownsTranscriber);
    }
}

/// <summary>
/// Microsoft.Extensions.AI's speech-to-text client over a transcriber. A request's language, its text's language (English
/// for speech in another language means translation) and its raw <see cref="TranscriptionOptions"/> are honoured; times are
/// from the start of the audio; streams stay open.
/// </summary>
internal sealed class TranscriberSpeechToTextClient(Transcriber transcriber, TranscriptionOptions defaults, bool ownsTranscriber)
    : ISpeechToTextClient
{
    readonly SpeechToTextClientMetadata _metadata = new("earshot", null, transcriber.Model);

    public async Task<SpeechToTextResponse> GetTextAsync(
        Stream audioSpeechStream, SpeechToTextOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audioSpeechStream);
        var request = ToTranscription(options);
        var last = new LastProgress();
        var segments = new List<Segment>();
        await foreach (var segment in transcriber.TranscribeAsync(audioSpeechStream, "audio stream", request, last, cancellationToken)
            .ConfigureAwait(false))
        {
            segments.Add(segment);
        }
        var transcript = new Transcript { Segments = segments, Info = last.Info };
        return new SpeechToTextResponse(transcript.Text)
        {
            StartTime = TimeSpan.Zero,
            EndTime = last.Info.Duration,
            ModelId = transcriber.Model,
            ResponseId = NewResponseId(),
            RawRepresentation = transcript,
            AdditionalProperties = Properties(transcript.Info.Language),
        };
    }

    public async IAsyncEnumerable<SpeechToTextResponseUpdate> GetStreamingTextAsync(
        Stream audioSpeechStream,
        SpeechToTextOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audioSpeechStream);
        var request = ToTranscription(options);
        var last = new LastProgress();
        var id = NewResponseId();
        yield return Update(id, SpeechToTextResponseUpdateKind.SessionOpen, TimeSpan.Zero, TimeSpan.Zero);
        await foreach (var segment in transcriber.TranscribeAsync(audioSpeechStream, "audio stream", request, last, cancellationToken)
            .ConfigureAwait(false))
        {
            var update = Update(id, SpeechToTextResponseUpdateKind.TextUpdated, segment.Start, segment.End);
            update.Contents = [new TextContent(segment.Text)];
            update.RawRepresentation = segment;
            update.AdditionalProperties = Properties(segment.Language);
            yield return update;
        }
        yield return Update(id, SpeechToTextResponseUpdateKind.SessionClose, last.Info.Duration, last.Info.Duration);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(SpeechToTextClientMetadata)) return _metadata;
        if (serviceType.IsInstanceOfType(this)) return this;
        return serviceType.IsInstanceOfType(transcriber) ? transcriber : null;
    }

    public void Dispose()
    {
        if (ownsTranscriber) transcriber.Dispose();
    }

    TranscriptionOptions ToTranscription(SpeechToTextOptions? options)
    {
        if (options is null) return defaults;
        SpeechRequests.RequireModel(options, transcriber.Model);
        var request = options.RawRepresentationFactory?.Invoke(this) as TranscriptionOptions ?? defaults;
        if (options.SpeechLanguage is { Length: > 0 } spoken) request = request with { Language = WhisperLanguages.Parse(spoken) };
        return options.TextLanguage is { Length: > 0 } written
            ? request with { Task = SpeechRequests.TaskFor(written, request.Language) }
            : request;
    }

    SpeechToTextResponseUpdate Update(string id, SpeechToTextResponseUpdateKind kind, TimeSpan start, TimeSpan end) => new()
    {
        ResponseId = id,
        Kind = kind,
        ModelId = transcriber.Model,
        StartTime = start,
        EndTime = end,
    };

    static AdditionalPropertiesDictionary? Properties(string? language) => language is null ? null : new() { ["language"] = language };

    static string NewResponseId() => Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
}
