using System.Numerics.Tensors;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>One recording's windows through a Whisper: features, encoding, decoding with temperature fallback, segments, words.</summary>
sealed class WhisperSession : RecognitionSession
{
    readonly WhisperRecognizer _recognizer;
    readonly RecognitionOptions _options;
    readonly FeatureExtractor _extractor;
    readonly WhisperTokenizer _tokenizer;
    readonly WhisperDecodingTask _task;
    readonly WordAligner _aligner;
    readonly SpeculativeDecoder? _speculative;
    float[] _features = [];
    float _loudest = float.NegativeInfinity;
    Generation? _generation;

    public WhisperSession(WhisperRecognizer recognizer, RecognitionOptions options)
    {
        (_recognizer, _options, _tokenizer) = (recognizer, options, recognizer.Whisper);
        _extractor = recognizer.CreateExtractor();
        _task = new WhisperDecodingTask(recognizer.Runtime.RequireDecoder(), _tokenizer, recognizer.Generation);
        _aligner = new WordAligner(_tokenizer);
        if (recognizer.Draft is { } draft)
            _speculative = new(recognizer.Runtime.RequireDecoder(), draft.RequireDecoder(), _tokenizer, recognizer.Generation);
    }

    public override async ValueTask<RecognizedWindow> RecognizeAsync(
        AudioWindow window, RecognitionContext context, CancellationToken cancellationToken = default)
    {
        using var audio = await EncodeAsync(window, cancellationToken).ConfigureAwait(false);
        LanguageDetection? detection = null;
        try
        {
            if (context.Language is null && _tokenizer.IsMultilingual)
            {
                detection = await DetectAsync(audio, cancellationToken).ConfigureAwait(false);
                context = context with { Language = detection.Language };
            }
            var result = await DecodeAsync(audio, context, cancellationToken).ConfigureAwait(false);
            int frames = Math.Max(1, window.Frames);
            var split = SegmentSplitter.Split([.. result.Tokens], _tokenizer.TimestampBegin, window.StartTime, frames);
            bool silent = _options.Fallback.IsSilent(result);
            if (_options.WordTimestamps && !silent)
                await FindWordsAsync(audio, split.Segments, window, context, cancellationToken).ConfigureAwait(false);
            return new RecognizedWindow
            {
                Result = result,
                Segments = split.Segments,
                Advance = split.Advance,
                EndsInSilence = split.SingleTimestampEnding,
                IsSilent = silent,
                Detection = detection,
            };
        }
        finally
        {
            GiveBack();
        }
    }

