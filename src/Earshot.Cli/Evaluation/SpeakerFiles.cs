using Earshot.Evaluation.Metrics;

namespace Earshot.Cli.Evaluation;

/// <summary>A file of turns, segments or words, as far as its format has them.</summary>
internal sealed record SpeakerFile
{
    public required string Path { get; init; }

    /// <summary>Who speaks when; null for words without speakers.</summary>
    public IReadOnlyList<SpeakerTurn>? Turns { get; init; }

    /// <summary>Who says what; null where the format has no words or no speakers.</summary>
    public IReadOnlyList<TranscriptSegment>? Segments { get; init; }

    /// <summary>Words in order of time; null where the format has none.</summary>
    public IReadOnlyList<(string Session, string Words)>? Texts { get; init; }

    /// <summary>Reads RTTM, STM, SegLST (.json) or CTM, by the file's extension.</summary>
    /// <exception cref="EarshotException">The extension is another, or the file is damaged.</exception>
    public static SpeakerFile Read(string path)
    {
        if (!File.Exists(path)) throw new UsageException($"'{path}': no such file. Check the path.");
        return System.IO.Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".rttm" => new SpeakerFile { Path = path, Turns = Rttm.Read(path) },
            ".stm" => OfSegments(path, Stm.Read(path)),
            ".json" or ".seglst" => OfSegments(path, SegLst.Read(path)),
            ".ctm" => OfWords(path, Ctm.Read(path)),
            var other => throw new UsageException($"'{path}' ends in '{other}'; expected .rttm, .stm, .json (SegLST) or .ctm."),
        };
    }

    static SpeakerFile OfSegments(string path, IReadOnlyList<TranscriptSegment> segments) => new()
    {
        Path = path,
        Segments = segments,
        Turns = [.. segments.Select(segment => new SpeakerTurn
        {
            Session = segment.Session,
            Channel = segment.Channel,
            Speaker = segment.Speaker,
            Start = segment.Start,
            End = segment.End,
        })],
        Texts = [.. InOrder(segments, segment => segment.Session, segment => segment.Start, segment => segment.Words)],
    };

    static SpeakerFile OfWords(string path, IReadOnlyList<TimedWord> words) => new()
    {
        Path = path,
        Texts = [.. InOrder(words, word => word.Session, word => word.Start, word => word.Word)],
    };

    static IEnumerable<(string Session, string Words)> InOrder<T>(
        IEnumerable<T> items, Func<T, string> session, Func<T, TimeSpan> start, Func<T, string> words) =>
        items.GroupBy(session, StringComparer.Ordinal).Select(group => (group.Key, string.Join(' ', group.OrderBy(start).Select(words))));
}
