using System.Security.Cryptography;

namespace Earshot.Audio;

/// <summary>
/// A FLAC encoder that wants variety rather than size: it draws, by a seed, block sizes, header codes, stereo modes,
/// subframe types, orders, coefficients, Rice methods, partitions and escapes, and writes what it drew.
/// </summary>
internal sealed record FlacBytes
{
    public int Rate { get; init; } = 16000;
    public int Bits { get; init; } = 16;
    public int Seed { get; init; }
    public int? BlockSize { get; init; }
    public bool WithTotal { get; init; } = true;
    public bool WithMd5 { get; init; } = true;
    public byte[] MoreMetadata { get; init; } = [];

    /// <param name="channels">Samples of each channel, alike in length.</param>
    public byte[] Build(long[][] channels)
    {
        var random = new Random(Seed);
        var total = channels[0].Length;
        var output = new BitWriter();
        output.WriteBytes("fLaC"u8.ToArray());
        output.Write(MoreMetadata.Length == 0 ? 0x80 : 0, 8);
        output.Write(34, 24);
        output.Write(16, 16);
        output.Write(65535, 16);
        output.Write(0, 48);
        output.Write(Rate, 20);
        output.Write(channels.Length - 1, 3);
        output.Write(Bits - 1, 5);
        output.Write(WithTotal ? total : 0, 36);
        output.WriteBytes(WithMd5 ? Md5(channels) : new byte[16]);
        output.WriteBytes(MoreMetadata);
        for (int at = 0, size; at < total; at += size)
        {
            size = Math.Min(BlockSize ?? PickSize(random), total - at);
            output.WriteBytes(Frame([.. channels.Select(c => c[at..(at + size)])], at, random));
        }
        return output.ToArray();
    }

    static int PickSize(Random random) => random.Next(4) switch
    {
        0 => 192,
        1 => 256 << random.Next(5),
        2 => random.Next(1, 257),
        _ => random.Next(1, 5000),
    };

    byte[] Frame(long[][] channels, long first, Random random)
    {
        var size = channels[0].Length;
        var frame = new BitWriter();
        var stereo = channels.Length == 2 ? random.Next(4) : 0; // independent, left-side, side-right, mid-side
        frame.Write(0xFFF9, 16);
        var sizeCode = size == 192 ? 1 : size is >= 256 and <= 32768 && (size & (size - 1)) == 0 ? (int)Math.Log2(size) : size <= 256 ? 6
            : 7;
        frame.Write(sizeCode, 4);
        var rateCode = PickRate(random);
        frame.Write(rateCode, 4);
        frame.Write(stereo == 0 ? channels.Length - 1 : 7 + stereo, 4);
        frame.Write(random.Next(2) == 0 ? 0 : Bits switch { 8 => 1, 12 => 2, 16 => 4, 20 => 5, 24 => 6, 32 => 7, _ => 0 }, 3);
        frame.Write(0, 1);
        WriteNumber(frame, first);
        if (sizeCode == 6) frame.Write(size - 1, 8);
        if (sizeCode == 7) frame.Write(size - 1, 16);
        if (rateCode == 12) frame.Write(Rate / 1000, 8);
        if (rateCode == 13) frame.Write(Rate, 16);
        if (rateCode == 14) frame.Write(Rate / 10, 16);
        frame.Write(Crc(frame.ToArray(), 8, 0x07), 8);

        var (a, b) = (channels[0], channels[^1]);
        long[] side = [.. a.Zip(b, (l, r) => l - r)];
        long[] mid = [.. a.Zip(b, (l, r) => (l + r) >> 1)];
        var subframes = stereo switch { 1 => [a, side], 2 => [side, b], 3 => [mid, side], _ => channels };
        foreach (var subframe in subframes) new FlacSubframeBytes(frame, random).Write(subframe, Bits + (subframe == side ? 1 : 0));
        frame.Align();
        frame.Write(Crc(frame.ToArray(), 16, 0x8005), 16);
        return frame.ToArray();
    }

    int PickRate(Random random)
    {
        var codes = new List<int> { 0, 13 };
        if (Rate % 1000 == 0 && Rate < 256_000) codes.Add(12);
        if (Rate % 10 == 0) codes.Add(14);
        if (Rate == 16000) codes.Add(5);
        if (Rate == 44100) codes.Add(9);
        if (Rate >= 65536) codes.Remove(13);
        return codes[random.Next(codes.Count)];
    }

    /// <summary>As UTF-8 codes a character, on to 36 bits.</summary>
    static void WriteNumber(BitWriter frame, long number)
    {
        if (number < 0x80)
        {
            frame.Write(number, 8);
            return;
        }
        var more = 1;
        while (number >> ((6 * more) + (6 - more)) != 0) more++;
        frame.Write(((0xFF00L >> (more + 1)) & 0xFF) | (number >> (6 * more)), 8);
        for (more--; more >= 0; more--) frame.Write(0x80L | (number >> (6 * more) & 0x3F), 8);
    }

    /// <summary>A CRC bit by bit.</summary>
    static int Crc(byte[] bytes, int width, int polynomial)
    {
        var crc = 0;
        foreach (var value in bytes)
        {
            for (var bit = 7; bit >= 0; bit--)
            {
                var top = (crc >> (width - 1) & 1) ^ (value >> bit & 1);
                crc = ((crc << 1) & ((1 << width) - 1)) ^ (top == 0 ? 0 : polynomial);
            }
        }
        return crc;
    }

    byte[] Md5(long[][] channels)
    {
        var width = (Bits + 7) / 8;
        var bytes = new List<byte>();
        for (var i = 0; i < channels[0].Length; i++)
        {
            foreach (var channel in channels) bytes.AddRange(BitConverter.GetBytes(channel[i]).AsSpan(0, width));
        }
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        md5.AppendData([.. bytes]);
        return md5.GetHashAndReset();
    }
}
