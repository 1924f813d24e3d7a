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

    public static string MessageOf(byte[] bytes) => Assert.Throws<AudioFormatException>(() => ReadAll(bytes)).Message;
}
