using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu;

/// <summary>What macOS says of its machine, by name (sysctl).</summary>
internal static unsafe partial class SystemControl
{
    /// <summary>A whole number of four or eight bytes; null where the system is another or knows no such name.</summary>
    public static long? Read(string name)
    {
        if (!OperatingSystem.IsMacOS()) return null;
        long value = 0;
        nuint size = sizeof(long);
        if (ByName(name, &value, &size, null, 0) != 0) return null;
        return size switch { sizeof(long) => value, sizeof(int) => (int)value, _ => null };
    }

    [LibraryImport("libSystem", EntryPoint = "sysctlbyname", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ByName(string name, void* value, nuint* size, void* newValue, nuint newSize);
}
