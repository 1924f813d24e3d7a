using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// How emitted kernels read one of ggml's block types: 256 weights of a row at a time become four vectors of codes without a sign and
/// sixteen scales and offsets.
/// </summary>
internal abstract class BlockUnit
{
    /// <summary>The registers of sums: one for each row of inputs, or for each of four rows of weights.</summary>
    public const int Sums = 0, MostSums = 8;

    /// <summary>Where a unit's codes and its scales are put.</summary>
    public const int Codes = 8, Scales = 12;

    /// <summary>What is free while a unit is read.</summary>
    protected const int Temporary = 13, Another = 17, Third = 18;

    protected const Gpr Free = Gpr.Rcx;

    /// <summary>Where a format's constants are, and then those that spread scales over lanes.</summary>
    public const int FirstConstant = 20;

    const int Lanes = 16;

    /// <summary>Bytes of a unit.</summary>
    public abstract int Bytes { get; }

    /// <summary>Bytes of a group where groups are blocks of their own, so that a row may end within a unit; else 0.</summary>
    public virtual int GroupBytes => 0;

    /// <summary>Where vectors are loaded that may reach behind a row's end.</summary>
    public virtual IReadOnlyList<int> Loads => [];

    /// <summary>How inputs lie that meet such units.</summary>
    public abstract UnitLayout Layout { get; }

    /// <summary>Which of the sixteen products of scales and factors are offsets.</summary>
    public virtual int OffsetLanes => 0;

    /// <summary>
    /// For each vector of codes, or each pair of them, which of the sixteen scales each 128 bits take.
    /// </summary>
    public abstract IReadOnlyList<int[]> Spread { get; }

    /// <summary>What is kept in registers, 64 bytes each.</summary>
    protected abstract IReadOnlyList<byte[]> Own { get; }

    /// <summary>All constants: a format's own, then how scales are spread.</summary>
    public IReadOnlyList<byte[]> Constants => [.. Own, .. Spread.Select(blocks => Dwords(lane => blocks[lane / 4]))];

    /// <summary>The register that spreads scales over a vector of codes, or a pair of them.</summary>
    public int SpreadRegister(int index) => FirstConstant + Own.Count + index;

    /// <summary>Emits the reading of a unit, or of its first half.</summary>
    public abstract void Read(UnitReader reader);

    protected static byte[] Bytes64(Func<int, int> value) => [.. Enumerable.Range(0, 64).Select(i => (byte)value(i))];

    protected static byte[] Words(Func<int, int> value) =>
        MemoryMarshal.AsBytes<ushort>([.. Enumerable.Range(0, 32).Select(i => (ushort)value(i))]).ToArray();

    protected static byte[] Dwords(Func<int, int> value) =>
        MemoryMarshal.AsBytes<int>([.. Enumerable.Range(0, Lanes).Select(value)]).ToArray();

    /// <summary>Sixteen factors: scales of all groups, then something of all.</summary>
    protected static UnitFactor[] ScalesThen(UnitFactorKind kind)
    {
        const int groups = UnitLayout.Groups;
        return [.. Enumerable.Range(0, Lanes).Select(i => new UnitFactor(i < groups ? UnitFactorKind.Scale : kind, i % groups))];
    }

    /// <summary>Of inputs in pairs of vectors: the first halves of four groups, then the second halves.</summary>
    protected static int[] HalvesOf(params ReadOnlySpan<int> groups)
    {
        var order = new int[Lanes];
        for (int i = 0; i < Lanes; i++) order[i] = 2 * groups[i / 8 * 4 + i % 4] + i / 4 % 2;
        return order;
    }

    /// <summary>The low and the high halves of bytes as two vectors of codes.</summary>
    protected static void Split(Assembler code, int packed, int low, int high, int mask)
    {
        code.ShiftRight(high, packed, 4);
        code.And(low, packed, mask);
        code.And(high, high, mask);
    }
}

/// <summary>What part of a unit is read.</summary>
internal enum UnitPart
{
    Whole,

    /// <summary>Up to a row's end: what is behind is zero, and not touched.</summary>
    Masked,

    /// <summary>The same where the row ends in the first half, of which alone the codes are used.</summary>
    MaskedHalf,
}

/// <summary>Reads a unit at an address.</summary>
internal sealed class UnitReader(Assembler code, BlockUnit unit, UnitPart part, Address start, Address masks)
{
    const int Mask = 1;

    public Assembler Code => code;

    /// <summary>Halves that are read.</summary>
    public int Halves => part == UnitPart.MaskedHalf ? 1 : 2;

    /// <summary>Where something is that lies within every row.</summary>
    public Address At(int offset) => start.Plus(offset);

    /// <summary>One of the format's loads.</summary>
    public void Load(int destination, int load)
    {
        if (part == UnitPart.Whole)
        {
            code.LoadVector(destination, start.Plus(unit.Loads[load]));
            return;
        }
        code.LoadMask(Mask, masks.Plus(load * sizeof(ulong)));
        code.LoadBytes(destination, start.Plus(unit.Loads[load]), Mask);
    }

    /// <summary>Words of a vector, which is overwritten, and of one of the format's loads.</summary>
    public void PermuteWords(int firstTable, int indices, int load, int temporary)
    {
        if (part == UnitPart.Whole)
        {
            code.PermuteWords(firstTable, indices, start.Plus(unit.Loads[load]));
            return;
        }
        Load(temporary, load);
        code.PermuteWords(firstTable, indices, temporary);
    }
}
