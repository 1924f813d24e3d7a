using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>A window that slides forward over a source, and a little of what lies just before it; the rest is forgotten.</summary>
sealed class SampleWindow(ISampleSource source, int length, int before, int after)
{
    // What lies around a piece: half a second, of which features look at some hundredths.
    const int Around = 8000;

    readonly float[] _buffer = new float[before + length + after];
    long _start;
    int _count;

    /// <summary>The recording's length, once its end was read.</summary>
    public long? End { get; private set; }

    /// <summary>Samples at the start that only stand for time; known once sound was read.</summary>
    public long Filler => source.FillerSamples;

    /// <summary>The recording's length, where the source can tell.</summary>
    public long? Total => End ?? source.TotalSamples;

    /// <summary>Samples read so far.</summary>
    public long Read => _start + _count;

    /// <summary>
    /// Moves to a position, and reads all of the window there that the recording has. What lies further back before
    /// the furthest position is forgotten.
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

    /// <summary>
    /// A range of the recording, as far as it goes, in pieces of the window's length, each with what lies around it. They are read as they
    /// are asked for, and each is there until the next one is.
    /// </summary>
    public IEnumerable<AudioWindow> Pieces(long first, long end)
    {
        for (long at = first; at < end; at += length)
        {
            MoveTo(at);
            long to = Math.Min(Math.Min(at + length, end), End ?? long.MaxValue);
            if (to <= at) yield break;
            yield return new AudioWindow
            {
                Samples = Slice(at, (int)(to - at)),
                Before = Slice(at - Math.Min(at, Around), (int)Math.Min(at, Around)),
                After = Slice(to, Around),
            };
            if (to == End) yield break;
        }
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
