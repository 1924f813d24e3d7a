using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// Hears a growing window with a Whisper: encoded as far as there is sound and some silence, settled tokens prefilled in one step behind
/// the prompt, the rest decoded without timestamps, all words dated by the attention of the alignment heads.
/// </summary>
sealed class WhisperLiveSession : LiveSession
{
    // Fast speech has eight; a loop has no end.
    const double MostTokensASecond = 12;

    const int TokensToSpare = 8;

    readonly WhisperRecognizer _recognizer;
    readonly RecognitionOptions _options;
    readonly EncodingTurns _turns;
    readonly FeatureExtractor _extractor;
    readonly WhisperTokenizer _tokenizer;
    readonly WhisperDecodingTask _task;
    readonly WordAligner _aligner;
    readonly int _silenceFrames;
    float[] _features = [];
    Generation? _generation;

    /// <param name="turns">Whose window is encoded next, of all streams that share the model.</param>
    /// <param name="silence">Silence encoded behind the sound, so that the model sees its end.</param>
    public WhisperLiveSession(WhisperRecognizer recognizer, RecognitionOptions options, EncodingTurns turns, TimeSpan silence)
    {
        (_recognizer, _options, _turns, _tokenizer) = (recognizer, options, turns, recognizer.Whisper);
        _extractor = recognizer.CreateExtractor();
        _task = new WhisperDecodingTask(recognizer.Runtime.RequireDecoder(), _tokenizer, recognizer.Generation);
        _aligner = new WordAligner(_tokenizer);
        _silenceFrames = (int)Math.Round(silence.TotalSeconds * AudioWindow.FramesPerSecond);
    }

    public override async ValueTask<HeardText> HearAsync(LiveWindow window, CancellationToken cancellationToken)
    {
        using var audio = await EncodeAsync(window, cancellationToken).ConfigureAwait(false);
        try
        {
            var language = await LanguageAsync(window, audio, cancellationToken).ConfigureAwait(false);
            var options = _options.Decoding with
            {
                Task = _options.Task,
                Language = language,
                BeamSize = window.BeamSize,
                WithoutTimestamps = true,
                Prefix = null,
                // Behind settled text nothing may follow.
                SuppressBlank = window.Settled.IsEmpty,
                MaxNewTokens = MostNewTokens(window),
            };
            var result = await DecodeAsync(window, audio, options, cancellationToken).ConfigureAwait(false);
            bool silent = _options.Fallback.IsSilent(result);
            return new HeardText
            {
                Words = silent ? [] : await WordsAsync(window, audio, result, options, cancellationToken).ConfigureAwait(false),
                IsSilent = silent,
                Language = language,
                AvgLogprob = result.AvgLogprob,
                NoSpeechProb = result.NoSpeechProb,
            };
        }
        finally
        {
            GiveBack();
        }
    }

    protected override void Dispose(bool disposing)
    {
        GiveBack();
        base.Dispose(disposing);
    }

    void GiveBack()
    {
        _generation?.Dispose();
        _generation = null;
    }

    async ValueTask<EncodedAudio> EncodeAsync(LiveWindow window, CancellationToken cancellationToken)
    {
        int sound = window.Samples.Length / AudioWindow.SamplesPerFrame;
        int frames = Math.Min(_recognizer.WindowFrames, (sound + _silenceFrames + 1) / 2 * 2);
        int count = frames * _recognizer.MelBins;
        if (_features.Length < count) _features = new float[count];
        int samples = Math.Min(window.Samples.Length, frames * AudioWindow.SamplesPerFrame);
        _extractor.Compute(window.Samples.Span[..samples], _features.AsSpan(0, count), frames, window.Before.Span);
        using var turn = await _turns.TakeAsync(window.Deadline, cancellationToken).ConfigureAwait(false);
        return await _recognizer.Runtime.RequireEncoder().EncodeAsync(_features.AsMemory(0, count), frames, cancellationToken)
            .ConfigureAwait(false);
    }

    async ValueTask<string?> LanguageAsync(LiveWindow window, EncodedAudio audio, CancellationToken cancellationToken)
    {
        if (window.Choose is not { } choose || !_tokenizer.IsMultilingual) return window.Language;
        var generation = await GenerationAsync(audio, 1, cancellationToken).ConfigureAwait(false);
        return choose(await LanguageDetector.DetectAsync(generation, _tokenizer, cancellationToken).ConfigureAwait(false));
    }

