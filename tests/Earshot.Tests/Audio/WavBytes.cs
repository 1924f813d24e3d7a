using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>Builds WAV files, honest and otherwise, byte by byte.</summary>
internal sealed record WavBytes
{
    static readonly byte[] SubFormatTail = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

    public int Tag { get; init; } = 1;
    public int Rate { get; init; } = 16000;
    public int Channels { get; init; } = 1;
    public int Bits { get; init; } = 16;
    public int? BlockAlign { get; init; }
    public bool Extensible { get; init; }
    public int? ValidBits { get; init; }
    public string Riff { get; init; } = "RIFF";
    public uint? DataSize { get; init; }
    public byte[] BeforeData { get; init; } = [];
    public byte[] AfterData { get; init; } = [];

    public byte[] Build(byte[] data)
    {
        var format = Format();
        byte[] ds64 = Riff == "RIFF" ? [] : Chunk("ds64", [.. Bytes64(0), .. Bytes64(data.Length), .. Bytes64(0), .. Bytes32(0)]);
        byte[] body =
        [
            .. "WAVE"u8, .. ds64, .. Chunk("fmt ", format), .. BeforeData,
            .. "data"u8, .. Bytes32(DataSize ?? (Riff == "RIFF" ? (uint)data.Length : uint.MaxValue)), .. data,
            .. data.Length % 2 == 0 ? Array.Empty<byte>() : [0], .. AfterData,
        ];
        return [.. Ascii(Riff), .. Bytes32(Riff == "RIFF" ? (uint)body.Length : uint.MaxValue), .. body];
    }

    public static byte[] Chunk(string id, byte[] content) =>
        [.. Ascii(id), .. Bytes32((uint)content.Length), .. content, .. content.Length % 2 == 0 ? Array.Empty<byte>() : [0]];

    byte[] Format()
    {
        var align = BlockAlign ?? Channels * ((Bits + 7) / 8);
        byte[] plain =
        [
            .. Bytes16(Extensible ? 0xFFFE : Tag), .. Bytes16(Channels), .. Bytes32((uint)Rate), .. Bytes32((uint)(Rate * align)),
            .. Bytes16(align), .. Bytes16(Bits),
        ];
        return Extensible
            ? [.. plain, .. Bytes16(22), .. Bytes16(ValidBits ?? Bits), .. Bytes32(0), .. Bytes16(Tag), .. SubFormatTail]
            : plain;
    }

    static byte[] Ascii(string text) => System.Text.Encoding.ASCII.GetBytes(text);

    static byte[] Bytes16(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        return bytes;
    }

    static byte[] Bytes32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    static byte[] Bytes64(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }
}
