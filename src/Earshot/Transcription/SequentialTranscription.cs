using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>
/// Transcribes window after window: each begins where the last finished segment ended, and knows what was said before.
/// Follows openai/whisper, <c>transcribe</c>, over a stream: the recording's length need not be known.
/// </summary>
sealed class SequentialTranscription : IDisposable
{
    const int SamplesPerFrame = AudioWindow.SamplesPerFrame;
    const double FramesPerSecond = AudioWindow.FramesPerSecond;

    readonly Recognizer _recognizer;
    readonly TranscriptionOptions _options;
    readonly SampleWindow _samples;
    readonly RecognitionSession _session;
    readonly ContextTokens _context;
    readonly SegmentWriter _writer;
    readonly HallucinationSkip? _hallucinations;
    readonly SpeechTimeline? _timeline;
    readonly List<(long Start, long End)> _clips;
    readonly int _windowFrames;
    readonly int _longFrames;
    int _clip;
    long _seek;
    double _lastSpeech;
    string? _language;
    int _windows;

    public SequentialTranscription(SequentialInput input)
    {
        var recognizer = input.Recognizer;
        (_recognizer, _options, _timeline, _language) = (recognizer, input.Options, input.Timeline, input.Language);
        _windowFrames = recognizer.WindowSamples / SamplesPerFrame;
        _longFrames = recognizer.LongSamples(_options) / SamplesPerFrame;
        // The stretch after a long one begins before its end, and is heard from before that.
        int before = _longFrames > 0 ? (3 * recognizer.SamplesBefore) + recognizer.WindowSamples : recognizer.SamplesBefore;
        _samples = new SampleWindow(input.Source, _windowFrames * SamplesPerFrame, before, recognizer.SamplesAfter);
        _session = recognizer.Begin(_options);
        _writer = new SegmentWriter(recognizer.Tokenizer, _options.WordTimestamps, _options.Resume?.Segments ?? 0);
        int[] initial = string.IsNullOrWhiteSpace(_options.InitialPrompt)
            ? []
            : recognizer.Tokenizer.Encode(" " + _options.InitialPrompt.Trim());
        _context = new ContextTokens(initial, _options.CarryInitialPrompt, recognizer.MostContextTokens);
        _hallucinations = _options.HallucinationSilenceThreshold is { } threshold ? new HallucinationSkip(threshold.TotalSeconds) : null;
        _clips = Clips(_options.ClipRanges);
        _seek = _clips[0].Start;
        if (_options.Resume is { } position) GoOn(position);
    }

    /// <summary>The language detected in the first window; null where it was given.</summary>
    public LanguageDetection? Detection { get; private set; }

    public string? Language => _language;

    /// <summary>Samples read so far.</summary>
    public long SamplesRead => _samples.Read;

    /// <summary>Audio done with, in samples.</summary>
    public long SamplesProcessed => Math.Min(_seek * SamplesPerFrame, _samples.End ?? long.MaxValue);

    /// <summary>From where it could go on.</summary>
    public TranscriptionPosition Position => new()
    {
        Windows = _windows,
        Seek = _seek,
        Segments = _writer.Count,
        Context = _context.Said,
        LastSpeech = _lastSpeech,
        Language = _language,
        Detection = Detection,
    };

    long? ContentFrames => _samples.End / SamplesPerFrame;

    /// <summary>Transcribes the next window and adds its segments; false when nothing is left.</summary>
    public async ValueTask<bool> NextAsync(List<Segment> segments, CancellationToken cancellationToken)
    {
        if (Place() is not { } place) return false;
        bool detects = _language is null || (Detection is not null && _options.DetectLanguageEachWindow);
        var context = new RecognitionContext
        {
            Language = detects ? null : _language,
            Prompt = _context.Prompt,
            Prefix = _windows > 0 ? null : _options.Prefix,
            SeedSeries = place.Seek,
            LastSpeech = _lastSpeech,
        };
        RecognizedWindow window;
        if (_longFrames == 0) window = await _session.RecognizeAsync(Window(place), context, cancellationToken).ConfigureAwait(false);
        else
        {
            window = await _session.RecognizeAsync(LongWindow(place), context, cancellationToken).ConfigureAwait(false);
            int frames = (int)(Math.Min(LongEnd(place), ContentFrames ?? long.MaxValue) - place.Seek);
            place = place with { Frames = frames, FullFrames = frames };
        }
        if (window.Detection is { } detection)
        {
            Detection ??= detection;
            _language = detection.Language;
        }
        _windows++;

        // A window that would not move on is done with: nothing else would come of it.
        long next = window.IsSilent ? place.Seek + place.Frames : Finish(window, place, segments);
        _seek = next > place.Seek ? next : place.Seek + place.Frames;
        return true;
    }

    public void Dispose() => _session.Dispose();

    void GoOn(TranscriptionPosition position)
    {
        (_windows, _seek, _lastSpeech) = (position.Windows, Math.Max(_seek, position.Seek), position.LastSpeech);
        (Detection, _language) = (position.Detection, position.Language ?? _language);
        _context.Restore(position.Context);
    }

