using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Audio;

public class WavFormatsPropertyTests
{
    static readonly Gen<WavBytes> Formats =
        from stored in Gen.Elements((1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8))
        from channels in Gen.Choose(1, 8)
        from rate in Gen.Elements(8000, 16000, 44100, 96000)
        from extensible in Gen.Elements(true, false)
        from riff in Gen.Elements("RIFF", "RF64", "BW64")
        from unknownSize in Gen.Elements(true, false)
        from chunk in Gen.Choose(0, 9)
        select new WavBytes
        {
            Tag = stored.Item1,
            Bits = stored.Item2,
            Channels = channels,
            Rate = rate,
            Extensible = extensible,
            Riff = riff,
            DataSize = unknownSize && riff == "RIFF" ? uint.MaxValue : null,
            BeforeData = chunk == 0 ? [] : WavBytes.Chunk("LIST", new byte[chunk]),
        };

    [Fact]
    public void Every_format_reads_back_what_was_stored()
    {
        Prop.ForAll(Formats.ToArbitrary(), Gen.Choose(0, 3000).ToArbitrary(), (wav, frames) =>
        {
            var values = Values(wav, frames * wav.Channels);
            // Where the size is unknown, a byte of padding reads as one more sample.
            var bytes = wav.Build([.. values.SelectMany(value => Store(wav, value))]);
            var pipe = AudioReader.Open(new PipeStream(bytes, atMost: 1013), "pipe");
            var (read, piped) = (Readers.ReadAll(bytes), Readers.ReadAll(pipe));
            var padding = wav.DataSize is not null ? 1 : 0;
            return read.Length - values.Length >= 0 && read.Length - values.Length <= padding
                && read.Take(values.Length).SequenceEqual(values.Select(value => Expected(wav, value))) && piped.SequenceEqual(read)
                && pipe.Channels == wav.Channels && pipe.SampleRate == wav.Rate;
        }).QuickCheckThrowOnFailure();
    }

    static long[] Values(WavBytes wav, int count)
    {
        var random = new Random(count);
        var top = wav.Tag == 1 ? 1L << (wav.Bits - 1) : 1L << 20;
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(-top, top))];
    }

    static byte[] Store(WavBytes wav, long value) => (wav.Tag, wav.Bits) switch
    {
        (1, 8) => [(byte)(value + 128)],
        (1, _) => BitConverter.GetBytes(value)[..(wav.Bits / 8)],
        (3, 32) => BitConverter.GetBytes(value / 1048576f),
        (3, _) => BitConverter.GetBytes(value / 1048576.0),
        _ => [(byte)value],
    };

    static float Expected(WavBytes wav, long value) => wav.Tag switch
    {
        1 => (float)value / (1L << (wav.Bits - 1)),
        3 => value / 1048576f,
        6 => G711.ALaw((byte)value) / 32768f,
        _ => G711.MuLaw((byte)value) / 32768f,
    };
}

/// <summary>G.711 by its decision values: the middle of the interval that a code stands for.</summary>
internal static class G711
{
    public static int ALaw(byte code)
    {
        code ^= 0x55;
        var (segment, step) = ((code >> 4) & 7, code & 15);
        var width = segment < 2 ? 16 : 16 << (segment - 1);
        var start = segment == 0 ? 0 : 256 << (segment - 1);
        var magnitude = start + (step * width) + (width / 2);
        return code >= 0x80 ? magnitude : -magnitude;
    }

    public static int MuLaw(byte code)
    {
        var (segment, step) = ((~code >> 4) & 7, ~code & 15);
        var width = 8 << segment;
        var start = (128 << segment) - 128; // where the segment begins on the biased scale, less the bias
        var magnitude = start + (step * width) + (width / 2) - 4;
        return code >= 0x80 ? magnitude : -magnitude;
    }
}
