using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>
/// Keys and values of past positions, (rows, heads, capacity, size) float32 or bfloat16: a head's past is read in one go. A table says for each row and position which
/// row physically holds it, so that reordering beams moves indices and not keys.
/// </summary>
internal sealed unsafe class CpuKeyValueCache : KeyValueCache
{
    readonly int[] _source;
    readonly int[] _previous;
    byte* _keys;
    byte* _values;

    public CpuKeyValueCache(int rows, int capacity, int width, Heads heads, KeyValueFormat format)
    {
        Heads = heads.KeyValue;
        Rows = rows;
        Capacity = capacity;
        IsBF16 = format != KeyValueFormat.F32;
        _source = new int[rows * capacity];
        _previous = new int[rows * capacity];
        // Small pages: most rows are never used, or not to their end.
        Bytes = width / Heads * (IsBF16 ? sizeof(ushort) : sizeof(float));
        nuint bytes = (nuint)((long)rows * capacity * Heads * Bytes);
        _keys = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
        _values = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
    }

    ~CpuKeyValueCache() => Dispose(false);

    public int Rows { get; }

    public int Capacity { get; }

    public int Heads { get; }

    public bool IsBF16 { get; }

    /// <summary>Bytes of one key or value of one head.</summary>
    public int Bytes { get; }

    /// <summary>Makes a position of a row the row's own, to be written where <see cref="Offset"/> says.</summary>
    public void Claim(int row, int position)
    {
        if ((uint)row >= (uint)Rows || (uint)position >= (uint)Capacity) throw new ModelException($"Position {position} of row {row} is outside a cache of {Rows} rows and {Capacity} positions.");
        _source[row * Capacity + position] = row;
    }

    public byte* Keys => _keys;

    public byte* Values => _values;

    /// <summary>Which rows physically hold a row's positions.</summary>
    public ReadOnlySpan<int> Sources(int row) => _source.AsSpan(row * Capacity, Capacity);

    /// <summary>Where the first position of a head of a physical row is, in <see cref="Keys"/> and <see cref="Values"/>.</summary>
    public nint Offset(int physicalRow, int head) => ((nint)physicalRow * Heads + head) * Capacity * Bytes;

    public override void Reorder(ReadOnlySpan<int> rows, ReadOnlySpan<int> parents, int length)
    {
        foreach (int parent in parents) _source.AsSpan(parent * Capacity, length).CopyTo(_previous.AsSpan(parent * Capacity));
        for (int i = 0; i < rows.Length; i++) _previous.AsSpan(parents[i] * Capacity, length).CopyTo(_source.AsSpan(rows[i] * Capacity));
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_keys);
        NativeMemory.AlignedFree(_values);
        _keys = _values = null;
        base.Dispose(disposing);
    }
}

/// <summary>Keys and values of an encoder's output, packed once for every head: (slots, heads) of <see cref="HeadLayout"/>.</summary>
internal sealed unsafe class CpuAttentionMemory : AttentionMemory
{
    readonly WorkerPool _pool;
    readonly int _heads;
    readonly int _capacity;
    readonly int[] _positions;
    byte* _panels;

    public CpuAttentionMemory(int slots, int positions, int width, Heads heads, CpuDevice device)
    {
        _pool = device.Workers;
        Slots = slots;
        _heads = heads.KeyValue;
        _capacity = positions;
        _positions = new int[slots];
        Layout = new HeadLayout(device.MemoryKernel, width / heads.KeyValue, positions);
        _panels = LargePages.Allocate(checked(slots * (long)_heads * Layout.Bytes));
    }

    ~CpuAttentionMemory() => Dispose(false);

    public int Slots { get; }

    /// <summary>Positions of a slot that are attended to: as many as were last remembered there.</summary>
    public int Positions(int slot) => _positions[slot];

    public HeadLayout Layout { get; }

    /// <summary>The panels of one head of a slot.</summary>
    public byte* Panels(int slot, int head)
    {
        if ((uint)slot >= (uint)Slots) throw new ModelException($"Slot {slot} is outside an attention memory of {Slots} slots.");
        return _panels + ((long)slot * _heads + head) * Layout.Bytes;
    }

    public void Store(int slot, int positions, float* keys, float* values)
    {
        if ((uint)slot >= (uint)Slots || positions > _capacity) throw new ModelException($"{positions} positions for slot {slot} do not fit a memory of {Slots} slots and {_capacity} positions.");
        _positions[slot] = positions;
        Attention.Pack(_pool, new PackCall { Layout = Layout, Keys = keys, Values = values, Heads = _heads, Positions = positions, Panels = Panels(slot, 0) });
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_panels);
        _panels = null;
        base.Dispose(disposing);
    }
}

/// <summary>Hidden and cell values of a recurrent layer.</summary>
internal sealed class CpuRecurrentState(int rows, int size) : RecurrentState
{
    public float[] Hidden { get; } = new float[rows * size];

    public float[] Cell { get; } = new float[rows * size];

    public int Size => size;

    public override void Reset()
    {
        Array.Clear(Hidden);
        Array.Clear(Cell);
    }
}
