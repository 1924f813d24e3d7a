using System.Buffers.Binary;
using System.Text;

namespace Earshot.Onnx.Graph;

/// <summary>
/// Writes protobuf's wire format; large payloads are kept by reference and copied once, when the whole is written to its stream.
/// </summary>
sealed class ProtoWriter
{
    /// <summary>Payloads of fewer bytes are copied at once.</summary>
    const int SmallPayload = 1024;

    readonly List<(int Position, TensorData Data)> _payloads = [];
    byte[] _buffer = new byte[256];
    int _length;
    long _payloadLength;

    /// <summary>The bytes of everything written so far.</summary>
    public long Length => _length + _payloadLength;

    public void Int(int field, long value)
    {
        Key(field, ProtoKind.Varint);
        Varint((ulong)value);
    }

    public void Float(int field, float value)
    {
        Key(field, ProtoKind.Fixed32);
        BinaryPrimitives.WriteSingleLittleEndian(Grow(4), value);
    }

    public void Bytes(int field, ReadOnlySpan<byte> bytes)
    {
        Key(field, ProtoKind.Bytes);
        Varint((ulong)bytes.Length);
        bytes.CopyTo(Grow(bytes.Length));
    }

    public void Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a text unless it is empty.</summary>
    public void OptionalText(int field, string? text)
    {
        if (!string.IsNullOrEmpty(text)) Text(field, text);
    }

    public void PackedInts(int field, ReadOnlySpan<long> values)
    {
        var packed = new ProtoWriter();
        foreach (long value in values) packed.Varint((ulong)value);
        Message(field, packed);
    }

    /// <summary>Writes a tensor's elements.</summary>
    public void Payload(int field, TensorData data)
    {
        Key(field, ProtoKind.Bytes);
        Varint((ulong)data.ByteLength);
        if (data.ByteLength < SmallPayload)
        {
            data.Bytes.Span.CopyTo(Grow((int)data.ByteLength));
            return;
        }
        _payloads.Add((_length, data));
        _payloadLength += data.ByteLength;
    }

    public void Message(int field, ProtoWriter message)
    {
        Key(field, ProtoKind.Bytes);
        Varint((ulong)message.Length);
        foreach (var (position, data) in message._payloads) _payloads.Add((_length + position, data));
        _payloadLength += message._payloadLength;
        message._buffer.AsSpan(0, message._length).CopyTo(Grow(message._length));
    }

    /// <summary>Writes fields as they were read.</summary>
    public void Raw(ReadOnlySpan<byte> fields) => fields.CopyTo(Grow(fields.Length));

    public void CopyTo(Stream destination)
    {
        int position = 0;
        foreach (var (end, data) in _payloads)
        {
            destination.Write(_buffer.AsSpan(position, end - position));
            data.CopyTo(destination);
            position = end;
        }
        destination.Write(_buffer.AsSpan(position, _length - position));
    }

    void Key(int field, ProtoKind kind) => Varint((ulong)field << 3 | (ulong)kind);

    void Varint(ulong value)
    {
        while (value >= 128)
        {
            Grow(1)[0] = (byte)(value | 128);
            value >>= 7;
        }
        Grow(1)[0] = (byte)value;
    }

    Span<byte> Grow(int count)
    {
        if (_length + count > _buffer.Length) Array.Resize(ref _buffer, Math.Max(checked(_length + count), _buffer.Length * 2));
        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
