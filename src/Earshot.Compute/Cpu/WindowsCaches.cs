using System.Buffers.Binary;

namespace Earshot.Compute.Cpu;

/// <summary>The caches that Windows lists (GetLogicalProcessorInformationEx), for processors that do not say them themselves.</summary>
internal static class WindowsCaches
{
    // RelationCache, and where its record has what (winnt.h): relation and size, then level, associativity, line, size, type.
    const int Relation = 2;
    const int SizeAt = 4;
    const int LevelAt = 8;
    const int BytesAt = 12;
    const int TypeAt = 16;
    const int RecordBytes = 20;
    const int Instructions = 1;

    public static CacheSizes? OfFirstCore()
    {
        if (!OperatingSystem.IsWindows()) return null;
        return WindowsProcessors.Table(Relation) is { } records ? Parse(records) : null;
    }

    /// <summary>The first cache of each level that holds data; null where the records say none.</summary>
    internal static CacheSizes? Parse(ReadOnlySpan<byte> records)
    {
        Span<int> sizes = stackalloc int[4];
        sizes.Clear();
        while (records.Length >= RecordBytes)
        {
            int size = BinaryPrimitives.ReadInt32LittleEndian(records[SizeAt..]), level = records[LevelAt];
            if (size < RecordBytes || size > records.Length) break;
            int bytes = BinaryPrimitives.ReadInt32LittleEndian(records[BytesAt..]);
            bool holdsData = BinaryPrimitives.ReadInt32LittleEndian(records[TypeAt..]) != Instructions;
            if (BinaryPrimitives.ReadInt32LittleEndian(records) == Relation && holdsData && level < sizes.Length && sizes[level] == 0)
                sizes[level] = Math.Max(0, bytes);
            records = records[size..];
        }
        return CacheSizes.Plausible(sizes[1], sizes[2]);
    }
}
