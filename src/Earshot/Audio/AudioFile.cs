namespace Earshot.Audio;

/// <summary>Whole recordings in memory, for those short enough: four bytes a sample, 3.8 MB a minute.</summary>
public static class AudioFile
{
    /// <summary>Reads a recording as one channel at 16 kHz; <c>-</c> is standard input.</summary>
    /// <param name="channel">The one channel to hear, counted from 0; the mean of all where null.</param>
    /// <exception cref="AudioFormatException">The file cannot be opened, is no recording, or is too long for memory.</exception>
    public static float[] Load(string path, int? channel = null) => Load(path, new AudioReadOptions { Channel = channel });

    /// <inheritdoc cref="Load(string, int?)"/>
    public static float[] Load(string path, AudioReadOptions options)
    {
        using var stream = SampleStream.Open(path, options);
        return ReadAll(stream, path);
    }

    /// <summary>Reads a recording from a stream, which is then closed, as one channel at 16 kHz.</summary>
    /// <exception cref="AudioFormatException">As <see cref="Load(string, int?)"/>.</exception>
    public static float[] Load(Stream stream, string name, int? channel = null) =>
        Load(stream, name, new AudioReadOptions { Channel = channel });

    /// <inheritdoc cref="Load(Stream, string, int?)"/>
    public static float[] Load(Stream stream, string name, AudioReadOptions options)
    {
        using var samples = SampleStream.Open(stream, name, options);
        return ReadAll(samples, name);
    }

    /// <summary>
    /// Reads each channel of a recording by itself at 16 kHz, decoding once; <see cref="AudioReadOptions.Channel"/> is not looked at.
    /// </summary>
    /// <returns>As many arrays as the recording has channels, of one length.</returns>
    /// <exception cref="AudioFormatException">As <see cref="Load(string, int?)"/>.</exception>
    public static float[][] LoadChannels(string path, AudioReadOptions? options = null)
    {
        using var reader = AudioReader.Open(path, options);
        return ChannelSamples.ReadAll(reader);
    }

    /// <summary>Reads each channel of a recording from a stream, which is then closed.</summary>
    /// <inheritdoc cref="LoadChannels(string, AudioReadOptions?)"/>
    public static float[][] LoadChannels(Stream stream, string name, AudioReadOptions? options = null)
    {
        using var reader = AudioReader.Open(stream, name, options);
        return ChannelSamples.ReadAll(reader);
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

    /// <summary>The samples with room for as many again.</summary>
    internal static float[] Grow(float[] samples, string name)
    {
        if (samples.Length > Array.MaxLength / 2)
            throw new AudioFormatException(
                $"'{name}': longer than {TimeSpan.FromSeconds((double)samples.Length / SampleStream.SampleRate):hh\\:mm\\:ss}, " +
                $"too long for memory. Read it in parts with {nameof(SampleStream)}.");
        Array.Resize(ref samples, 2 * samples.Length);
        return samples;
    }
}
