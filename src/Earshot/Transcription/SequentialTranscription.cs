using System.Numerics.Tensors;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Transcription;

/// <summary>Computes the log-mel features of a window; the signature of <see cref="LogMelSpectrogram.Compute"/>.</summary>
delegate void FeatureExtraction(ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before, ReadOnlySpan<float> after);

/// <summary>
/// Transcribes window after window: each begins where the last finished segment ended, and knows what was said before.
/// Follows openai/whisper, <c>transcribe</c>, over a stream: the recording's length need not be known.
/// </summary>
sealed class SequentialTranscription : IDisposable
{
    const int SamplesPerFrame = LogMelSpectrogram.HopLength;
    const double FramesPerSecond = 100;

    readonly WhisperRuntime _runtime;
    readonly TranscriptionOptions _options;
    readonly FeatureExtraction _extract;
    readonly SampleWindow _samples;
    readonly WindowTranscriber _transcriber;
    readonly ContextTokens _context;
    readonly SegmentWriter _writer;
    readonly HallucinationSkip? _hallucinations;
    readonly SpeechTimeline? _timeline;
    readonly List<(long Start, long End)> _clips;
    readonly float[] _features;
    readonly int _windowFrames;
    int _clip;
    long _seek;
    double _lastSpeech;
    float _loudest = float.NegativeInfinity;
    string? _language;
    int _windows;

    public SequentialTranscription(WhisperRuntime runtime, WhisperTokenizer tokenizer, FeatureExtraction extract, SequentialInput input)
    {
        (_runtime, _extract, _options, _timeline, _language) = (runtime, extract, input.Options, input.Timeline, input.Language);
        _windowFrames = 2 * runtime.Config.MaxSourcePositions;
        _samples = new SampleWindow(input.Source, _windowFrames * SamplesPerFrame, LogMelSpectrogram.SamplesBefore, LogMelSpectrogram.SamplesAfter);
        _features = new float[_windowFrames * runtime.Config.NumMelBins];
        _transcriber = new WindowTranscriber(runtime, tokenizer, _options);
        _writer = new SegmentWriter(tokenizer, _options.WordTimestamps, _options.Resume?.Segments ?? 0);
        int[] initial = string.IsNullOrWhiteSpace(_options.InitialPrompt) ? [] : tokenizer.Encode(" " + _options.InitialPrompt.Trim());
        _context = new ContextTokens(initial, _options.CarryInitialPrompt, (runtime.Config.MaxTargetPositions / 2) - 1);
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
    public bool Next(List<Segment> segments, CancellationToken cancellationToken)
    {
        if (Place() is not { } place) return false;
        using var audio = Encode(place, cancellationToken);
        DetectLanguage(audio, cancellationToken);
        var window = _transcriber.Transcribe(audio, new WindowContext
        {
            Place = place,
            Language = _language,
            Prompt = _context.Prompt,
            Prefix = _windows > 0 ? null : _options.Prefix,
            SeedSeries = place.Seek,
            LastSpeech = _lastSpeech,
        }, cancellationToken);
        _windows++;

        // A window that would not move on is done with: nothing else would come of it.
        long next = window.Silent ? place.Seek + place.Frames : Finish(window, place, segments);
        _seek = next > place.Seek ? next : place.Seek + place.Frames;
        return true;
    }

    public void Dispose() => _transcriber.Dispose();

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

    EncodedAudio Encode(WindowPlace place, CancellationToken cancellationToken)
    {
        long start = place.Seek * SamplesPerFrame;
        int count = place.Frames * SamplesPerFrame;
        var before = _samples.Slice(start - LogMelSpectrogram.SamplesBefore, (int)Math.Min(start, LogMelSpectrogram.SamplesBefore));
        Span<float> after = stackalloc float[LogMelSpectrogram.SamplesAfter];
        after.Clear();
        _samples.Slice(start + count, LogMelSpectrogram.SamplesAfter).CopyTo(after);
        int frames = _options.FramesToEncode(place.Frames, _windowFrames);
        var features = _features.AsSpan(0, frames * _runtime.Config.NumMelBins);
        var heard = features[..(place.Frames * _runtime.Config.NumMelBins)];
        _extract(_samples.Slice(start, count), heard, place.Frames, before, after);
        // The reference's quietest values lie below the whole recording's loudest: as far as it was heard, here too.
        _loudest = Math.Max(_loudest, TensorPrimitives.Max<float>(heard));
        TensorPrimitives.Max(heard, _loudest - LogMelSpectrogram.Range, heard);
        // It fills a window that the recording ends in with the number 0, which is louder than silence's features.
        features[heard.Length..].Clear();
        return _runtime.Encode(features, frames, cancellationToken);
    }

    void DetectLanguage(EncodedAudio audio, CancellationToken cancellationToken)
    {
        if (_language is not null && (Detection is null || !_options.DetectLanguageEachWindow)) return;
        var detection = _transcriber.DetectLanguage(audio, cancellationToken);
        Detection ??= detection;
        _language = detection.Language;
    }

    /// <summary>Adds a window's segments and returns where the next one begins.</summary>
    long Finish(TranscribedWindow window, WindowPlace place, List<Segment> output)
    {
        var segments = window.Split.Segments;
        long next = place.Seek + window.Split.Advance;
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
    long NextAfterWords(TranscribedWindow window, WindowPlace place, long next)
    {
        if (window.Split.SingleTimestampEnding || SegmentDraft.EndOf(window.Split.Segments) is not { } end || end <= place.StartTime) return next;
        bool silenceFollows = _hallucinations is null || place.FullEndTime - end > _options.HallucinationSilenceThreshold!.Value.TotalSeconds;
        return silenceFollows ? (long)Math.Round(end * FramesPerSecond) : place.Seek + place.Frames;
    }
}

/// <summary>What to transcribe, and how.</summary>
/// <param name="Language">A language's code; null to detect it.</param>
/// <param name="Timeline">Brings times back to the recording's, where silence was left out of the source.</param>
sealed record SequentialInput(ISampleSource Source, TranscriptionOptions Options, string? Language, SpeechTimeline? Timeline = null);
