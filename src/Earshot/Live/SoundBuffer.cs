namespace Earshot.Live;

/// <summary>The latest samples of a stream, by their place in it.</summary>
sealed class SoundBuffer
{
    float[] _samples = new float[1 << 16];
    int _count;

    /// <summary>The first sample kept.</summary>
    public long Start { get; private set; }

    /// <summary>The place behind the last sample.</summary>
    public long End => Start + _count;

    public void Append(ReadOnlySpan<float> samples)
    {
        if (_count + samples.Length > _samples.Length) Array.Resize(ref _samples, Math.Max(2 * _samples.Length, _count + samples.Length));
        samples.CopyTo(_samples.AsSpan(_count));
        _count += samples.Length;
    }

    /// <summary>What is kept of a range; it stays until samples are added or forgotten.</summary>
    public ReadOnlyMemory<float> Slice(long from, long to)
    {
        from = Math.Clamp(from, Start, End);
        return _samples.AsMemory((int)(from - Start), (int)(Math.Clamp(to, from, End) - from));
    }

    /// <summary>Forgets samples, once they are worth moving the others.</summary>
    public void Forget(long before)
    {
        int gone = (int)Math.Clamp(before - Start, 0, _count);
        if (gone < _count && gone < _samples.Length / 4) return;
        _samples.AsSpan(gone, _count - gone).CopyTo(_samples);
        Start += gone;
        _count -= gone;
    }
}
