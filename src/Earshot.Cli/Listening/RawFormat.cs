using System.Buffers.Binary;
using System.Globalization;

namespace Earshot.Cli.Listening;

/// <summary>Samples without a header: their kind, their rate, their channels.</summary>
internal sealed record RawFormat(string Encoding, int SampleRate, int Channels)
{
    const string Expected = "ENCODING,RATE[,CHANNELS] with s16le, s16be or f32le, such as s16le,16000 or f32le,48000,2";

    public int BytesPerSample => Encoding == "f32le" ? 4 : 2;

    public int BytesPerFrame => BytesPerSample * Channels;

    /// <exception cref="UsageException">It is not understood.</exception>
    public static RawFormat Parse(string text)
    {
        var parts = text.ToLowerInvariant().Split(',', StringSplitOptions.TrimEntries);
        int rate = 0, channels = 1;
        bool good = parts is [("s16le" or "s16be" or "f32le"), _] or [("s16le" or "s16be" or "f32le"), _, _]
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out rate) && rate is >= 1000 and <= 768_000
            && (parts.Length == 2 || (int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out channels)
                && channels is >= 1 and <= 32));
        if (!good) throw new UsageException($"--raw is '{text}'; expected {Expected}.");
        return new RawFormat(parts[0], rate, channels);
    }

    /// <summary>The mean of the channels; whole frames only. Returns how many samples there are.</summary>
    public int Decode(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        int frames = Math.Min(bytes.Length / BytesPerFrame, samples.Length);
        for (int i = 0; i < frames; i++)
        {
            float sum = 0;
            for (int c = 0; c < Channels; c++) sum += Sample(bytes[((i * BytesPerFrame) + (c * BytesPerSample))..]);
            samples[i] = sum / Channels;
        }
        return frames;
    }

    float Sample(ReadOnlySpan<byte> bytes) => Encoding switch
    {
        "f32le" => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        "s16be" => BinaryPrimitives.ReadInt16BigEndian(bytes) / 32768f,
        _ => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768f,
    };
}
