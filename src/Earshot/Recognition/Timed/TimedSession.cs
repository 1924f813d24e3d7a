using Earshot.Audio;
using Earshot.Decoding;
using Earshot.Features;

namespace Earshot.Recognition;

/// <summary>One recording's windows through a model that tells times.</summary>
sealed class TimedSession : RecognitionSession
{
    // What goes on for so long is no word, or one that ends nowhere.
    const double LongestWord = 10;

    // A segment ends where nothing is said for so long, or before it becomes longer than that.
    const double Pause = 1, LongestSegment = 10;

    // The next window hears a little of the silence again, in case a letter moves to an earlier position there.
    const double HeardAgain = 0.5;

    readonly TimedRecognizer _recognizer;
    readonly RecognitionOptions _options;
    readonly TimedHearing _hearing;
    readonly TimedWords _words;
    readonly double _secondsPerPosition;

    public TimedSession(TimedRecognizer recognizer, RecognitionOptions options, FeatureExtractor extractor)
    {
        (_recognizer, _options, _hearing) = (recognizer, options, new TimedHearing(recognizer, extractor));
        _secondsPerPosition = (double)recognizer.SamplesPerPosition / SampleStream.SampleRate;
        _words = new TimedWords(recognizer.Tokenizer, Math.Max(1, (int)(Pause / _secondsPerPosition)));
    }

    public override async ValueTask<RecognizedWindow> RecognizeAsync(
        AudioWindow window, RecognitionContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(window);
        ArgumentNullException.ThrowIfNull(context);
        var heard = await _hearing.HearAsync(window, cancellationToken).ConfigureAwait(false);
        return await WriteAsync(heard, window.StartTime, context, cancellationToken).ConfigureAwait(false);
    }

    internal override async ValueTask<RecognizedWindow> RecognizeAsync(
        LongWindow window, RecognitionContext context, CancellationToken cancellationToken)
    {
        var heard = await _hearing.HearAsync(window, cancellationToken).ConfigureAwait(false);
        return await WriteAsync(heard, window.StartTime, context, cancellationToken).ConfigureAwait(false);
    }

    async ValueTask<RecognizedWindow> WriteAsync(
        HeardWindow heard, double startTime, RecognitionContext context, CancellationToken cancellationToken)
    {
        using var audio = heard.Audio;
        int positions = heard.Positions;
        var tokens = await _recognizer.WriteAsync(heard, context, _options, cancellationToken).ConfigureAwait(false);
        var words = _words.Split(tokens, positions);
        int advance = heard.IsEnd
            ? heard.Frames
            : Cut(words, positions) * _recognizer.SamplesPerPosition / AudioWindow.SamplesPerFrame;
        var segments = Segments(words, startTime);
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

    /// <summary>
    /// Leaves a word that may go on after the window to the next one, and returns the position where that begins: between words. A word
    /// that takes half a window is none, and is cut.
    /// </summary>
    int Cut(List<TimedWord> words, int positions)
    {
        int end = positions;
        double least = Math.Max(positions / 2, positions - (LongestWord / _secondsPerPosition));
        if (words.Count > 0 && !words[^1].IsFinished && words[^1].Start > least)
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
