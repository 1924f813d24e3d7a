using Earshot.Audio;
using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>A window of speech decoded: its segments on the window's own time line.</summary>
sealed record TranscribedChunk(SpeechChunk Chunk, RecognizedWindow Window);

/// <summary>
/// Transcribes windows of speech side by side; the runtime computes their steps together.
/// Windows know nothing of each other, so that results do not depend on how many run at once.
/// </summary>
sealed class BatchedTranscription : IDisposable
{
    readonly Recognizer _recognizer;
    readonly TranscriptionOptions _options;
    readonly SpeechChunker _chunks;
    readonly SegmentWriter _writer;
    readonly SemaphoreSlim _running;
    readonly ReadOnlyMemory<int> _prompt;
    string? _language;
    readonly int _skipped;
    int _index;
    int _written;

    public BatchedTranscription(SpeechReader speech, SequentialInput input)
    {
        var recognizer = input.Recognizer;
        (_recognizer, _language) = (recognizer, input.Language);
        _options = input.Options with { Decoding = input.Options.Decoding with { WithoutTimestamps = input.Options.DecodesTextAlone } };
        _chunks = new SpeechChunker(speech, recognizer.WindowSamples);
        _writer = new SegmentWriter(recognizer.Tokenizer, _options.WordTimestamps, _options.Resume?.Segments ?? 0);
        _running = new SemaphoreSlim(_options.BatchSize);
        _written = _skipped = _options.Resume?.Windows ?? 0;
        if (_options.Resume is { } position) (Detection, _language) = (position.Detection, position.Language ?? _language);
        _prompt = string.IsNullOrWhiteSpace(_options.InitialPrompt)
            ? default(ReadOnlyMemory<int>)
            : recognizer.Tokenizer.Encode(" " + _options.InitialPrompt.Trim());
    }

    public LanguageDetection? Detection { get; private set; }

    public string? Language => _language;

    /// <summary>Speech handed out so far, in samples.</summary>
    public long SpeechSamples { get; private set; }

    /// <summary>From where it could go on after the windows written.</summary>
    public TranscriptionPosition Position =>
        new() { Windows = _written, Segments = _writer.Count, Language = _language, Detection = Detection };

    /// <summary>Starts decoding the next window; false when there is none. Not to be called again before it returns.</summary>
    public async ValueTask<bool> StartNextAsync(Queue<Task<TranscribedChunk>> started, CancellationToken cancellationToken)
    {
        if (NextChunk() is not { } chunk) return false;
        // All windows speak the language of the first, which is detected before any of them starts.
        if (_language is null && _recognizer.DetectsLanguages && !_options.DetectLanguageEachWindow)
            await DetectLanguageAsync(chunk, cancellationToken).ConfigureAwait(false);
        int index = _index++;
        started.Enqueue(Task.Run(() => TranscribeAsync(chunk, index, cancellationToken), cancellationToken));
        return true;
    }

    /// <summary>Puts a window's segments into their final form; to be called in the windows' order.</summary>
    public void Write(TranscribedChunk transcribed, List<Segment> output)
    {
        var (chunk, window) = transcribed;
        _written++;
        if (window.IsSilent) return;
        var said = window.Segments.Where(segment => !_writer.IsEmpty(segment)).ToList();
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

    async Task<TranscribedChunk> TranscribeAsync(SpeechChunk chunk, int index, CancellationToken cancellationToken)
    {
        await _running.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using var session = _recognizer.Begin(_options);
            var window = await session.RecognizeAsync(Window(chunk), new RecognitionContext
            {
                Language = _language,
                Prompt = index == 0 || _options.CarryInitialPrompt ? _prompt : default,
                Prefix = index == 0 ? _options.Prefix : null,
                SeedSeries = index,
            }, cancellationToken).ConfigureAwait(false);
            return new TranscribedChunk(chunk, window);
        }
        finally
        {
            _running.Release();
        }
    }

    static AudioWindow Window(SpeechChunk chunk) => new() { Samples = chunk.Samples, StandsAlone = true, IsLast = true };

    async ValueTask DetectLanguageAsync(SpeechChunk chunk, CancellationToken cancellationToken)
    {
        using var session = _recognizer.Begin(_options);
        Detection = await session.DetectLanguageAsync(Window(chunk), cancellationToken).ConfigureAwait(false);
        _language = Detection.Language;
    }
}
