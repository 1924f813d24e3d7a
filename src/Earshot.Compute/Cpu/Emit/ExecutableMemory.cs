using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Pages that hold emitted machine code: written first, then made executable, never both at once. Where data and instructions have caches
/// of their own (arm64), what was written is made known to the latter.
/// </summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    const int ReadWrite = 1 | 2;
    const int ReadExecute = 1 | 4;
    const int Private = 0x02;
    const int AnonymousOnLinux = 0x20;
    const int AnonymousOnMac = 0x1000;
    const int JitOnMac = 0x0800;
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
        bool arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
        // Only pages of this kind may hold code without a signature in a hardened program. They are not mapped writable and executable, to
        // be switched by pthread_jit_write_protect_np: that would take from this thread the runtime's own compiled code as well.
        int anonymous = OperatingSystem.IsLinux() ? AnonymousOnLinux : arm ? AnonymousOnMac | JitOnMac : AnonymousOnMac;
        var start = Mmap(null, length, ReadWrite, Private | anonymous, -1, 0);
        if ((nint)start == -1) return null;
        code.CopyTo(new Span<byte>(start, code.Length));
        if (Mprotect(start, length, ReadExecute) == 0)
        {
            if (arm) InstructionCache.Flush(start, length);
            return new ExecutableMemory(start, length);
        }
        _ = Munmap(start, length);
        return null;
    }

    static ExecutableMemory? TryCreateOnWindows(ReadOnlySpan<byte> code, nuint length)
    {
        var start = VirtualAlloc(null, length, 0x3000, PageReadWrite);
        if (start is null) return null;
        code.CopyTo(new Span<byte>(start, code.Length));
        if (VirtualProtect(start, length, PageExecuteRead, out _))
        {
            if (RuntimeInformation.ProcessArchitecture == Architecture.Arm64) InstructionCache.Flush(start, length);
            return new ExecutableMemory(start, length);
        }
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
