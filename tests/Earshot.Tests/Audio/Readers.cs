namespace Earshot.Audio;

/// <summary>Reading whole recordings in tests.</summary>
internal static class Readers
{
    public static AudioReader Open(byte[] bytes) => AudioReader.Open(new MemoryStream(bytes), "test");

    public static float[] ReadAll(byte[] bytes)
    {
        using var reader = Open(bytes);
        return ReadAll(reader);
    }

    /// <summary>Reads all, in spans of changing sizes.</summary>
    public static float[] ReadAll(AudioReader reader)
    {
        var samples = new List<float>();
        var buffer = new float[reader.Channels * 1000];
        var frames = 1;
        while (reader.Read(buffer.AsSpan(0, frames * reader.Channels)) is > 0 and var read)
        {
            samples.AddRange(buffer.AsSpan(0, read * reader.Channels));
            frames = (frames * 3 % 997) + 1;
        }
        return [.. samples];
    }

    /// <summary>Why a recording is refused when it must be whole.</summary>
    public static string MessageOf(byte[] bytes) => Assert.Throws<AudioFormatException>(() =>
    {
        using var reader = AudioReader.Open(new MemoryStream(bytes), "test", new AudioReadOptions { Strict = true });
        ReadAll(reader);
    }).Message;

    /// <summary>What can be read of a damaged recording, and what is said of it.</summary>
    public static (float[] Samples, List<AudioWarning> Warnings) ReadAround(byte[] bytes)
    {
        var warnings = new List<AudioWarning>();
        using var reader = AudioReader.Open(new MemoryStream(bytes), "test", new AudioReadOptions { OnWarning = warnings.Add });
        var samples = ReadAll(reader);
        foreach (var warning in warnings)
        {
            Assert.StartsWith("'test'", warning.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', warning.Message);
        }
        return (samples, warnings);
    }
}
