using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>Keys and values of an encoder's output, packed once for every head: (slots, heads) of <see cref="HeadLayout"/>.</summary>
internal sealed unsafe class CpuCrossAttentionMemory : CrossAttentionMemory
{
    readonly WorkerPool _pool;
    readonly int _heads;
    readonly int _capacity;
    readonly int[] _positions;
    byte* _panels;

    public CpuCrossAttentionMemory(int slots, int positions, int width, Heads heads, CpuDevice device)
    {
        _pool = device.Workers;
        Slots = slots;
        _heads = heads.KeyValue;
        _capacity = positions;
        _positions = new int[slots];
        Layout = new HeadLayout(device.MemoryKernel, width / heads.KeyValue, positions);
        _panels = LargePages.Allocate(checked(slots * (long)_heads * Layout.Bytes));
    }

    ~CpuCrossAttentionMemory() => Dispose(false);

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
        if ((uint)slot >= (uint)Slots || positions > _capacity)
        {
            throw new ModelException(
                $"{positions} positions for slot {slot} do not fit a memory of {Slots} slots and {_capacity} positions.");
        }
        _positions[slot] = positions;
        Attention.Pack(_pool, new PackCall
        {
            Layout = Layout,
            Keys = keys,
            Values = values,
            Heads = _heads,
            Positions = positions,
            Panels = Panels(slot, 0),
        });
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_panels);
        _panels = null;
        base.Dispose(disposing);
    }
}

/// <summary>The last frames of some sequences.</summary>
internal sealed class CpuFrameTail(int rows, int frames, int size) : FrameTail
{
    readonly float[] _values = new float[rows * frames * size];

    public int Frames => frames;

    public int Size => size;

    public Span<float> Row(int row) =>
        (uint)row < (uint)rows
            ? _values.AsSpan(row * frames * size, frames * size)
            : throw new ModelException($"Row {row} is outside a tail of {rows} rows.");

    public override void Reset(int row) => Row(row).Clear();
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
