using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Memory that a thread works in, aligned to cache lines; it grows to the largest asked for and is then reused.</summary>
internal sealed unsafe class Scratch
{
    [ThreadStatic]
    static Scratch? _part;

    [ThreadStatic]
    static Scratch? _call;

    byte* _start;
    nint _length;

    ~Scratch() => NativeMemory.AlignedFree(_start);

    /// <summary>For the part of work that this thread executes; its former contents are lost.</summary>
    public static byte* ForPart(nint bytes) => (_part ??= new Scratch()).Reserve(bytes);

    /// <summary>For the call that this thread makes and all threads read.</summary>
    public static byte* ForCall(nint bytes) => (_call ??= new Scratch()).Reserve(bytes);

    byte* Reserve(nint bytes)
    {
        if (bytes <= _length) return _start;
        NativeMemory.AlignedFree(_start);
        _start = null;
        _length = 0;
        nint length = (bytes + 4095) & ~4095;
        _start = (byte*)NativeMemory.AlignedAlloc((nuint)length, 4096);
        _length = length;
        return _start;
    }
}
