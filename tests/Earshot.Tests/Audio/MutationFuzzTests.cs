using System.Diagnostics;

namespace Earshot.Audio;

/// <summary>
/// Mutated recordings of every format: each is read around, or refused with <see cref="AudioFormatException"/>, in bounded memory and
/// time. A fixed number of mutations by a fixed seed; with EARSHOT_FUZZ_SECONDS as many as fit into so many seconds a format, by a
/// seed of the clock's or EARSHOT_FUZZ_SEED, which is printed.
/// </summary>
public class MutationFuzzTests(ITestOutputHelper output)
{
    const int UsualTries = 60;
    const int UsualSeed = 20261125;

    // One mutation of a few kilobytes: a reader's own buffers, an hour's worth of none, and blocks of some hundred thousand frames.
    const long MostBytes = 64L * 1024 * 1024;
    static readonly TimeSpan s_longest = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData("wav")]
    [InlineData("flac")]
    [InlineData("mp3")]
    [InlineData("vorbis")]
    [InlineData("opus")]
    public void Mutated_recordings_are_read_around_or_refused(string format)
    {
        var seeds = Seeds(format);
        var watch = Stopwatch.StartNew();
        var tries = 0;
        foreach (var random in FuzzRounds.Of(UsualTries, UsualSeed))
        {
            var bytes = Mutate(seeds[random.Next(seeds.Length)], seeds, random);
            if (format is "vorbis" or "opus" && random.Next(4) != 0) bytes = Sign(bytes);
            // The seed stands in the output.
            Check(format, bytes, isPipe: tries % 2 == 0, $"try {tries}");
            tries++;
        }
        output.WriteLine($"{format}: {tries} tries in {watch.Elapsed.TotalSeconds:0.0} s");
    }

    static void Check(string format, byte[] bytes, bool isPipe, string which)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        try
        {
            Stream stream = isPipe ? new PipeStream(bytes, 501) : new MemoryStream(bytes);
            // The readers themselves: damage to the first bytes is not passed on to another program.
            using var reader = Open(format, new ByteSource(stream, "fuzz"));
            if (reader is null) return;
            var buffer = new float[reader.Channels * 4096];
            long frames = 0;
            // Silence for a gap of up to an hour is no harm.
            while (frames < 200_000_000 && reader.Read(buffer) is > 0 and var read) frames += read;
            Assert.True(frames < 200_000_000, which);
        }
        catch (AudioFormatException e)
        {
            Assert.True(e.Message.StartsWith("'fuzz'", StringComparison.Ordinal) && !e.Message.Contains('\n'), $"{which}: {e.Message}");
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{format}, {which}: {e.Message}", e);
        }
        Assert.True(
            GC.GetAllocatedBytesForCurrentThread() - before < MostBytes,
            $"{format}, {which}: {GC.GetAllocatedBytesForCurrentThread() - before} bytes");
        Assert.True(watch.Elapsed < s_longest, $"{format}, {which}: {watch.Elapsed}");
    }

    static AudioReader? Open(string format, ByteSource source) => format switch
    {
        "wav" => new WavReader(source),
        "flac" => new FlacReader(source),
        "mp3" => new Mp3Reader(source, start: null, new AudioReadOptions()),
        _ => OggReader.Open(source, new AudioReadOptions()),
    };

    static byte[][] Seeds(string format) => format switch
    {
        "wav" =>
        [
            new WavBytes { BeforeData = WavBytes.Chunk("LIST", [1, 2, 3]) }.Build(new byte[400]),
            new WavBytes { Channels = 2, Bits = 24, BlockAlign = 8 }.Build(new byte[640]),
            new WavBytes { Riff = "RF64", Tag = 3, Bits = 32 }.Build(new byte[400]),
            new WavBytes { Extensible = true, Tag = 7, Bits = 8 }.Build(new byte[100]),
        ],
        "flac" => [.. Enumerable.Range(0, 4)
            .Select(i => new FlacBytes { Seed = i, BlockSize = 192 }.Build(FlacReaderTests.Signal(1 + (i % 2), 1500, 16, 1 + i, i)))],
        "mp3" => [
            EncodedRecordingTests.Bytes("mono-16000.mp3"), EncodedRecordingTests.Bytes("stereo-44100.mp3"),
            EncodedRecordingTests.Bytes("stereo-44100.mp2"),
        ],
        "vorbis" => [EncodedRecordingTests.Bytes("mono-16000.ogg"), EncodedRecordingTests.Bytes("stereo-44100.ogg")],
        _ => [
            EncodedRecordingTests.Bytes("mono-voice.opus"), EncodedRecordingTests.Bytes("stereo-48000.opus"),
            OggBytes.Repaged(EncodedRecordingTests.Bytes("mono-voice.opus"), 5, 960),
        ],
    };

    static byte[] Mutate(byte[] original, byte[][] others, Random random)
    {
        var bytes = new List<byte>(original);
        for (var changes = random.Next(1, 8); changes > 0; changes--)
        {
            if (bytes.Count < 4) break;
            // Half of the damage goes to the first bytes, where the headers are.
            var at = random.Next(random.Next(2) == 0 ? Math.Min(bytes.Count, 200) : bytes.Count);
            var length = Math.Min(random.Next(1, 300), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0: bytes[at] = 0; break;
                case 1: bytes[at] = 0xFF; break;
                case 2: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 3: bytes[at] = (byte)random.Next(256); break;
                case 4: bytes.RemoveRange(at, length); break;
                case 5: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 6:
                    var other = others[random.Next(others.Length)];
                    var from = random.Next(other.Length);
                    bytes.InsertRange(at, other[from..Math.Min(other.Length, from + length)]);
                    break;
                default:
                    if (random.Next(4) == 0) bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Makes the pages' check sums right again, which otherwise hide the decoder from damage.</summary>
    static byte[] Sign(byte[] bytes)
    {
        for (var at = 0; at + 27 <= bytes.Length;)
        {
            var length = OggPage.LengthOf(bytes.AsSpan(at));
            if (length == 0 || at + length > bytes.Length)
            {
                at++;
                continue;
            }
            OggBytes.Signed(bytes[at..(at + length)]).CopyTo(bytes, at);
            at += length;
        }
        return bytes;
    }
}
