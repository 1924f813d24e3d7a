using Earshot.Audio;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Transcription;

/// <summary>A window of speech decoded: its segments on the window's own time line.</summary>
sealed record TranscribedChunk(SpeechChunk Chunk, TranscribedWindow Window);

/// <summary>
/// Transcribes windows of speech side by side, each on a thread of its own; the runtime computes their steps together.
/// Windows know nothing of each other, so that results do not depend on how many run at once.
/// </summary>
sealed class BatchedTranscription : IDisposable
{
    readonly WhisperRuntime _runtime;
    readonly WhisperTokenizer _tokenizer;
    readonly FeatureExtraction _extract;
    readonly TranscriptionOptions _options;
    readonly SpeechChunker _chunks;
    readonly SegmentWriter _writer;
    readonly SemaphoreSlim _running;
    readonly int _windowFrames;
    readonly ReadOnlyMemory<int> _prompt;
    string? _language;
    readonly int _skipped;
    int _index;
    int _written;

    public BatchedTranscription(WhisperRuntime runtime, WhisperTokenizer tokenizer, FeatureExtraction extract, SpeechReader speech, SequentialInput input)
    {
        (_runtime, _tokenizer, _extract, _options, _language) = (runtime, tokenizer, extract, input.Options, input.Language);
        _windowFrames = 2 * runtime.Config.MaxSourcePositions;
        _chunks = new SpeechChunker(speech, _windowFrames * LogMelSpectrogram.HopLength);
        _writer = new SegmentWriter(tokenizer, _options.WordTimestamps, _options.Resume?.Segments ?? 0);
        _running = new SemaphoreSlim(_options.BatchSize);
        _written = _skipped = _options.Resume?.Windows ?? 0;
        if (_options.Resume is { } position) (Detection, _language) = (position.Detection, position.Language ?? _language);
        _prompt = string.IsNullOrWhiteSpace(_options.InitialPrompt) ? default(ReadOnlyMemory<int>) : tokenizer.Encode(" " + _options.InitialPrompt.Trim());
    }

    public LanguageDetection? Detection { get; private set; }

    public string? Language => _language;

    /// <summary>Speech handed out so far, in samples.</summary>
    public long SpeechSamples { get; private set; }

    /// <summary>From where it could go on after the windows written.</summary>
    public TranscriptionPosition Position => new() { Windows = _written, Segments = _writer.Count, Language = _language, Detection = Detection };

    /// <summary>Starts decoding the next window; false when there is none. Not to be called again before it returns.</summary>
    public bool StartNext(Queue<Task<TranscribedChunk>> started, CancellationToken cancellationToken)
    {
        if (NextChunk() is not { } chunk) return false;
        int frames = _options.FramesToEncode(chunk.Samples.Length / LogMelSpectrogram.HopLength, _windowFrames);
        var features = new float[frames * _runtime.Config.NumMelBins];
        _extract(chunk.Samples.AsSpan(0, Math.Min(chunk.Samples.Length, frames * LogMelSpectrogram.HopLength)), features, frames, default, default);
        // All windows speak the language of the first, which is detected before any of them starts.
        if (_language is null && !_options.DetectLanguageEachWindow) DetectLanguage(features, cancellationToken);
        int index = _index++;
        // Threads of their own: all of a step's windows have to be waiting in it for it to be computed together.
        started.Enqueue(Task.Factory.StartNew(() => Transcribe(chunk, features, index, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        return true;
    }

    /// <summary>Puts a window's segments into their final form; to be called in the windows' order.</summary>
    public void Write(TranscribedChunk transcribed, List<Segment> output)
    {
        var (chunk, window) = transcribed;
        _written++;
        if (window.Silent) return;
        var said = window.Split.Segments.Where(segment => !_writer.IsEmpty(segment)).ToList();
        AudioEnd.Clamp(said, 0, (double)chunk.Samples.Length / SampleStream.SampleRate);
        foreach (var segment in said) output.Add(_writer.Write(segment, window.Result, 0, chunk.Timeline));
    }

    /// <summary>To be called when all windows have ended.</summary>
    public void Dispose() => _running.Dispose();

    /// <summary>The next window that is not done with already.</summary>
    SpeechChunk? NextChunk()
    {
        while (_chunks.Next() is { } chunk)
        {
            SpeechSamples += chunk.Samples.Length;
            if (_index >= _skipped) return chunk;
            _index++;
        }
        return null;
    }

    TranscribedChunk Transcribe(SpeechChunk chunk, float[] features, int index, CancellationToken cancellationToken)
    {
        _running.Wait(cancellationToken);
        try
        {
            using var audio = _runtime.Encode(features, features.Length / _runtime.Config.NumMelBins, cancellationToken);
            using var transcriber = new WindowTranscriber(_runtime, _tokenizer, _options);
            var language = _language ?? transcriber.DetectLanguage(audio, cancellationToken).Language;
            int frames = Math.Max(1, chunk.Samples.Length / LogMelSpectrogram.HopLength);
            var window = transcriber.Transcribe(audio, new WindowContext
            {
                Place = new WindowPlace(0, frames, _windowFrames),
                Language = language,
                Prompt = index == 0 || _options.CarryInitialPrompt ? _prompt : default,
                Prefix = index == 0 ? _options.Prefix : null,
                SeedSeries = index,
            }, cancellationToken);
            return new TranscribedChunk(chunk, window);
        }
        finally
        {
            _running.Release();
        }
    }

    void DetectLanguage(float[] features, CancellationToken cancellationToken)
    {
        using var audio = _runtime.Encode(features, features.Length / _runtime.Config.NumMelBins, cancellationToken);
        using var transcriber = new WindowTranscriber(_runtime, _tokenizer, _options);
        Detection = transcriber.DetectLanguage(audio, cancellationToken);
        _language = Detection.Language;
    }
}
