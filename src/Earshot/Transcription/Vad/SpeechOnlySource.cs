namespace Earshot.Transcription;

/// <summary>The speech of a source, without the silence between; the timeline tells where it was.</summary>
sealed class SpeechOnlySource(SpeechReader reader, SpeechTimeline timeline) : ISampleSource
{
    float[] _stretch = [];
    int _position, _length;

    public long? TotalSamples => null;

    public int Read(Span<float> samples)
    {
        int total = 0;
        while (total < samples.Length)
        {
            if (_position == _length && !ReadStretch()) break;
            int count = Math.Min(samples.Length - total, _length - _position);
            _stretch.AsSpan(_position, count).CopyTo(samples[total..]);
            _position += count;
            total += count;
        }
        return total;
    }

    bool ReadStretch()
    {
        if (!reader.Next(out var span, out var samples)) return false;
        timeline.Add(span);
        if (_stretch.Length < samples.Length) _stretch = new float[samples.Length];
        samples.CopyTo(_stretch);
        (_position, _length) = (0, samples.Length);
        return true;
    }
}
