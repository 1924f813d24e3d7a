using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu;

/// <summary>
/// What Windows says of its cores, by groups of up to 64 processors: SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX of RelationProcessorCore, as
/// Microsoft's documentation of winnt.h lays it out.
/// </summary>
internal static unsafe partial class WindowsProcessors
{
    const int RelationProcessorCore = 0;
    const int RelationOffset = 0, SizeOffset = 4, CountOffset = 30, MasksOffset = 32;

    // KAFFINITY of 8 bytes, the group's number of 2, and 6 reserved.
    const int MaskBytes = 16, GroupOffset = 8;

    /// <summary>Cores of which the process may use a thread; null where the system does not tell.</summary>
    public static int? Cores()
    {
        if (!Environment.Is64BitProcess) return null;
        return Table(RelationProcessorCore) is { } table ? Cores(table, Allowed()) : null;
    }

    /// <summary>The records of a relation, one behind the other; null where the system does not tell.</summary>
    internal static byte[]? Table(int relation)
    {
        uint length = 0;
        _ = GetLogicalProcessorInformationEx(relation, null, ref length);
        if (length is 0 or > 1 << 24) return null;
        var buffer = new byte[length];
        fixed (byte* start = buffer)
        {
            if (!GetLogicalProcessorInformationEx(relation, start, ref length)) return null;
        }
        return length < buffer.Length ? buffer[..(int)length] : buffer;
    }

    /// <summary>Cores in a table that have a processor among the allowed ones; null where the table is none.</summary>
    /// <param name="allowed">Processors by group; null for all there are.</param>
    internal static int? Cores(ReadOnlySpan<byte> table, IReadOnlyDictionary<ushort, ulong>? allowed)
    {
        int cores = 0;
        while (table.Length > 0)
        {
            if (table.Length < MasksOffset) return null;
            int relation = BinaryPrimitives.ReadInt32LittleEndian(table[RelationOffset..]);
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(table[SizeOffset..]);
            if (size < MasksOffset || size > (uint)table.Length) return null;
            if (relation == RelationProcessorCore)
            {
                int masks = BinaryPrimitives.ReadUInt16LittleEndian(table[CountOffset..]);
                if (MasksOffset + masks * MaskBytes > size) return null;
                if (IsAllowed(table.Slice(MasksOffset, masks * MaskBytes), allowed)) cores++;
            }
            table = table[(int)size..];
        }
        return cores > 0 ? cores : null;
    }

    static bool IsAllowed(ReadOnlySpan<byte> masks, IReadOnlyDictionary<ushort, ulong>? allowed)
    {
        if (allowed is null) return true;
        for (; masks.Length > 0; masks = masks[MaskBytes..])
        {
            ulong mask = BinaryPrimitives.ReadUInt64LittleEndian(masks);
            ushort group = BinaryPrimitives.ReadUInt16LittleEndian(masks[GroupOffset..]);
            if ((allowed.GetValueOrDefault(group) & mask) != 0) return true;
        }
        return false;
    }

    // A process of one group has a mask in it; one of several says zero, and has all processors of its groups.
    static Dictionary<ushort, ulong>? Allowed()
    {
        const int mostGroups = 64;
        ushort* groups = stackalloc ushort[mostGroups];
        ushort count = mostGroups;
        nint process = GetCurrentProcess();
        if (!GetProcessGroupAffinity(process, ref count, groups) || count is 0 or > mostGroups) return null;
        nuint mask = 0;
        if (count == 1 && (!GetProcessAffinityMask(process, out mask, out _) || mask == 0)) return null;
        var allowed = new Dictionary<ushort, ulong>();
        for (int i = 0; i < count; i++) allowed[groups[i]] = count == 1 ? mask : ulong.MaxValue;
        return allowed;
    }

    [LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetLogicalProcessorInformationEx(int relation, byte* buffer, ref uint length);

    [LibraryImport("kernel32")]
    private static partial nint GetCurrentProcess();

    [LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetProcessGroupAffinity(nint process, ref ushort count, ushort* groups);

    [LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetProcessAffinityMask(nint process, out nuint processMask, out nuint systemMask);
}
