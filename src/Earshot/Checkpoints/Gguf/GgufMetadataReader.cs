using System.Runtime.InteropServices;

namespace Earshot.Checkpoints.Gguf;

/// <summary>Reads metadata pairs one after the other; counts and lengths are held against the bytes left before anything is made.</summary>
sealed class GgufMetadataReader(FileCursor cursor)
{
    /// <summary>A key of one byte at the least: length, type, value.</summary>
    const int LeastPairLength = 13;

    const int MaxKeyLength = 65_535;
    const int MaxNesting = 4;

    public GgufMetadata Read(ulong pairs, string location)
    {
        if (pairs > (ulong)cursor.Remaining / LeastPairLength)
            throw cursor.Damaged(
                $"its header tells of {pairs} metadata pairs, each of {LeastPairLength} bytes at least, " +
                $"and the file has {cursor.Remaining} bytes left");
        var metadata = new GgufMetadata(location);
        for (ulong i = 0; i < pairs; i++)
        {
            long start = cursor.Position;
            var key = ReadName(MaxKeyLength, $"metadata key {i}");
            if (!metadata.TryAdd(key, ReadValue(ReadType(key), key, nesting: 0)))
                throw cursor.Damaged($"the metadata key '{key}' appears twice, the second time at byte {start}");
        }
        return metadata;
    }

    /// <summary>A key or a tensor's name: valid UTF-8 of limited length.</summary>
    public string ReadName(int limit, string what)
    {
        long start = cursor.Position;
        ulong length = cursor.ReadUInt64();
        if (length > (ulong)limit) throw cursor.Damaged($"{what} at byte {start} has {length} bytes; at most {limit} are allowed");
        return cursor.ReadText((int)length, strict: true, what);
    }

    GgufValueType ReadType(string key)
    {
        long start = cursor.Position;
        uint type = cursor.ReadUInt32();
        if (type > (uint)GgufValueType.Float64)
            throw cursor.Damaged(
                $"the metadata key '{key}' has a value of type {type} (at byte {start}); " +
                $"known are 0 to {(int)GgufValueType.Float64}", advice: "The file is damaged, or newer than what is read here.");
        return (GgufValueType)type;
    }

    object ReadValue(GgufValueType type, string key, int nesting) => type switch
    {
        GgufValueType.UInt8 => cursor.ReadByte(),
        GgufValueType.Int8 => (sbyte)cursor.ReadByte(),
        GgufValueType.UInt16 => cursor.ReadUInt16(),
        GgufValueType.Int16 => (short)cursor.ReadUInt16(),
        GgufValueType.UInt32 => cursor.ReadUInt32(),
        GgufValueType.Int32 => cursor.ReadInt32(),
        GgufValueType.Float32 => BitConverter.UInt32BitsToSingle(cursor.ReadUInt32()),
        GgufValueType.Boolean => ReadBoolean(key),
        GgufValueType.Text => ReadText(key),
        GgufValueType.UInt64 => cursor.ReadUInt64(),
        GgufValueType.Int64 => (long)cursor.ReadUInt64(),
        GgufValueType.Float64 => BitConverter.UInt64BitsToDouble(cursor.ReadUInt64()),
        _ => ReadArray(key, nesting),
    };

    bool ReadBoolean(string key)
    {
        long start = cursor.Position;
        byte value = cursor.ReadByte();
        return value <= 1
            ? value == 1
            : throw cursor.Damaged($"the metadata key '{key}' is a bool of {value} at byte {start}; expected 0 or 1");
    }

    // A vocabulary may hold pieces of characters: what is not UTF-8 becomes U+FFFD.
    string ReadText(string key)
    {
        long start = cursor.Position;
        ulong length = cursor.ReadUInt64();
        if (length > (ulong)Math.Min(cursor.Remaining, Array.MaxLength))
            throw cursor.Damaged(
                $"a string of the metadata key '{key}' at byte {start} has {length} bytes, and the file has {cursor.Remaining} left");
        return cursor.ReadText((int)length, strict: false, $"a string of '{key}'");
    }

    Array ReadArray(string key, int nesting)
    {
        if (nesting == MaxNesting) throw cursor.Damaged($"the metadata key '{key}' nests arrays more than {MaxNesting} deep");
        long start = cursor.Position;
        var type = ReadType(key);
        ulong count = cursor.ReadUInt64();
        int least = LeastLength(type);
        if (count > (ulong)(cursor.Remaining / least) || count > (ulong)(Array.MaxLength / sizeof(ulong)))
            throw cursor.Damaged(
                $"the metadata key '{key}' is an array of {count} elements (at byte {start}), each of {least} bytes at least, " +
                $"and the file has {cursor.Remaining} bytes left");
        int length = (int)count;
        return type switch
        {
            GgufValueType.UInt8 => Numbers<byte>(length),
            GgufValueType.Int8 => Numbers<sbyte>(length),
            GgufValueType.UInt16 => Numbers<ushort>(length),
            GgufValueType.Int16 => Numbers<short>(length),
            GgufValueType.UInt32 => Numbers<uint>(length),
            GgufValueType.Int32 => Numbers<int>(length),
            GgufValueType.Float32 => Numbers<float>(length),
            GgufValueType.UInt64 => Numbers<ulong>(length),
            GgufValueType.Int64 => Numbers<long>(length),
            GgufValueType.Float64 => Numbers<double>(length),
            GgufValueType.Boolean => Each(length, () => ReadBoolean(key)),
            GgufValueType.Text => Each(length, () => ReadText(key)),
            _ => Each(length, () => ReadArray(key, nesting + 1)),
        };
    }

    T[] Numbers<T>(int count) where T : unmanaged
    {
        var values = new T[count];
        cursor.ReadInto(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    static T[] Each<T>(int count, Func<T> read)
    {
        var values = new T[count];
        for (int i = 0; i < count; i++) values[i] = read();
        return values;
    }

    static int LeastLength(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Boolean => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.Array => 12,
        _ => 8,
    };
}
