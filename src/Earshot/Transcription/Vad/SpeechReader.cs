namespace Earshot.Transcription;

/// <summary>Reads the speech of a source, stretch by stretch; silence is heard and forgotten.</summary>
sealed class SpeechReader(ISampleSource source, ISpeechDetector detector, VadOptions options)
{
    const int BlockWindows = 32;

    readonly SpeechSegmenter _segmenter = new(options, detector.WindowSize);
    readonly List<float> _probabilities = [];
    readonly float[] _block = new float[BlockWindows * detector.WindowSize];
    float[] _samples = new float[4 * BlockWindows * detector.WindowSize];
    long _start;
    int _count;
    bool _ended;

    /// <summary>Samples read so far.</summary>
    public long SamplesRead => _start + _count;

    /// <summary>The next stretch, and its samples until the next call; false at the end.</summary>
    public bool Next(out SpeechSpan span, out ReadOnlySpan<float> samples)
    {
        while (!_segmenter.TryTake(out span))
        {
            if (_ended)
            {
                samples = default;
                return false;
            }
            ReadBlock();
        }
        samples = _samples.AsSpan((int)(span.Start - _start), (int)span.Length);
        return true;
    }

    void ReadBlock()
    {
        Discard(_segmenter.Unneeded);
        int read = source.Read(_block);
        Append(_block.AsSpan(0, read));
        _probabilities.Clear();
        detector.Process(_block.AsSpan(0, read), _probabilities);
        _ended = read == 0;
        if (_ended) detector.Finish(_probabilities);
        foreach (float probability in _probabilities) _segmenter.Add(probability);
        if (_ended) _segmenter.Finish(SamplesRead);
    }

    void Append(ReadOnlySpan<float> samples)
    {
        if (_count + samples.Length > _samples.Length) Array.Resize(ref _samples, Math.Max(2 * _samples.Length, _count + samples.Length));
        samples.CopyTo(_samples.AsSpan(_count));
        _count += samples.Length;
    }

    void Discard(long before)
    {
        int gone = (int)Math.Clamp(before - _start, 0, _count);
        _samples.AsSpan(gone, _count - gone).CopyTo(_samples);
        _start += gone;
        _count -= gone;
    }
}
