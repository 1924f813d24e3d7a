using System.Buffers.Binary;

namespace Earshot.Cli.Tests;

/// <summary>WAV files made from 16-bit mono ones, for tests.</summary>
internal static class Recordings
{
    public const int HeaderLength = 44;

    /// <summary>The recording that comes with the repository: 11 s of one speaker.</summary>
    public static string Jfk { get; } = Path.Combine(TestData.RepositoryRoot, "samples", "audio", "jfk.wav");

    /// <summary>The same recording several times over.</summary>
    public static byte[] Repeat(string path, int times)
    {
        var samples = Samples(path);
        var repeated = new byte[samples.Length * times];
        for (int i = 0; i < times; i++) samples.CopyTo(repeated, i * samples.Length);
        return [.. Header(repeated.Length, channels: 1, rate: 16_000), .. repeated];
    }

    /// <summary>The same recording on several channels, each sample held for several times the rate.</summary>
    public static byte[] Spread(string path, int channels, int times)
    {
        var samples = Samples(path);
        var spread = new byte[samples.Length * channels * times];
        for (int i = 0; i < spread.Length; i += 2) samples.AsSpan(i / 2 / (channels * times) * 2, 2).CopyTo(spread.AsSpan(i));
        return [.. Header(spread.Length, channels, 16_000 * times), .. spread];
    }

    /// <summary>The same recording as a call: the left channel has it up to a time, the right one from then on.</summary>
    public static byte[] TwoChannels(string path, TimeSpan switchAt)
    {
        var samples = Samples(path);
        var both = new byte[samples.Length * 2];
        for (int i = 0; i < samples.Length; i += 2)
            samples.AsSpan(i, 2).CopyTo(both.AsSpan((2 * i) + (i < switchAt.TotalSeconds * 32_000 ? 0 : 2)));
        return [.. Header(both.Length, channels: 2, 16_000), .. both];
    }

    /// <summary>The header of 16-bit samples.</summary>
    public static byte[] Header(int dataLength, int channels, int rate)
    {
        var header = new byte[HeaderLength];
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), HeaderLength - 8 + dataLength);
        "WAVEfmt "u8.CopyTo(header.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(20), 1);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(22), (short)channels);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(24), rate);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(28), rate * channels * 2);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(32), (short)(channels * 2));
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(34), 16);
        "data"u8.CopyTo(header.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(40), dataLength);
        return header;
    }

    static byte[] Samples(string path) => File.ReadAllBytes(path)[HeaderLength..];
}