    public override async ValueTask<LanguageDetection> DetectLanguageAsync(
        AudioWindow window, CancellationToken cancellationToken = default)
    {
        using var audio = await EncodeAsync(window, cancellationToken).ConfigureAwait(false);
        try
        {
            return await DetectAsync(audio, cancellationToken).ConfigureAwait(false);
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

    /// <summary>The next window takes rows of its own.</summary>
    void GiveBack()
    {
        _generation?.Dispose();
        _generation = null;
    }

    async ValueTask<WhisperAudio> EncodeAsync(AudioWindow window, CancellationToken cancellationToken)
    {
        int frames = window.StandsAlone ? ExtractAlone(window) : Extract(window);
        var features = _features.AsMemory(0, frames * _recognizer.MelBins);
        var main = await _recognizer.Runtime.RequireEncoder().EncodeAsync(features, frames, cancellationToken).ConfigureAwait(false);
        if (_recognizer.Draft is not { } draft) return new WhisperAudio(main, null);
        try
        {
            return new WhisperAudio(
                main, await draft.RequireEncoder().EncodeAsync(features, frames, cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            main.Dispose();
            throw;
        }
    }

    // Silence up to the window's end is sound like any other.
    int ExtractAlone(AudioWindow window)
    {
        int frames = FramesToEncode(window.Frames);
        var samples = window.Samples.Span;
        _extractor.Compute(
            samples[..Math.Min(samples.Length, frames * AudioWindow.SamplesPerFrame)], Room(frames), frames, window.Before.Span,
            window.After.Span);
        return frames;
    }

    int Extract(AudioWindow window)
    {
        int frames = FramesToEncode(window.Frames), count = window.Frames;
        var features = Room(frames);
        var heard = features[..(count * _recognizer.MelBins)];
        Span<float> after = stackalloc float[LogMelSpectrogram.SamplesAfter];
        after.Clear();
        window.After.Span[..Math.Min(window.After.Length, after.Length)].CopyTo(after);
        _extractor.Compute(window.Samples.Span[..(count * AudioWindow.SamplesPerFrame)], heard, count, window.Before.Span, after);
        // The reference's quietest values lie below the whole recording's loudest: as far as it was heard, here too.
        _loudest = Math.Max(_loudest, TensorPrimitives.Max<float>(heard));
        TensorPrimitives.Max(heard, _loudest - LogMelSpectrogram.Range, heard);
        // It fills a window that the recording ends in with the number 0, which is louder than silence's features.
        features[heard.Length..].Clear();
        return frames;
    }

    Span<float> Room(int frames)
    {
        int count = frames * _recognizer.MelBins;
        if (_features.Length < count) _features = new float[count];
        return _features.AsSpan(0, count);
    }

    // Without any silence the model often does not see that nothing follows.
    int FramesToEncode(int frames)
    {
        const int silence = 1000;
        return _options.ShortWindows ? Math.Min(_recognizer.WindowFrames, (frames + silence + 1) / 2 * 2) : _recognizer.WindowFrames;
    }

    ValueTask<DecodingResult> DecodeAsync(WhisperAudio audio, RecognitionContext context, CancellationToken cancellationToken)
    {
        int attempt = 0;
        ulong seed = SeededRandom.Derive(_options.Decoding.Seed, (ulong)context.SeedSeries);
        return _options.Fallback.RunAsync(temperature =>
            DecodeAsync(
                audio, Decoding(context) with { Temperature = temperature, Seed = SeededRandom.Derive(seed, (ulong)attempt++) },
                cancellationToken));
    }

    // Only greedy decoding can be guessed ahead; the fallback's higher temperatures go the usual way.
    async ValueTask<DecodingResult> DecodeAsync(WhisperAudio audio, DecodingOptions decoding, CancellationToken cancellationToken)
    {
        var generation = await GenerationAsync(audio, decoding.Rows, cancellationToken).ConfigureAwait(false);
        if (_speculative is null || audio.Draft is null || decoding.Temperature > 0 || decoding.BeamSize > 1)
            return await _task.RunAsync(generation, decoding, cancellationToken).ConfigureAwait(false);
        using var draft = await _recognizer.Draft!.RequireDecoder().BeginAsync(audio.Draft, 1, cancellationToken).ConfigureAwait(false);
        return await _speculative.RunAsync(generation, draft, decoding, cancellationToken).ConfigureAwait(false);
    }

    DecodingOptions Decoding(RecognitionContext context) =>
        _options.Decoding with { Task = _options.Task, Language = context.Language, Prompt = context.Prompt, Prefix = context.Prefix };

    async ValueTask<Generation> GenerationAsync(WhisperAudio audio, int rows, CancellationToken cancellationToken)
    {
        if (_generation?.Rows >= rows) return _generation;
        // Not both at once: with few rows left, one would wait for the other.
        GiveBack();
        return _generation = await _recognizer.Runtime.RequireDecoder().BeginAsync(audio.Main, rows, cancellationToken)
            .ConfigureAwait(false);
    }

    async ValueTask<LanguageDetection> DetectAsync(WhisperAudio audio, CancellationToken cancellationToken)
    {
        var generation = await GenerationAsync(audio, 1, cancellationToken).ConfigureAwait(false);
        return await LanguageDetector.DetectAsync(generation, _tokenizer, cancellationToken).ConfigureAwait(false);
    }

    async ValueTask FindWordsAsync(
        WhisperAudio audio, List<SegmentDraft> segments, AudioWindow window, RecognitionContext context,
        CancellationToken cancellationToken)
    {
        int[] text = [.. segments.SelectMany(segment => segment.Tokens).Where(token => token < _tokenizer.EndOfText)];
        if (text.Length == 0) return;
        var generation = await GenerationAsync(audio, 1, cancellationToken).ConfigureAwait(false);
        var place = new AlignedAudio(audio.Main.Positions, Math.Max(1, window.Frames));
        var words = await _aligner.AlignAsync(generation, text, Decoding(context), place, cancellationToken).ConfigureAwait(false);
        WordTimes.Assign(words, segments, new WordTimesOptions(
            window.StartTime, context.LastSpeech, _tokenizer.EndOfText, _options.PrependPunctuations, _options.AppendPunctuations));
    }

    sealed record WhisperAudio(EncodedAudio Main, EncodedAudio? Draft) : IDisposable
    {
        public void Dispose()
        {
            Main.Dispose();
            Draft?.Dispose();
        }
    }
}
