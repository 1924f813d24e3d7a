using NLayer;

namespace Earshot.Audio;

/// <summary>One frame as the decoder asks for it.</summary>
internal sealed class Mp3Frame : IMpegFrame
{
    readonly byte[] _bytes = new byte[Mp3Header.MaxLength];
    int _length;
    int _bit;

    public Mp3Header Header { get; private set; }

    public int SampleRate => Header.SampleRate;

    public int SampleRateIndex => Header.SampleRateIndex;

    public int FrameLength => _length;

    public int BitRate => Header.BitRate;

    public MpegVersion Version =>
        Header.Version switch { 1 => MpegVersion.Version1, 2 => MpegVersion.Version2, _ => MpegVersion.Version25 };

    public MpegLayer Layer => Header.Layer switch { 1 => MpegLayer.LayerI, 2 => MpegLayer.LayerII, _ => MpegLayer.LayerIII };

    public MpegChannelMode ChannelMode => (MpegChannelMode)Header.ChannelMode;

    public int ChannelModeExtension => Header.ChannelModeExtension;

    public int SampleCount => Header.SampleCount;

    public int BitRateIndex => Header.BitRateIndex;

    public bool IsCopyrighted => Header.IsCopyrighted;

    public bool HasCrc => Header.HasCrc;

    public bool IsCorrupted => false;

    /// <summary>Takes a copy of a whole frame.</summary>
    public void Set(Mp3Header header, ReadOnlySpan<byte> bytes)
    {
        Header = header;
        _length = bytes.Length;
        bytes.CopyTo(_bytes);
        Reset();
    }

    public void Reset() => _bit = 8 * (Mp3Header.ByteCount + (HasCrc ? 2 : 0));

    public int ReadBits(int bitCount)
    {
        if (_bit + bitCount > 8 * _length) throw new InvalidDataException("the frame is shorter than what it describes");
        var value = 0;
        for (var left = bitCount; left > 0;)
        {
            var inByte = 8 - (_bit & 7);
            var take = Math.Min(left, inByte);
            value = (value << take) | ((_bytes[_bit >> 3] >> (inByte - take)) & ((1 << take) - 1));
            _bit += take;
            left -= take;
        }
        return value;
    }
}
