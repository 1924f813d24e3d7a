using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>Pages that hold emitted machine code: written first, then made executable, never both at once.</summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    const int ReadWrite = 1 | 2;
    const int ReadExecute = 1 | 4;
    const uint PageReadWrite = 0x04;
    const uint PageExecuteRead = 0x20;

    byte* _start;
    readonly nuint _length;

    ExecutableMemory(byte* start, nuint length)
    {
        _start = start;
        _length = length;
    }

    ~ExecutableMemory() => Free();

    /// <summary>The first byte of the code.</summary>
    public byte* Start => _start;

    /// <summary>Copies code to fresh pages and makes them executable; null where the system refuses that.</summary>
    public static ExecutableMemory? TryCreate(ReadOnlySpan<byte> code)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        nuint length = ((nuint)code.Length + page - 1) / page * page;
        return OperatingSystem.IsWindows() ? TryCreateOnWindows(code, length) : TryCreateOnUnix(code, length);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    static ExecutableMemory? TryCreateOnUnix(ReadOnlySpan<byte> code, nuint length)
    {
        int anonymous = OperatingSystem.IsLinux() ? 0x20 : 0x1000;
        var start = Mmap(null, length, ReadWrite, 0x02 | anonymous, -1, 0);
        if ((nint)start == -1) return null;
        code.CopyTo(new Span<byte>(start, code.Length));
        if (Mprotect(start, length, ReadExecute) == 0) return new ExecutableMemory(start, length);
        _ = Munmap(start, length);
        return null;
    }

    static ExecutableMemory? TryCreateOnWindows(ReadOnlySpan<byte> code, nuint length)
    {
        var start = VirtualAlloc(null, length, 0x3000, PageReadWrite);
        if (start is null) return null;
        code.CopyTo(new Span<byte>(start, code.Length));
        if (VirtualProtect(start, length, PageExecuteRead, out _)) return new ExecutableMemory(start, length);
        _ = VirtualFree(start, 0, 0x8000);
        return null;
    }

    void Free()
    {
        if (_start is null) return;
        if (OperatingSystem.IsWindows()) _ = VirtualFree(_start, 0, 0x8000);
        else _ = Munmap(_start, _length);
        _start = null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Munmap(void* address, nuint length);

    [LibraryImport("kernel32", EntryPoint = "VirtualAlloc")]
    private static partial byte* VirtualAlloc(void* address, nuint size, uint type, uint protection);

    [LibraryImport("kernel32", EntryPoint = "VirtualProtect")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualProtect(void* address, nuint size, uint protection, out uint old);

    [LibraryImport("kernel32", EntryPoint = "VirtualFree")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualFree(void* address, nuint size, uint type);
}
