using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Transcription;

/// <summary>What a window's decoding depends on beside its audio.</summary>
sealed record WindowContext
{
    public required WindowPlace Place { get; init; }

    public string? Language { get; init; }

    public ReadOnlyMemory<int> Prompt { get; init; }

    public string? Prefix { get; init; }

    /// <summary>Draws at temperatures above 0 differ from window to window by this.</summary>
    public required long SeedSeries { get; init; }

    /// <summary>When the words before this window ended, in seconds.</summary>
    public double LastSpeech { get; init; }
}

/// <summary>A window's text in segments.</summary>
sealed record TranscribedWindow(DecodingResult Result, SplitWindow Split, bool Silent);

/// <summary>Decodes encoded windows with temperature fallback, cuts them into segments, finds their words. One a thread.</summary>
sealed class WindowTranscriber(WhisperRuntime runtime, WhisperTokenizer tokenizer, TranscriptionOptions options) : IDisposable
{
    readonly DecodingTask _task = new(runtime, tokenizer);
    readonly WordAligner _aligner = new(tokenizer);
    readonly SpeculativeDecoder? _speculative = runtime is DraftedRuntime drafted ? new(drafted.Main, drafted.Draft, tokenizer) : null;
    readonly TemperatureFallback _fallback = options.Fallback;
    readonly DecodingOptions _windows = options.ForWindows();
    WhisperDecoder? _decoder;

    /// <summary>The likeliest language of a window.</summary>
    public LanguageDetection DetectLanguage(EncodedAudio audio, CancellationToken cancellationToken)
    {
        try
        {
            return LanguageDetector.Detect(Decoder(audio, 1, cancellationToken), tokenizer, cancellationToken);
        }
        finally
        {
            Dispose();
        }
    }

    public TranscribedWindow Transcribe(EncodedAudio audio, WindowContext context, CancellationToken cancellationToken)
    {
        try
        {
            int attempt = 0;
            ulong seed = SeededRandom.Derive(options.Seed, (ulong)context.SeedSeries);
            var result = _fallback.Run(temperature =>
            {
                var decoding = Decoding(context) with { Temperature = temperature, Seed = SeededRandom.Derive(seed, (ulong)attempt++) };
                return Decode(audio, decoding, cancellationToken);
            });
            var split = SegmentSplitter.Split([.. result.Tokens], tokenizer.TimestampBegin, context.Place.StartTime, context.Place.Frames);
            bool silent = _fallback.IsSilent(result);
            if (options.WordTimestamps && !silent) FindWords(audio, split.Segments, context, cancellationToken);
            return new TranscribedWindow(result, split, silent);
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Gives the decoder back; the next window makes its own.</summary>
    public void Dispose()
    {
        _decoder?.Dispose();
        _decoder = null;
    }

    // Only greedy decoding can be guessed ahead; the fallback's higher temperatures go the usual way.
    DecodingResult Decode(EncodedAudio audio, DecodingOptions decoding, CancellationToken cancellationToken)
    {
        var decoder = Decoder(audio, decoding.Rows, cancellationToken);
        if (_speculative is null || decoding.Temperature > 0 || decoding.BeamSize > 1) return _task.Run(decoder, decoding, cancellationToken);
        using var draft = ((DraftedRuntime)runtime).CreateDraftDecoder(audio, cancellationToken);
        return _speculative.Run(decoder, draft, decoding, cancellationToken);
    }

    DecodingOptions Decoding(WindowContext context) => _windows with { Language = context.Language, Prompt = context.Prompt, Prefix = context.Prefix };

    WhisperDecoder Decoder(EncodedAudio audio, int rows, CancellationToken cancellationToken)
    {
        if (_decoder?.Rows >= rows) return _decoder;
        // Not both at once: with few rows left, one would wait for the other.
        Dispose();
        return _decoder = runtime.CreateDecoder(audio, rows, cancellationToken);
    }

    void FindWords(EncodedAudio audio, List<SegmentDraft> segments, WindowContext context, CancellationToken cancellationToken)
    {
        int[] text = [.. segments.SelectMany(segment => segment.Tokens).Where(token => token < tokenizer.EndOfText)];
        if (text.Length == 0) return;
        var words = _aligner.Align(Decoder(audio, 1, cancellationToken), text, Decoding(context), audio.Positions, context.Place.Frames, cancellationToken);
        WordTimes.Assign(words, segments, new WordTimesOptions(
            context.Place.StartTime, context.LastSpeech, tokenizer.EndOfText, options.PrependPunctuations, options.AppendPunctuations));
    }
}
