using Earshot.Audio;
using Earshot.Decoding;
using Earshot.Features;

namespace Earshot.Recognition;

/// <summary>One recording's windows through a model that tells times.</summary>
sealed class TimedSession : RecognitionSession
{
    // A segment ends where nothing is said for so long, or before it becomes longer than that.
    const double Pause = 1, LongestSegment = 10;

    // The next window hears a little of the silence again, in case a letter moves to an earlier position there.
    const double HeardAgain = 0.5;

    readonly TimedRecognizer _recognizer;
    readonly RecognitionOptions _options;
    readonly FeatureExtractor _extractor;
    readonly TimedWords _words;
    readonly double _secondsPerPosition;
    float[] _samples = [];
    float[] _features = [];

    public TimedSession(TimedRecognizer recognizer, RecognitionOptions options, FeatureExtractor extractor)
    {
        (_recognizer, _options, _extractor) = (recognizer, options, extractor);
        _secondsPerPosition = (double)recognizer.SamplesPerPosition / SampleStream.SampleRate;
        _words = new TimedWords(recognizer.Tokenizer, Math.Max(1, (int)(Pause / _secondsPerPosition)));
    }

    public override async ValueTask<RecognizedWindow> RecognizeAsync(
        AudioWindow window, RecognitionContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(window);
        ArgumentNullException.ThrowIfNull(context);
        int samplesPerPosition = _recognizer.SamplesPerPosition;
        // Positions of the window and of what is heard before it are the same.
        int before = window.Before.Length / samplesPerPosition;
        int frames = Extract(window, before * samplesPerPosition);
        using var audio = await _recognizer.Encoder
            .EncodeAsync(_features.AsMemory(0, frames * _recognizer.Encoder.Shape.InputSize), frames, cancellationToken)
            .ConfigureAwait(false);
        // Only a window that could be longer may leave something to the next one.
        bool isEnd = window.StandsAlone || window.IsLast || window.Samples.Length < _recognizer.WindowSamples;
        int positions = Math.Clamp(
            (window.Samples.Length + (isEnd ? samplesPerPosition - 1 : 0)) / samplesPerPosition, 0, Math.Max(0, audio.Positions - before));
        var tokens = await _recognizer.WriteAsync(new HeardWindow(audio, before, positions), context, cancellationToken)
            .ConfigureAwait(false);
        var words = _words.Split(tokens, positions);
        int advance = isEnd ? window.Frames : Cut(words, positions) * samplesPerPosition / AudioWindow.SamplesPerFrame;
        var segments = Segments(words, window.StartTime);
        return new RecognizedWindow
        {
            Result = Result(words, context.Language),
            Segments = segments,
            Advance = Math.Max(1, advance),
            EndsInSilence = true,
        };
    }

    public override ValueTask<LanguageDetection> DetectLanguageAsync(AudioWindow window, CancellationToken cancellationToken = default) =>
        throw new ModelException(
            $"'{_recognizer.Model.Info.Name}' writes the letters of one vocabulary and cannot tell languages apart. " +
            "Use a multilingual model, such as openai/whisper-large-v3-turbo.");

    /// <summary>The window with what lies around it as one stretch of sound; returns its frames.</summary>
    int Extract(AudioWindow window, int before)
    {
        var shape = _recognizer.Encoder.Shape;
        int hop = _recognizer.SamplesPerFeature, most = shape.MostFrames / shape.FrameMultiple * shape.FrameMultiple;
        int after = Math.Clamp((most * hop) - before - window.Samples.Length, 0, Math.Min(window.After.Length, _recognizer.SamplesAfter));
        int count = before + window.Samples.Length + after;
        int frames = Math.Max(shape.LeastFrames, _recognizer.FramesOf(count));
        frames = (frames + shape.FrameMultiple - 1) / shape.FrameMultiple * shape.FrameMultiple;
        if (_samples.Length < count) _samples = new float[count];
        if (_features.Length < frames * shape.InputSize) _features = new float[frames * shape.InputSize];
        window.Before[^before..].CopyTo(_samples);
        window.Samples.CopyTo(_samples.AsMemory(before));
        window.After[..after].CopyTo(_samples.AsMemory(before + window.Samples.Length));
        // What is left of a hop lies behind the frames.
        int whole = Math.Min(count, frames * hop);
        _extractor.Compute(
            _samples.AsSpan(0, whole), _features.AsSpan(0, frames * shape.InputSize), frames, after: _samples.AsSpan(whole, count - whole));
        return frames;
    }

    /// <summary>
    /// Leaves a word that may go on after the window to the next one, and returns the position where that begins: between words. A word
    /// that takes half the window is none, and is cut.
    /// </summary>
    int Cut(List<TimedWord> words, int positions)
    {
        int end = positions;
        if (words.Count > 0 && !words[^1].IsFinished && words[^1].Start > positions / 2)
        {
            end = words[^1].Start;
            words.RemoveAt(words.Count - 1);
        }
        int start = words.Count > 0 ? words[^1].End : 0;
        return Math.Max((start + end) / 2, end - (int)(HeardAgain / _secondsPerPosition));
    }

    List<SegmentDraft> Segments(List<TimedWord> words, double startTime)
    {
        var segments = new List<SegmentDraft>();
        double Time(int position) => startTime + (position * _secondsPerPosition);
        for (int first = 0, next, token = 0; first < words.Count; first = next)
        {
            for (next = first + 1; next < words.Count && !EndsBetween(words[next - 1], words[next], words[first].Start); next++) { }
            var said = words[first..next];
            int[] tokens = [.. said.SelectMany(word => word.Tokens)];
            var segment = new SegmentDraft
            {
                Start = Time(said[0].Start),
                End = Time(said[^1].End),
                Tokens = tokens,
                Range = token..(token + tokens.Length),
            };
            if (_options.WordTimestamps)
            {
                segment.Words.AddRange(said.Select(word => new WordDraft
                {
                    Text = _recognizer.Tokenizer.Decode([.. word.Tokens]),
                    TokenCount = word.Tokens.Count,
                    Start = Time(word.Start),
                    End = Time(word.End),
                    Probability = MathF.Exp(word.Logprobs.Average()),
                }));
            }
            segments.Add(segment);
            token += tokens.Length;
        }
        return segments;
    }

    bool EndsBetween(TimedWord word, TimedWord next, int start) =>
        (word.EndsSentence && _recognizer.EndsSentences) || (next.Start - word.End) * _secondsPerPosition >= Pause
        || (next.End - start) * _secondsPerPosition > LongestSegment;

    DecodingResult Result(List<TimedWord> words, string? language)
    {
        int[] tokens = [.. words.SelectMany(word => word.Tokens)];
        float[] logprobs = [.. words.SelectMany(word => word.Logprobs)];
        var text = _recognizer.Tokenizer.Decode(tokens).Trim();
        return new DecodingResult
        {
            Tokens = tokens,
            TokenLogprobs = logprobs,
            Text = text,
            Language = language,
            AvgLogprob = logprobs.Length == 0 ? 0 : logprobs.Average(),
            CompressionRatio = TextStatistics.CompressionRatio(text),
        };
    }
}
