using System.Buffers.Binary;
using System.Numerics;
using Earshot.Compute;

namespace Earshot.Checkpoints.Gguf;

/// <summary>
/// What stands before the data of a GGUF file, version 2 or 3, checked against the file's length. Follows the format's description
/// (ggml's docs/gguf.md).
/// </summary>
sealed class GgufHeader
{
    /// <summary>Magic, version and two counts.</summary>
    public const int LeastLength = 24;

    public const string Format = "GGUF";
    const string AlignmentKey = "general.alignment";
    const int DefaultAlignment = 32;
    const int MaxNameLength = 65_535;
    const int MaxDimensions = 4;

    /// <summary>An info of a name of no bytes and no dimensions.</summary>
    const int LeastInfoLength = 24;

    readonly FileCursor _cursor;
    readonly MappedFile _file;

    GgufHeader(MappedFile file)
    {
        _file = file;
        _cursor = new FileCursor(file, Format);
        Version = ReadVersion();
        ulong tensors = _cursor.ReadUInt64(), pairs = _cursor.ReadUInt64();
        var reader = new GgufMetadataReader(_cursor);
        Metadata = reader.Read(pairs, file.Path);
        Alignment = ReadAlignment();
        ReadInfos(reader, tensors);
    }

    public uint Version { get; }

    public GgufMetadata Metadata { get; }

    public int Alignment { get; }

    public Dictionary<string, GgufTensorInfo> Tensors { get; } = new(StringComparer.Ordinal);

    /// <exception cref="CheckpointException">The file is not what the format asks for.</exception>
    public static GgufHeader Read(MappedFile file)
    {
        var header = new GgufHeader(file);
        header.CheckLayout();
        return header;
    }

    uint ReadVersion()
    {
        uint magic = _cursor.ReadUInt32();
        if (magic != BinaryPrimitives.ReadUInt32LittleEndian("GGUF"u8))
            throw new CheckpointException(ForeignWeights.NotOfFormat(_file.Path, Format));
        uint version = _cursor.ReadUInt32();
        if (version is 2 or 3) return version;
        throw (version & 0xFFFF) == 0 && version != 0
            ? _cursor.Damaged(
                $"it is big-endian (version {BinaryPrimitives.ReverseEndianness(version)}); little-endian files are read",
                advice: "Take the usual file of the same model, or convert it again on a little-endian machine.")
            : _cursor.Damaged(
                $"it has version {version} of the format; versions 2 and 3 are read",
                advice: "Convert the model again with a current llama.cpp.");
    }

    int ReadAlignment()
    {
        if (Metadata.FindInteger(AlignmentKey) is not { } alignment) return DefaultAlignment;
        return alignment is > 0 and <= 1 << 30 && BitOperations.IsPow2(alignment)
            ? (int)alignment
            : throw _cursor.Damaged($"'{AlignmentKey}' is {alignment}; expected a power of two");
    }

    void ReadInfos(GgufMetadataReader reader, ulong count)
    {
        if (count > (ulong)_cursor.Remaining / LeastInfoLength)
            throw _cursor.Damaged(
                $"its header tells of {count} tensors, each described by {LeastInfoLength} bytes at least, " +
                $"and the file has {_cursor.Remaining} bytes left");
        var offsets = new List<(GgufTensorInfo Info, ulong Offset)>();
        for (ulong i = 0; i < count; i++)
        {
            var name = reader.ReadName(MaxNameLength, $"the name of tensor {i}");
            var (shape, sizes) = ReadSizes(name);
            var type = ReadType(name, sizes);
            offsets.Add((new GgufTensorInfo(name, type, shape, 0, type.BytesOf(shape.Count)), _cursor.ReadUInt64()));
        }
        long start = Aligned(_cursor.Position);
        foreach (var (info, offset) in offsets) Add(info, start, offset);
    }

    (Shape Shape, long[] Sizes) ReadSizes(string name)
    {
        uint rank = _cursor.ReadUInt32();
        if (rank > MaxDimensions) throw _cursor.Damaged($"tensor '{name}' has {rank} dimensions; at most {MaxDimensions} are allowed");
        Span<int> dimensions = stackalloc int[(int)rank];
        var sizes = new long[rank];
        long count = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            ulong size = _cursor.ReadUInt64();
            // Eight bytes an element at the most, and the sum with the data's start stays below 2⁶³ by far.
            if (size > int.MaxValue || (size > 0 && count > (long.MaxValue >> 8) / (long)size))
                throw _cursor.Damaged($"tensor '{name}' has {size} as size {i}, or with it more elements than any memory has");
            sizes[i] = (long)size;
            count *= (long)size;
            dimensions[sizes.Length - 1 - i] = (int)size;
        }
        return (new Shape(dimensions), sizes);
    }

    GgmlType ReadType(string name, long[] sizes)
    {
        uint id = _cursor.ReadUInt32();
        var type = GgmlType.Find(id) ?? throw _cursor.Damaged(
            $"tensor '{name}' has the type {GgmlType.Describe(id)}", advice: "Take a file of this model in one of these types.");
        long row = sizes.Length > 0 ? sizes[0] : 1;
        return row % type.BlockLength == 0 ? type : throw _cursor.Damaged(
            $"tensor '{name}' of type {type} has rows of {row} elements; expected whole blocks of {type.BlockLength}");
    }

    void Add(GgufTensorInfo info, long start, ulong offset)
    {
        if (offset % (ulong)Alignment != 0)
            throw _cursor.Damaged($"tensor '{info.Name}' begins at byte {offset} of the data; expected a multiple of {Alignment}");
        // What lies beyond every file is refused with the others, as the end that the file should have.
        long begin = offset <= long.MaxValue / 4 ? start + (long)offset : long.MaxValue / 4;
        if (!Tensors.TryAdd(info.Name, info with { Offset = begin })) throw _cursor.Damaged($"tensor '{info.Name}' appears twice");
    }

    void CheckLayout()
    {
        long end = 0;
        GgufTensorInfo? before = null;
        foreach (var info in Tensors.Values.OrderBy(info => info.Offset).ThenBy(info => info.Bytes))
        {
            if (info.Offset < end)
                throw _cursor.Damaged(
                    $"tensor '{info.Name}' begins at byte {info.Offset} and overlaps '{before!.Name}', which ends at byte {end}");
            end = info.Offset + info.Bytes;
            before = info;
        }
        if (end > _file.Length)
            throw _cursor.Damaged(
                $"the file is incomplete: it has {_file.Length} of {end} bytes, and ends before tensor '{before!.Name}' does",
                advice: "Download it again.");
        CheckEnd(before is null ? Aligned(_cursor.Position) : Aligned(end));
    }

    /// <summary>Parts of a split model that were glued together have the next part's header behind the data.</summary>
    void CheckEnd(long end)
    {
        Span<byte> magic = stackalloc byte[4];
        if (end > _file.Length - LeastLength) return;
        _file.Read(end, magic);
        if (magic.SequenceEqual("GGUF"u8))
            throw _cursor.Damaged(
                $"behind its data, at byte {end}, another GGUF file begins: parts of a split model were glued together",
                advice: "Keep the parts as they are, beside each other, and give any of them.");
    }

    long Aligned(long position) => (position + Alignment - 1) / Alignment * Alignment;
}
