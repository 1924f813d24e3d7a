namespace Earshot.Transcription;

/// <summary>A window that slides forward over a source, and a little of what lies just before it; the rest is forgotten.</summary>
sealed class SampleWindow(ISampleSource source, int length, int before, int after)
{
    readonly float[] _buffer = new float[before + length + after];
    long _start;
    int _count;

    /// <summary>The recording's length, once its end was read.</summary>
    public long? End { get; private set; }

    /// <summary>Samples at the start that only stand for time; known once sound was read.</summary>
    public long Filler => source.FillerSamples;

    /// <summary>Samples read so far.</summary>
    public long Read => _start + _count;

    /// <summary>
    /// Moves to a position, which may not lie before earlier ones, and reads all of the window there that the recording has.
    /// </summary>
    public void MoveTo(long position)
    {
        long start = Math.Max(_start, position - before);
        Discard(start);
        long end = position + length + after;
        while (End is null && Read < end)
        {
            int room = (int)Math.Min(end - Read, _buffer.Length - _count);
            int read = source.Read(_buffer.AsSpan(_count, room));
            if (read == 0) End = Read;
            _count += read;
            Discard(start);
        }
    }

    /// <summary>The samples there are of a range; they stay until the window moves on.</summary>
    public ReadOnlyMemory<float> Slice(long position, int count)
    {
        long from = Math.Clamp(position, _start, Read), to = Math.Clamp(position + count, from, Read);
        return _buffer.AsMemory((int)(from - _start), (int)(to - from));
    }

    void Discard(long before)
    {
        int gone = (int)Math.Clamp(before - _start, 0, _count);
        if (gone == 0) return;
        _buffer.AsSpan(gone, _count - gone).CopyTo(_buffer);
        _start += gone;
        _count -= gone;
    }
}
