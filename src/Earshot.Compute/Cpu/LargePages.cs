using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu;

/// <summary>
/// Memory of many pages: on Linux in pages of 2 MiB where the system allows, so that streaming it looks up fewer addresses.
/// </summary>
internal static unsafe partial class LargePages
{
    const nuint LargePage = 2 << 20;
    const int AdviseHugePages = 14; // MADV_HUGEPAGE

    /// <summary>Memory aligned to cache lines at least, to be freed with <see cref="NativeMemory.AlignedFree"/>.</summary>
    public static byte* Allocate(long bytes)
    {
        nuint length = (nuint)Math.Max(bytes, 64);
        if (length < 2 * LargePage) return (byte*)NativeMemory.AlignedAlloc(length, 4096);
        var start = (byte*)NativeMemory.AlignedAlloc(length, LargePage);
        // Advice only: where it is refused, the pages are small.
        if (OperatingSystem.IsLinux()) _ = Advise(start, length / LargePage * LargePage, AdviseHugePages);
        return start;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
