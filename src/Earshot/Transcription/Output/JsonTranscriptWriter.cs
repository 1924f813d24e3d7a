using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Earshot.Compute.Cpu;
using Earshot.Tokenizers;

namespace Earshot.Transcription;

/// <summary>OpenAI's <c>json</c> and <c>verbose_json</c>, and the json of openai/whisper's command line.</summary>
sealed class JsonTranscriptWriter(TextWriter output, TranscriptWriterOptions options, bool verbose) : TranscriptWriter(output)
{
    readonly List<Segment> _segments = [];

    public override void Write(Segment segment)
    {
        ArgumentNullException.ThrowIfNull(segment);
        _segments.Add(segment);
    }

    public override void Complete(TranscriptionInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        var text = string.Concat(_segments.Select(segment => segment.Text)).Trim();
        Output.Write(verbose
            ? JsonSerializer.Serialize(Verbose(info, text), TranscriptJson.Readable.VerboseTranscript)
            : options.JsonSegments
                ? JsonSerializer.Serialize(
                    new WhisperTranscript(text, [.. _segments.Select(ToWhisper)], info.Language)
                    {
                        Computed = options.Computed,
                        Route = options.Route,
                    },
                    TranscriptJson.Readable.WhisperTranscript)
                : JsonSerializer.Serialize(new TextTranscript(text), TranscriptJson.Readable.TextTranscript));
        Output.Write('\n');
    }

    VerboseTranscript Verbose(TranscriptionInfo info, string text) => new()
    {
        Task = options.Task,
        Language = info.Language is { } code ? WhisperLanguages.NameOf(code) ?? code : null,
        Duration = Seconds(info.Duration),
        Text = text,
        Segments = [.. _segments.Select(ToJson)],
        Words = _segments.Any(segment => segment.Words is not null)
            ? [.. _segments.SelectMany(segment => (segment.Words ?? [])
                .Select(word => new VerboseWord(word.Text.Trim(), Seconds(word.Start), Seconds(word.End)) { Channel = segment.Channel }))]
            : null,
        Computed = options.Computed,
        Route = options.Route,
    };

    static VerboseSegment ToJson(Segment segment) => new()
    {
        Id = segment.Id,
        Seek = (long)Math.Round(segment.Seek.TotalMilliseconds / 10),
        Start = Seconds(segment.Start),
        End = Seconds(segment.End),
        Text = segment.Text,
        Tokens = segment.Tokens,
        Temperature = segment.Temperature,
        AvgLogprob = segment.AvgLogprob,
        CompressionRatio = segment.CompressionRatio,
        NoSpeechProb = segment.NoSpeechProb,
        Channel = segment.Channel,
    };

    // There a segment holds its own words, with the space before each and how sure the model is.
    static VerboseSegment ToWhisper(Segment segment) => ToJson(segment) with
    {
        Words = segment.Words is null
            ? null
            : [.. segment.Words.Select(word => new SegmentWord(word.Text, Seconds(word.Start), Seconds(word.End), word.Probability))],
    };

    static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);
}

sealed record TextTranscript(string Text);

sealed record WhisperTranscript(string Text, IReadOnlyList<VerboseSegment> Segments, string? Language)
{
    public ComputeSettings? Computed { get; init; }
    public RoutingChoice? Route { get; init; }
}

sealed record VerboseTranscript
{
    public required string Task { get; init; }
    public string? Language { get; init; }
    public double Duration { get; init; }
    public required string Text { get; init; }
    public required IReadOnlyList<VerboseSegment> Segments { get; init; }
    public IReadOnlyList<VerboseWord>? Words { get; init; }
    public ComputeSettings? Computed { get; init; }
    public RoutingChoice? Route { get; init; }
}

sealed record VerboseSegment
{
    public int Id { get; init; }
    public long Seek { get; init; }
    public double Start { get; init; }
    public double End { get; init; }
    public required string Text { get; init; }
    public required IReadOnlyList<int> Tokens { get; init; }
    public float Temperature { get; init; }
    public float AvgLogprob { get; init; }
    public float CompressionRatio { get; init; }
    public float NoSpeechProb { get; init; }
    public IReadOnlyList<SegmentWord>? Words { get; init; }
    public int? Channel { get; init; }
}

sealed record SegmentWord(string Word, double Start, double End, float Probability);

sealed record VerboseWord(string Word, double Start, double End)
{
    public int? Channel { get; init; }
}

[JsonSerializable(typeof(TextTranscript))]
[JsonSerializable(typeof(WhisperTranscript))]
[JsonSerializable(typeof(VerboseTranscript))]
sealed partial class TranscriptJson : JsonSerializerContext
{
    /// <summary>Letters of all scripts as they are: this is a file, not a script in a page.</summary>
    public static TranscriptJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
