using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu;

/// <summary>
/// Memory for the temporaries of one step: a pointer moves forward, and everything is freed at once. After the first steps
/// nothing is allocated any more, neither here nor as garbage.
/// </summary>
internal sealed unsafe class Arena : IDisposable
{
    const long SmallestBlock = 1 << 20;
    const int Alignment = 64;

    readonly List<(nint Pointer, long Size)> _blocks = [];
    int _block = -1;
    long _used;

    ~Arena() => Free();

    /// <summary>Bytes held, in use or not.</summary>
    public long Capacity { get; private set; }

    public (long Bytes, int Blocks) Position => (_used, _block);

    public void* Allocate(long bytes)
    {
        bytes = (Math.Max(bytes, 1) + Alignment - 1) & ~(long)(Alignment - 1);
        while (_block < 0 || _used + bytes > _blocks[_block].Size)
        {
            if (_block + 1 == _blocks.Count) Grow(bytes);
            _block++;
            _used = 0;
        }
        void* pointer = (byte*)_blocks[_block].Pointer + _used;
        _used += bytes;
        return pointer;
    }

    public void ReturnTo(long bytes, int blocks)
    {
        _used = bytes;
        _block = blocks;
    }

    /// <summary>Frees everything; several blocks become one, so that the next step finds its memory in one piece.</summary>
    public void Clear()
    {
        if (_blocks.Count > 1)
        {
            long total = Capacity;
            Free();
            Grow(total);
        }
        _block = _blocks.Count == 0 ? -1 : 0;
        _used = 0;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    void Grow(long bytes)
    {
        long size = Math.Max(bytes, Math.Max(SmallestBlock, Capacity / 2));
        _blocks.Add(((nint)LargePages.Allocate(size), size));
        Capacity += size;
    }

    void Free()
    {
        foreach (var (pointer, _) in _blocks) NativeMemory.AlignedFree((void*)pointer);
        _blocks.Clear();
        Capacity = 0;
        _block = -1;
        _used = 0;
    }
}