    int MostNewTokens(LiveWindow window)
    {
        double from = window.Settled.IsEmpty ? window.StartTime : Math.Max(window.StartTime, window.SettledEnd);
        double rest = Math.Max(0, window.EndTime - from);
        int most = TokensToSpare + (int)(rest * MostTokensASecond);
        int room = _recognizer.Config.MaxTargetPositions - window.Settled.Length - TokensToSpare;
        return Math.Clamp(most, 1, Math.Max(1, Math.Min(room, _recognizer.Config.MaxTargetPositions / 2)));
    }

    ValueTask<DecodingResult> DecodeAsync(
        LiveWindow window, EncodedAudio audio, DecodingOptions options, CancellationToken cancellationToken)
    {
        var prompt = Prompt(window, options);
        var fallback = window.MayTryAgain ? _options.Fallback : _options.Fallback with { Temperatures = [0] };
        int attempt = 0;
        return fallback.RunAsync(async temperature =>
        {
            var attempted = options with { Temperature = temperature, Seed = SeededRandom.Derive(options.Seed, (ulong)attempt++) };
            var generation = await GenerationAsync(audio, attempted.Rows, cancellationToken).ConfigureAwait(false);
            return await _task.RunAsync(generation, attempted, prompt, cancellationToken).ConfigureAwait(false);
        });
    }

    /// <summary>[startofprev, what was said before] startoftranscript, language, task, notimestamps, what is settled.</summary>
    DecodingPrompt Prompt(LiveWindow window, DecodingOptions options)
    {
        var tokens = new List<int>();
        int room = _recognizer.Config.MaxTargetPositions - window.Settled.Length - options.MaxNewTokens!.Value - TokensToSpare;
        int previous = Math.Clamp(Math.Min(room, _recognizer.MostContextTokens), 0, window.Prompt.Length);
        if (previous > 0)
        {
            tokens.Add(_tokenizer.StartOfPrevious);
            tokens.AddRange(window.Prompt.Span[^previous..]);
        }
        int start = tokens.Count;
        DecodingPrompt.AddStartOfTranscript(tokens, options, _tokenizer);
        tokens.Add(_tokenizer.NoTimestamps);
        tokens.AddRange(window.Settled.Span);
        return new DecodingPrompt([.. tokens], start);
    }

    async ValueTask<Generation> GenerationAsync(EncodedAudio audio, int rows, CancellationToken cancellationToken)
    {
        if (_generation?.Rows >= rows) return _generation;
        GiveBack();
        return _generation = await _recognizer.Runtime.RequireDecoder().BeginAsync(audio, rows, cancellationToken).ConfigureAwait(false);
    }

    async ValueTask<IReadOnlyList<HeardWord>> WordsAsync(
        LiveWindow window, EncodedAudio audio, DecodingResult result, DecodingOptions options, CancellationToken cancellationToken)
    {
        int[] text = [.. result.Tokens.Where(token => token < _tokenizer.EndOfText)];
        var words = _tokenizer.SplitToWords(text, options.Language ?? "en");
        if (words.Count == 0) return [];
        // Tokens of a character that was not finished spell no word.
        text = text[..words.Sum(word => word.Tokens.Count)];
        int settled = window.Settled.Length, frames = Math.Max(1, window.Samples.Length / AudioWindow.SamplesPerFrame);
        var generation = await GenerationAsync(audio, 1, cancellationToken).ConfigureAwait(false);
        var aligned = await _aligner.AlignTokensAsync(
            generation, [.. window.Settled.Span, .. text], options, new AlignedAudio(audio.Positions, frames), cancellationToken)
            .ConfigureAwait(false);
        var segment = new SegmentDraft { Start = window.StartTime, End = window.EndTime, Range = .., Tokens = text };
        WordTimes.Assign(WordAligner.Words(words, aligned, settled), [segment], new WordTimesOptions(
            window.StartTime, window.SettledEnd, _tokenizer.EndOfText, _options.PrependPunctuations, _options.AppendPunctuations));
        var heard = new List<HeardWord>(segment.Words.Count);
        int token = 0;
        foreach (var word in segment.Words)
        {
            int end = token + word.TokenCount;
            int attended = aligned.Attended.AsSpan(settled + token, word.TokenCount).ToArray().Max();
            heard.Add(new HeardWord(
                word.Text, text[token..end], word.Start, word.End, window.StartTime + (attended * WordAligner.SecondsPerPosition),
                word.Probability));
            token = end;
        }
        return heard;
    }
}
