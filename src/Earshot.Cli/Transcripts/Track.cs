using System.Runtime.CompilerServices;
using Earshot.ForcedAlignment;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>What is finished of a channel, or of a recording whose channels are mixed, and all that going on takes.</summary>
internal sealed record TrackState
{
    public int? Channel { get; init; }

    public required TranscriptionPosition Position { get; init; }

    /// <summary>The samples read for it.</summary>
    public required SampleCheck Samples { get; init; }

    /// <summary>Audio done with.</summary>
    public TimeSpan Processed { get; init; }

    public IReadOnlyList<Segment> Segments { get; init; } = [];
}

/// <summary>A transcription that notes what is finished as it comes.</summary>
internal sealed class Track(int? channel, CheckedSamples samples, IProgress<TranscriptionProgress> progress, TrackState? resumed)
    : IProgress<TranscriptionProgress>
{
    readonly Lock _lock = new();
    readonly TrackState? _resumed = resumed;
    readonly List<Segment> _segments = [.. resumed?.Segments ?? []];
    // A window's report comes before its segments: until they are here, the report before it counts.
    TrackState? _last = resumed;
    TrackState? _next;

    /// <summary>Changes a segment's times as it comes; null to leave them.</summary>
    public SegmentAligner? Aligner { get; init; }

    /// <summary>The segments that were finished before, and those that follow.</summary>
    public async IAsyncEnumerable<Segment> SegmentsAsync(
        Transcriber transcriber, TranscriptionOptions options, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (var segment in _resumed?.Segments ?? []) yield return segment;
        await foreach (var heard in transcriber
            .TranscribeAsync(samples, options with { Resume = _resumed?.Position }, this, cancellationToken)
            .ConfigureAwait(false))
        {
            var segment = heard with { Channel = channel };
            if (Aligner is not null) segment = await Aligner.AlignAsync(segment, cancellationToken).ConfigureAwait(false);
            lock (_lock) _segments.Add(segment);
            yield return segment;
        }
    }

    public void Report(TranscriptionProgress value)
    {
        lock (_lock)
        {
            if (IsHere(_next)) _last = _next;
            if (value.Position is { } position)
                _next = new TrackState { Channel = channel, Position = position, Samples = samples.Check, Processed = value.Processed };
        }
        progress.Report(value);
    }

    /// <summary>What is finished; null where nothing is.</summary>
    public TrackState? Finished()
    {
        lock (_lock)
        {
            var state = IsHere(_next) ? _next : _last;
            return state is null ? null : state with { Segments = [.. _segments.Take(state.Position.Segments)] };
        }
    }

    bool IsHere(TrackState? state) => state is not null && _segments.Count >= state.Position.Segments;
}
