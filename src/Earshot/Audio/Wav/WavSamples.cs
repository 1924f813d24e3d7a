using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Earshot.Audio;

/// <summary>Stored WAV samples to floats of full scale ±1.</summary>
internal static class WavSamples
{
    static readonly float[] ALawTable = [.. Enumerable.Range(0, 256).Select(code => ALaw((byte)code))];
    static readonly float[] MuLawTable = [.. Enumerable.Range(0, 256).Select(code => MuLaw((byte)code))];

    /// <summary>Decodes <c>samples.Length</c> samples from as many stored ones, whose bytes may be put in order in place.</summary>
    public static void Decode(WavFormat format, Span<byte> bytes, Span<float> samples)
    {
        if (format.BigEndian && format.ContainerBytes > 1) Turn(bytes, format.ContainerBytes);
        if (format.ContainerBytes > format.BytesPerSample) Pack(format, bytes, samples.Length);
        switch (format.Type, format.BytesPerSample)
        {
            case (WavSampleType.ALaw, _): Look(ALawTable, bytes, samples); break;
            case (WavSampleType.MuLaw, _): Look(MuLawTable, bytes, samples); break;
            case (WavSampleType.Float, 4): Float32(bytes, samples); break;
            case (WavSampleType.Float, _): Float64(bytes, samples); break;
            case (_, 1): Pcm8(bytes, samples); break;
            case (_, 2): Pcm16(bytes, samples); break;
            case (_, 3): Pcm24(bytes, samples); break;
            default: Pcm32(bytes, samples); break;
        }
    }

    /// <summary>Turns samples of highest byte first around.</summary>
    static void Turn(Span<byte> bytes, int width)
    {
        for (var at = 0; at < bytes.Length; at += width) bytes.Slice(at, width).Reverse();
    }

    /// <summary>Takes samples out of wider containers.</summary>
    static void Pack(WavFormat format, Span<byte> bytes, int count)
    {
        var from = format.AtBottom ? 0 : format.ContainerBytes - format.BytesPerSample;
        for (var i = 0; i < count; i++)
            bytes.Slice((i * format.ContainerBytes) + from, format.BytesPerSample).CopyTo(bytes[(i * format.BytesPerSample)..]);
    }

    static void Pcm8(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        for (var i = 0; i < samples.Length; i++) samples[i] = (bytes[i] - 128) * (1f / 128);
    }

    static void Pcm16(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        if (!BitConverter.IsLittleEndian)
        {
            for (var i = 0; i < samples.Length; i++) samples[i] = BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]) * (1f / 32768);
            return;
        }
        var stored = MemoryMarshal.Cast<byte, short>(bytes);
        for (var i = 0; i < samples.Length; i++) samples[i] = stored[i] * (1f / 32768);
    }

    static void Pcm24(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        for (var i = 0; i < samples.Length; i++)
        {
            var value = bytes[3 * i] | (bytes[(3 * i) + 1] << 8) | ((sbyte)bytes[(3 * i) + 2] << 16);
            samples[i] = value * (1f / 8388608);
        }
    }

    static void Pcm32(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        for (var i = 0; i < samples.Length; i++) samples[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * i)..]) * (1f / 2147483648);
    }

    static void Float32(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        for (var i = 0; i < samples.Length; i++) samples[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..]);
    }

    static void Float64(ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        for (var i = 0; i < samples.Length; i++) samples[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
    }

    static void Look(float[] table, ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        for (var i = 0; i < samples.Length; i++) samples[i] = table[bytes[i]];
    }

    /// <summary>ITU-T G.711 A-law: 13-bit magnitudes in eight segments, even bits inverted.</summary>
    static float ALaw(byte code)
    {
        var bits = code ^ 0x55;
        var segment = (bits >> 4) & 7;
        var mantissa = ((bits & 0x0F) << 4) + 8;
        var magnitude = segment == 0 ? mantissa : (mantissa + 0x100) << (segment - 1);
        return ((bits & 0x80) != 0 ? magnitude : -magnitude) / 32768f;
    }

    /// <summary>ITU-T G.711 mu-law: 14-bit magnitudes with a bias of 33 steps, all bits inverted.</summary>
    static float MuLaw(byte code)
    {
        var bits = ~code & 0xFF;
        var magnitude = ((((bits & 0x0F) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
        return ((bits & 0x80) != 0 ? -magnitude : magnitude) / 32768f;
    }
}
