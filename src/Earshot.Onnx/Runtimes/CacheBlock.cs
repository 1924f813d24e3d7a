using Earshot.Onnx.Export;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>What a decoder's past consists of: keys and values by layer, (rows, heads, length, size of a head) each.</summary>
sealed record CacheLayout(int Layers, int Heads, int HeadSize, OnnxElementType Type, OnnxMemoryInfo Place, OnnxAllocator? Allocator)
{
    /// <summary>Whether it is in the processor's memory.</summary>
    public bool IsOnCpu => Allocator is null;

    /// <summary>Keys and values, in turn.</summary>
    public int Tensors => 2 * Layers;

    public static string Past(int tensor) =>
        tensor % 2 == 0 ? GraphNames.PastKey(tensor / 2, "decoder") : GraphNames.PastValue(tensor / 2, "decoder");

    public static string Present(int tensor) =>
        tensor % 2 == 0 ? GraphNames.PresentKey(tensor / 2, "decoder") : GraphNames.PresentValue(tensor / 2, "decoder");

    public static string CrossInput(int tensor) =>
        tensor % 2 == 0 ? GraphNames.PastKey(tensor / 2, "encoder") : GraphNames.PastValue(tensor / 2, "encoder");

    public static string CrossOutput(int tensor) =>
        tensor % 2 == 0 ? GraphNames.PresentKey(tensor / 2, "encoder") : GraphNames.PresentValue(tensor / 2, "encoder");
}

/// <summary>
/// One of a decoder's two blocks of cache memory, seen as tensors of a number of rows and positions. It grows when it must, losing what it
/// held.
/// </summary>
sealed class CacheBlock(CacheLayout layout) : IDisposable
{
    // Positions by which a block grows; twice the size it had where that is more.
    const int LeastPositions = 64;

    readonly OnnxValue?[] _views = new OnnxValue?[layout.Tensors];
    OnnxValue? _memory;
    long _capacity; // bytes a tensor

    public int Rows { get; private set; }

    public int Length { get; private set; }

    public OnnxValue this[int tensor] => _views[tensor]!;

    /// <summary>Sees the memory as tensors of these sizes. Fewer rows of the same length keep what they held.</summary>
    public void See(int rows, int length)
    {
        if (_views[0] is not null && rows == Rows && length == Length) return;
        long position = (long)rows * layout.Heads * layout.HeadSize * layout.Type.Bits() / 8;
        long bytes = position * length;
        if (_memory is null || bytes > _capacity) Grow(Math.Max(Math.Max(bytes, position * LeastPositions), 2 * _capacity));
        ReadOnlySpan<long> shape = [rows, layout.Heads, length, layout.HeadSize];
        nint start = _memory!.DangerousPointer();
        for (int i = 0; i < _views.Length; i++)
        {
            _views[i]?.Dispose();
            _views[i] = OnnxValue.FromPointer(layout.Type, start + (nint)(i * _capacity), bytes, shape, layout.Place);
        }
        (Rows, Length) = (rows, length);
    }

    public void Dispose()
    {
        foreach (var view in _views) view?.Dispose();
        _memory?.Dispose();
    }

    void Grow(long capacity)
    {
        const int alignment = 256;
        _capacity = (capacity + alignment - 1) / alignment * alignment;
        _memory?.Dispose();
        _memory = null;
        long bytes = checked(_capacity * layout.Tensors);
        _memory = layout.Allocator is { } allocator
            ? allocator.Allocate(OnnxElementType.UInt8, bytes)
            : OnnxValue.Allocate(OnnxElementType.UInt8, bytes);
    }
}
