namespace Earshot.Transcription;

/// <summary>Speech for one window, silence left out, and where it was.</summary>
sealed record SpeechChunk(float[] Samples, SpeechTimeline Timeline, TimeSpan End);

/// <summary>Gathers stretches of speech into windows: as many as fit, none divided that fits a window alone.</summary>
sealed class SpeechChunker(SpeechReader reader, int most)
{
    readonly List<float> _samples = [];
    SpeechTimeline _timeline = new();
    long _end;
    // What did not fit the window before.
    SpeechSpan _rest;
    float[] _restSamples = [];

    /// <summary>The next window's speech; null at the end.</summary>
    public SpeechChunk? Next()
    {
        while (_rest.Length > 0 || ReadStretch())
        {
            if (_samples.Count > 0 && _samples.Count + _rest.Length > most) return Take();
            int count = (int)Math.Min(most, _rest.Length);
            _samples.AddRange(_restSamples.AsSpan(0, count));
            _timeline.Add(_rest with { End = _rest.Start + count });
            _end = _rest.Start + count;
            _restSamples = _restSamples[count..];
            _rest = _rest with { Start = _end };
        }
        return _samples.Count > 0 ? Take() : null;
    }

    bool ReadStretch()
    {
        if (!reader.Next(out _rest, out var samples)) return false;
        _restSamples = samples.ToArray();
        return true;
    }

    SpeechChunk Take()
    {
        var chunk = new SpeechChunk([.. _samples], _timeline, TimeSpan.FromSeconds(_end / 16_000.0));
        _samples.Clear();
        _timeline = new SpeechTimeline();
        return chunk;
    }
}
