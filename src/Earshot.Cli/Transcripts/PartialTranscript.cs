using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>A transcript in the making that is kept when its making is stopped: by Ctrl-C, or by the process that has to end.</summary>
internal sealed class PartialTranscript : IDisposable
{
    static readonly Lock s_lock = new();
    static readonly HashSet<PartialTranscript> s_running = [];

    readonly Lock _lock = new();
    readonly TranscriptFiles _files;
    readonly IReadOnlyList<Track> _tracks;
    readonly Func<TranscriptionInfo> _info;
    readonly Func<IReadOnlyList<TrackState>, ResumeFile> _resume;
    bool _done;

    /// <param name="info">What is known of the recording so far.</param>
    /// <param name="resume">Makes the file to go on with of what is finished.</param>
    public PartialTranscript(
        TranscriptFiles files,
        IReadOnlyList<Track> tracks,
        Func<TranscriptionInfo> info,
        Func<IReadOnlyList<TrackState>, ResumeFile> resume)
    {
        (_files, _tracks, _info, _resume) = (files, tracks, info, resume);
        lock (s_lock) s_running.Add(this);
    }

    /// <summary>Keeps what is finished of all that run, for a process about to end; gives what to say.</summary>
    public static IReadOnlyList<string> SaveAll()
    {
        PartialTranscript[] running;
        lock (s_lock) running = [.. s_running];
        return [.. running.Select(transcript => transcript.Save()).OfType<string>()];
    }

    /// <summary>Keeps what is finished, once, and gives what to say about it; null where nothing is finished.</summary>
    public string? Save()
    {
        lock (_lock)
        {
            if (_done) return null;
            _done = true;
            var states = _tracks.Select(track => track.Finished()).ToList();
            if (states.Any(state => state is null)) return null;
            var resume = _resume([.. states.Select(state => state!)]);
            var segments = InTime(resume.Tracks);
            try
            {
                var written = _files.WritePartial(
                    new Transcript { Segments = segments, Info = _info() with { Duration = resume.Processed } });
                resume.Save(_files.ResumePath);
                return $"What is finished, {Units.Time(resume.Processed)} of the recording, is kept in {string.Join(" and ", written)}; " +
                    "the same command with --resume goes on from there.";
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return $"What is finished could not be kept: {e.Message}";
            }
        }
    }

    public void Dispose()
    {
        lock (s_lock) s_running.Remove(this);
    }

    static List<Segment> InTime(IReadOnlyList<TrackState> tracks)
    {
        if (tracks is [var only]) return [.. only.Segments];
        return [.. tracks.SelectMany(track => track.Segments).OrderBy(segment => segment.Start)
            .Select((segment, id) => segment with { Id = id })];
    }
}
