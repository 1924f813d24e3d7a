using System.Buffers.Binary;
using System.Text;

namespace Earshot.Onnx.Graph;

/// <summary>
/// Reads protobuf's wire format over a span: a message is a run of fields, each a key (number and kind) and a value. Every length is
/// checked against what is left. This and <see cref="ProtoWriter"/> stand in for generated code: the schema that we read is small, and
/// tensors are taken as slices of the file without a copy.
/// </summary>
struct ProtoReader
{
    readonly ReadOnlyMemory<byte> _bytes;
    readonly string _what;
    int _position;
    int _fieldStart;

    public ProtoReader(ReadOnlyMemory<byte> bytes, string what)
    {
        _bytes = bytes;
        _what = what;
    }

    /// <summary>The number of the field that <see cref="Next"/> came to.</summary>
    public int Field { get; private set; }

    ProtoKind Kind { get; set; }

    readonly ReadOnlySpan<byte> Rest => _bytes.Span[_position..];

    /// <summary>Goes to the next field; returns false at the message's end. The field before it must have been read or skipped.</summary>
    public bool Next()
    {
        if (_position == _bytes.Length) return false;
        _fieldStart = _position;
        ulong key = Varint();
        if (key >> 3 is 0 or > 536_870_911) throw Bad($"a field of number {key >> 3}");
        Field = (int)(key >> 3);
        Kind = (ProtoKind)(key & 7);
        if (Kind is not (ProtoKind.Varint or ProtoKind.Fixed64 or ProtoKind.Bytes or ProtoKind.Fixed32))
            throw Bad($"field {Field} of kind {(int)Kind}, which protobuf does not have here");
        return true;
    }

    public long Int64()
    {
        Require(ProtoKind.Varint);
        return (long)Varint();
    }

    /// <summary>An int32; larger numbers are refused rather than cut off.</summary>
    public int Int32()
    {
        long value = Int64();
        if (value is < int.MinValue or > int.MaxValue) throw Bad($"field {Field} with {value}, which is no 32-bit number");
        return (int)value;
    }

    public float Float()
    {
        Require(ProtoKind.Fixed32);
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4).Span);
    }

    /// <summary>A string, a run of bytes, or a message inside: a slice, not a copy.</summary>
    public ReadOnlyMemory<byte> Bytes()
    {
        Require(ProtoKind.Bytes);
        return Take(Varint());
    }

    public string Text()
    {
        var bytes = Bytes();
        try
        {
            return s_strict.GetString(bytes.Span);
        }
        catch (DecoderFallbackException)
        {
            throw Bad($"field {Field} with text that is not UTF-8");
        }
    }

    public ProtoReader Message(string what) => new(Bytes(), what);

    /// <summary>Adds one int64, or a packed run of them.</summary>
    public void Int64s(List<long> values)
    {
        if (Kind != ProtoKind.Bytes)
        {
            values.Add(Int64());
            return;
        }
        var packed = Message(_what);
        while (packed._position < packed._bytes.Length) values.Add((long)packed.Varint());
    }

    /// <summary>Adds one fixed-size number, or a packed run of them, as little-endian bytes.</summary>
    public void Fixed(List<byte> bytes, int size)
    {
        var slice = Kind == ProtoKind.Bytes ? Bytes() : Kind == (size == 4 ? ProtoKind.Fixed32 : ProtoKind.Fixed64) ? Take((ulong)size)
            : throw Bad($"field {Field} of kind {Kind}");
        if (slice.Length % size != 0) throw Bad($"field {Field} with {slice.Length} bytes, no multiple of {size}");
        bytes.AddRange(slice.Span);
    }

    /// <summary>Skips the field and returns all its bytes, key and all, so that it can be written again as it was.</summary>
    public ReadOnlyMemory<byte> Skip()
    {
        _ = Kind switch
        {
            ProtoKind.Varint => SkipVarint(),
            ProtoKind.Fixed64 => Take(8),
            ProtoKind.Fixed32 => Take(4),
            _ => Take(Varint()),
        };
        return _bytes[_fieldStart.._position];
    }

    public readonly OnnxModelException Bad(string found) => new($"The ONNX {_what} is damaged at its byte {_fieldStart}: {found}.");

    static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    ReadOnlyMemory<byte> SkipVarint()
    {
        Varint();
        return default;
    }

    ReadOnlyMemory<byte> Take(ulong length)
    {
        int left = _bytes.Length - _position;
        if (length > (ulong)left) throw Bad($"field {Field} claims {length} bytes and {left} are left");
        var slice = _bytes.Slice(_position, (int)length);
        _position += (int)length;
        return slice;
    }

    ulong Varint()
    {
        ulong value = 0;
        var rest = Rest;
        for (int i = 0; i < rest.Length && i < 10; i++)
        {
            value |= (ulong)(rest[i] & 127) << (7 * i);
            if (rest[i] >= 128) continue;
            _position += i + 1;
            return value;
        }
        throw Bad(rest.Length < 10 ? "a number that is cut off" : "a number of more than ten bytes");
    }

    readonly void Require(ProtoKind kind)
    {
        if (Kind != kind) throw Bad($"field {Field} of kind {Kind}, expected {kind}");
    }
}

/// <summary>How a field's value is laid out.</summary>
enum ProtoKind
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}
