using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>Makes instructions that were written as data known to the processor, where its caches do not do that (arm64).</summary>
internal static unsafe partial class InstructionCache
{
    static readonly Lazy<nint> s_clear = new(FindClear);

    public static void Flush(byte* start, nuint length)
    {
        if (OperatingSystem.IsWindows()) _ = FlushInstructionCache(CurrentProcess(), start, length);
        else if (OperatingSystem.IsMacOS()) Invalidate(start, length);
        else if (s_clear.Value is not 0 and var clear)
        {
            ((delegate* unmanaged[Cdecl]<byte*, byte*, void>)clear)(start, start + length);
        }
    }

    // The compiler's own, in the library that most programs of Linux load. The kernel does the same when a fresh page first becomes
    // executable (its set_pte_at), on which a system without the library is left to rely.
    static nint FindClear() =>
        NativeLibrary.TryLoad("libgcc_s.so.1", out nint library) && NativeLibrary.TryGetExport(library, "__clear_cache", out nint clear)
            ? clear
            : 0;

    [LibraryImport("kernel32", EntryPoint = "GetCurrentProcess")]
    private static partial nint CurrentProcess();

    [LibraryImport("kernel32", EntryPoint = "FlushInstructionCache")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool FlushInstructionCache(nint process, byte* start, nuint length);

    [LibraryImport("libSystem", EntryPoint = "sys_icache_invalidate")]
    private static partial void Invalidate(byte* start, nuint length);
}