    static List<(long Start, long End)> Clips(IReadOnlyList<ClipRange> ranges) => ranges.Count == 0
        ? [(0, long.MaxValue)]
        : [.. ranges.Select(range => (Frames(range.Start), range.End is { } end ? Frames(end) : long.MaxValue))];

    static long Frames(TimeSpan time) => (long)Math.Round(time.TotalSeconds * FramesPerSecond);

    /// <summary>The next window that holds audio; null at the end of the last clip or of the recording.</summary>
    WindowPlace? Place()
    {
        for (; _clip < _clips.Count; _clip++)
        {
            var (start, end) = _clips[_clip];
            _seek = Math.Max(_seek, start);
            if (_seek >= end) continue;
            _samples.MoveTo(_seek * SamplesPerFrame);
            PassFiller();
            if (_seek >= ContentFrames) return null;
            long frames = Math.Min(Math.Min(_windowFrames, end - _seek), (ContentFrames ?? long.MaxValue) - _seek);
            return new WindowPlace(_seek, (int)frames, _windowFrames);
        }
        return null;
    }

    // The model dates the first words from a window's start where that is silence, so no window begins before the sound does.
    void PassFiller()
    {
        while (_samples.Filler / SamplesPerFrame is var filler && filler > _seek)
        {
            _seek = filler;
            _samples.MoveTo(_seek * SamplesPerFrame);
            if (_samples.End is not null) return;
        }
    }

    AudioWindow Window(WindowPlace place)
    {
        long start = place.Seek * SamplesPerFrame;
        int count = place.Frames * SamplesPerFrame, before = (int)Math.Min(start, _recognizer.SamplesBefore);
        return new AudioWindow
        {
            Samples = _samples.Slice(start, count),
            Before = _samples.Slice(start - before, before),
            After = _samples.Slice(start + count, _recognizer.SamplesAfter),
            StartTime = place.StartTime,
            IsLast = place.Seek + place.Frames >= ContentFrames,
        };
    }

    LongWindow LongWindow(WindowPlace place)
    {
        long start = place.Seek * SamplesPerFrame, end = LongEnd(place) * SamplesPerFrame;
        int before = (int)Math.Min(start, _recognizer.SamplesBefore);
        bool isClipEnd = LongEnd(place) < place.Seek + _longFrames;
        long behind = isClipEnd ? end : end + _recognizer.SamplesAfter;
        return new LongWindow
        {
            Pieces = _samples.Pieces(start - before, behind),
            Before = before,
            Most = (int)(end - start),
            Expected = (int)(Math.Min(behind, Math.Max(start, _samples.Total ?? start)) - start + before),
            StartTime = place.StartTime,
            IsLast = () => isClipEnd || end >= _samples.End,
        };
    }

    // Where the clip, or the longest stretch, ends.
    long LongEnd(WindowPlace place) => Math.Min(place.Seek + _longFrames, _clips[_clip].End);

    /// <summary>Adds a window's segments and returns where the next one begins.</summary>
    long Finish(RecognizedWindow window, WindowPlace place, List<Segment> output)
    {
        var segments = window.Segments;
        long next = place.Seek + window.Advance;
        if (_options.WordTimestamps)
        {
            next = NextAfterWords(window, place, next);
            if (_hallucinations is not null)
            {
                if (_hallucinations.SkipLeadingSilence(segments, place) is { } speech) return speech;
                next = _hallucinations.DropSurroundedBySilence(segments, place, _lastSpeech, ContentFrames) ?? next;
            }
            _lastSpeech = SegmentDraft.EndOf(segments) ?? _lastSpeech;
        }
        var said = segments.Where(segment => !_writer.IsEmpty(segment)).ToList();
        AudioEnd.Clamp(said, place.StartTime, (_samples.End ?? _samples.Read) / (FramesPerSecond * SamplesPerFrame));
        foreach (var segment in said)
        {
            output.Add(_writer.Write(segment, window.Result, place.StartTime, _timeline));
            _context.Add(segment.Tokens);
        }
        if (!_options.ConditionOnPreviousText || window.Result.Temperature > _options.PromptResetOnTemperature) _context.Reset();
        return next;
    }

    /// <summary>With words, a window that did not end on its own goes on after its last word.</summary>
    long NextAfterWords(RecognizedWindow window, WindowPlace place, long next)
    {
        if (window.EndsInSilence || SegmentDraft.EndOf(window.Segments) is not { } end || end <= place.StartTime) return next;
        bool silenceFollows = _hallucinations is null
            || place.FullEndTime - end > _options.HallucinationSilenceThreshold!.Value.TotalSeconds;
        return silenceFollows ? (long)Math.Round(end * FramesPerSecond) : place.Seek + place.Frames;
    }
}

/// <summary>What to transcribe, and how.</summary>
/// <param name="Language">A language's code; null to detect it.</param>
/// <param name="Recognizer">What recognises that language.</param>
/// <param name="Timeline">Brings times back to the recording's, where silence was left out of the source.</param>
sealed record SequentialInput(
    ISampleSource Source, TranscriptionOptions Options, string? Language, Recognizer Recognizer, SpeechTimeline? Timeline = null);
