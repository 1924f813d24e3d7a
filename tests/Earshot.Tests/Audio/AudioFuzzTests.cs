using System.Diagnostics;

namespace Earshot.Audio;

/// <summary>Damaged files: nothing but <see cref="AudioFormatException"/> may come of them, in bounded memory and time.</summary>
public class AudioFuzzTests
{
    static readonly TimeSpan Budget = TimeSpan.FromSeconds(1.5);

    [Fact]
    public void Damaged_wav_is_read_or_refused() => Fuzz(
    [
        new WavBytes { BeforeData = WavBytes.Chunk("LIST", [1, 2, 3]) }.Build(new byte[400]),
        new WavBytes { Channels = 2, Bits = 24, Extensible = true }.Build(new byte[600]),
        new WavBytes { Riff = "RF64", Tag = 3, Bits = 32, AfterData = WavBytes.Chunk("id3 ", [1, 2, 3]) }.Build(new byte[400]),
        new WavBytes { Tag = 7, Bits = 8, DataSize = uint.MaxValue }.Build(new byte[100]),
    ]);

    [Fact]
    public void Damaged_flac_is_read_or_refused() => Fuzz(
        [.. Enumerable.Range(0, 6).Select(seed => new FlacBytes { Seed = seed, Bits = 8 + (seed * 4) }
            .Build(FlacReaderTests.Signal(1 + (seed % 3), 300, 8 + (seed * 4), seed % 5, seed)))]);

    // Check sums hide the decoder from damage: here they are made right again.
    [Fact]
    public void Damaged_flac_subframes_with_right_check_sums_are_read_or_refused() => Fuzz(
        [.. Enumerable.Range(0, 8).Select(seed => new FlacBytes { Seed = seed, BlockSize = 192, WithMd5 = false, WithTotal = false }
            .Build(FlacReaderTests.Signal(1, 192, 16, 1 + (seed % 4), seed)))],
        firstByte: 42 + 6,
        repair: bytes =>
        {
            var crc = FlacChecksum.Crc16(0, bytes.AsSpan(42, bytes.Length - 44));
            (bytes[^2], bytes[^1]) = ((byte)(crc >> 8), (byte)crc);
        });

    static void Fuzz(byte[][] corpus, int firstByte = 0, Action<byte[]>? repair = null)
    {
        var random = new Random(20240607);
        var watch = Stopwatch.StartNew();
        var tries = 0;
        var buffer = new float[64 * 300];
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        for (; tries < 20_000 && watch.Elapsed < Budget; tries++)
        {
            var bytes = Mutate(corpus[random.Next(corpus.Length)], random, firstByte);
            repair?.Invoke(bytes);
            ReadOrRefuse(tries % 2 == 0 ? new MemoryStream(bytes) : new PipeStream(bytes, 501), bytes.Length, buffer);
        }
        Assert.True(tries >= 100, $"only {tries} tries in {watch.Elapsed}");
        // A reader's own buffers and a block of at most 65,535 frames of 8 channels.
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - allocated) / tries, 0, 2_000_000);
    }

    static void ReadOrRefuse(Stream stream, int length, float[] buffer)
    {
        // Damage is read around as often as it is refused.
        var options = new AudioReadOptions { Strict = length % 2 == 0 };
        try
        {
            // The readers themselves: damage to the first bytes is not passed on to another program.
            using var reader = AudioContainer.Identify(PeekHead(ref stream)) == AudioContainer.Flac
                ? new FlacReader(stream, "fuzz", options)
                : (AudioReader)new WavReader(stream, "fuzz", options);
            Assert.True(reader.Duration is null || reader.Duration >= TimeSpan.Zero);
            long frames = 0;
            while (reader.Read(buffer) is > 0 and var read)
            {
                frames += read;
                Assert.True(frames <= 65_535L * length, "more samples than any file of this size holds");
            }
        }
        catch (AudioFormatException e)
        {
            Assert.StartsWith("'fuzz'", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
        }
    }

    static byte[] PeekHead(ref Stream stream)
    {
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        var bytes = copy.ToArray();
        stream = stream.CanSeek ? new MemoryStream(bytes) : new PipeStream(bytes, 501);
        return bytes;
    }

    static byte[] Mutate(byte[] original, Random random, int firstByte)
    {
        var bytes = (byte[])original.Clone();
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            // Half of the damage goes to the first bytes, where the header is.
            var at = random.Next(firstByte, random.Next(2) == 0 ? Math.Min(bytes.Length, firstByte + 64) : bytes.Length);
            bytes[at] = random.Next(4) switch
            {
                0 => 0,
                1 => 0xFF,
                2 => (byte)(bytes[at] ^ (1 << random.Next(8))),
                _ => (byte)random.Next(256),
            };
        }
        if (random.Next(4) == 0 && firstByte == 0) bytes = bytes[..random.Next(bytes.Length)];
        return bytes;
    }
}
