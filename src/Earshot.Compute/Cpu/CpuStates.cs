using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu;

/// <summary>
/// Keys and values of past positions, (rows, capacity, width) float32. A table says for each row and position which row
/// physically holds it, so that reordering beams moves indices and not keys.
/// </summary>
internal sealed unsafe class CpuKeyValueCache : KeyValueCache
{
    readonly int[] _source;
    readonly int[] _previous;
    float* _keys;
    float* _values;

    public CpuKeyValueCache(int rows, int capacity, int width)
    {
        Rows = rows;
        Capacity = capacity;
        Width = width;
        _source = new int[rows * capacity];
        _previous = new int[rows * capacity];
        nuint bytes = (nuint)((long)rows * capacity * width * sizeof(float));
        _keys = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        _values = (float*)NativeMemory.AlignedAlloc(bytes, 64);
    }

    ~CpuKeyValueCache() => Dispose(false);

    public int Rows { get; }

    public int Capacity { get; }

    public int Width { get; }

    public void Append(int row, int position, float* key, float* value)
    {
        if ((uint)row >= (uint)Rows || (uint)position >= (uint)Capacity) throw new ModelException($"Position {position} of row {row} is outside a cache of {Rows} rows and {Capacity} positions.");
        _source[row * Capacity + position] = row;
        long offset = ((long)row * Capacity + position) * Width;
        new ReadOnlySpan<float>(key, Width).CopyTo(new Span<float>(_keys + offset, Width));
        new ReadOnlySpan<float>(value, Width).CopyTo(new Span<float>(_values + offset, Width));
    }

    public ReadOnlySpan<float> Key(int row, int position, int offset, int size) => new(_keys + Offset(row, position) + offset, size);

    public ReadOnlySpan<float> Value(int row, int position, int offset, int size) => new(_values + Offset(row, position) + offset, size);

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

    long Offset(int row, int position) => ((long)_source[row * Capacity + position] * Capacity + position) * Width;
}

/// <summary>Keys and values of an encoder's output, (slots, positions, width) float32.</summary>
internal sealed unsafe class CpuAttentionMemory : AttentionMemory
{
    readonly int _headSize;
    readonly int _capacity;
    readonly int _width;
    readonly int[] _positions;
    float* _keys;
    float* _values;

    public CpuAttentionMemory(int slots, int positions, int width, Heads heads)
    {
        Slots = slots;
        _capacity = positions;
        _positions = new int[slots];
        _width = width;
        _headSize = width / heads.KeyValue;
        nuint bytes = (nuint)((long)slots * positions * width * sizeof(float));
        _keys = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        _values = (float*)NativeMemory.AlignedAlloc(bytes, 64);
    }

    ~CpuAttentionMemory() => Dispose(false);

    public int Slots { get; }

    /// <summary>Positions of a slot that are attended to: as many as were last remembered there.</summary>
    public int Positions(int slot) => _positions[slot];

    public void Store(int slot, int positions, float* keys, float* values)
    {
        if ((uint)slot >= (uint)Slots || positions > _capacity) throw new ModelException($"{positions} positions for slot {slot} do not fit a memory of {Slots} slots and {_capacity} positions.");
        _positions[slot] = positions;
        long offset = (long)slot * _capacity * _width;
        int count = positions * _width;
        new ReadOnlySpan<float>(keys, count).CopyTo(new Span<float>(_keys + offset, count));
        new ReadOnlySpan<float>(values, count).CopyTo(new Span<float>(_values + offset, count));
    }

    public ReadOnlySpan<float> Key(int slot, int position, int head) => new(_keys + ((long)slot * _capacity + position) * _width + head * _headSize, _headSize);

    public ReadOnlySpan<float> Value(int slot, int position, int head) => new(_values + ((long)slot * _capacity + position) * _width + head * _headSize, _headSize);

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_keys);
        NativeMemory.AlignedFree(_values);
        _keys = _values = null;
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
