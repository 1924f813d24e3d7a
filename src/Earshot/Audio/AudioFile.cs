namespace Earshot.Audio;

/// <summary>Whole recordings in memory, for those short enough: four bytes a sample, 3.8 MB a minute.</summary>
public static class AudioFile
{
    /// <summary>Reads a recording as one channel at 16 kHz; <c>-</c> is standard input.</summary>
    /// <param name="channel">The one channel to hear, counted from 0; the mean of all where null.</param>
    /// <exception cref="AudioFormatException">The file cannot be opened, is no recording, is damaged, or is too long for memory.</exception>
    public static float[] Load(string path, int? channel = null)
    {
        using var stream = SampleStream.Open(path, channel);
        return ReadAll(stream, path);
    }

    /// <summary>Reads a recording from a stream, which is then closed, as one channel at 16 kHz.</summary>
    /// <exception cref="AudioFormatException">As <see cref="Load(string, int?)"/>.</exception>
    public static float[] Load(Stream stream, string name, int? channel = null)
    {
        using var reader = AudioReader.Open(stream, name);
        using var samples = new SampleStream(reader, channel);
        return ReadAll(samples, name);
    }

    static float[] ReadAll(SampleStream stream, string name)
    {
        // A header's number of samples is a hint, never a reason to allocate without bound.
        const int MaxFirst = 60 * SampleStream.SampleRate;
        var samples = new float[Math.Clamp(stream.TotalSamples ?? MaxFirst, 1, MaxFirst)];
        var length = 0;
        while (true)
        {
            if (length == samples.Length) samples = Grow(samples, name);
            var read = stream.Read(samples.AsSpan(length));
            if (read == 0) break;
            length += read;
        }
        return length == samples.Length ? samples : samples[..length];
    }

    static float[] Grow(float[] samples, string name)
    {
        if (samples.Length > Array.MaxLength / 2)
            throw new AudioFormatException($"'{name}': longer than {TimeSpan.FromSeconds((double)samples.Length / SampleStream.SampleRate):hh\\:mm\\:ss}, too long for memory. Read it in parts with {nameof(SampleStream)}.");
        Array.Resize(ref samples, 2 * samples.Length);
        return samples;
    }
}
