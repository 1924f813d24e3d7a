namespace Earshot.Compute.Cpu.Emit;

/// <content>AVX-512 instructions with two tables, masks and parts of vectors, as kernels of ggml's blocks use them.</content>
internal sealed partial class Assembler
{
    /// <summary>Sets mask register 1 … 7 to the 64 bits at an address (kmovq).</summary>
    public void LoadMask(int mask, Address source) => VexMask(0xF8, 0x90, mask, source);

    /// <summary>Sets a mask register to 64 bits (kmovq).</summary>
    public void SetMask(int mask, Gpr source)
    {
        Byte(0xC4);
        Byte((byte)(0xC1 | ((int)source >> 3 ^ 1) << 5));
        Byte(0xFB);
        Byte(0x92);
        Byte((byte)(0xC0 | mask << 3 | ((int)source & 7)));
    }

    /// <summary>Loads the bytes that a mask has, with zeros for the others, whose memory is not touched (vmovdqu8).</summary>
    public void LoadBytes(int destination, Address source, int mask) =>
        EvexMemory(Map0F, PrefixF2, 0x6F, destination, 0, source, 64, new Evex { Mask = mask, Zeros = true });

    /// <summary>32 words of two tables, of which the first is overwritten; an index's sixth bit says which (vpermt2w).</summary>
    public void PermuteWords(int firstTable, int indices, int secondTable) =>
        EvexRegister(Map0F38, Prefix66, 0x7D, firstTable, indices, secondTable, Evex.Wide);

    /// <summary>The same with the second table at an address.</summary>
    public void PermuteWords(int firstTable, int indices, Address secondTable) =>
        EvexMemory(Map0F38, Prefix66, 0x7D, firstTable, indices, secondTable, 64, Evex.Wide);

    /// <summary>Bytes of the same 128 bits of a table; zero for an index with its highest bit set (vpshufb).</summary>
    public void ShuffleBytes(int destination, int table, int indices) =>
        EvexRegister(Map0F38, Prefix66, 0x00, destination, table, indices);

    /// <summary>destination = left &amp; right (vpandd).</summary>
    public void And(int destination, int left, int right) => EvexRegister(Map0F, Prefix66, 0xDB, destination, left, right);

    /// <summary>destination = left ^ right (vpxord).</summary>
    public void Xor(int destination, int left, int right) => EvexRegister(Map0F, Prefix66, 0xEF, destination, left, right);

    /// <summary>destination |= bits &amp; mask (vpternlogd).</summary>
    public void OrAnd(int destination, int bits, int mask) => EvexImmediate(Prefix66, 0x25, destination, bits, mask, 0xF8);

    /// <summary>Shifts each dword right by a count of its own (vpsrlvd).</summary>
    public void ShiftRightEach(int destination, int source, int counts) =>
        EvexRegister(Map0F38, Prefix66, 0x45, destination, source, counts);

    /// <summary>Shifts each dword left by a count of its own (vpsllvd).</summary>
    public void ShiftLeftEach(int destination, int source, int counts) =>
        EvexRegister(Map0F38, Prefix66, 0x47, destination, source, counts);

    /// <summary>Rotates each dword left by a count of its own (vprolvd).</summary>
    public void RotateLeftEach(int destination, int source, int counts) =>
        EvexRegister(Map0F38, Prefix66, 0x15, destination, source, counts);

    /// <summary>Adds bytes where a mask says so (vpaddb).</summary>
    public void AddBytes(int destination, int left, int right, int mask) =>
        EvexRegister(Map0F, Prefix66, 0xFC, destination, left, right, new Evex { Mask = mask });

    /// <summary>Adds float32 where a mask says so (vaddps).</summary>
    public void Add(int destination, int left, int right, int mask) =>
        EvexRegister(Map0F, NoPrefix, 0x58, destination, left, right, new Evex { Mask = mask });

    /// <summary>destination += sums of four products of unsigned bytes of left and signed bytes at an address (vpdpbusd).</summary>
    public void DotBytes(int destination, int unsignedLeft, Address signedRight) =>
        EvexMemory(Map0F38, Prefix66, 0x50, destination, unsignedLeft, signedRight, 64);

    /// <summary>The sixteen float16 in the lower half as float32 (vcvtph2ps).</summary>
    public void ConvertHalves(int destination, int source) => EvexRegister(Map0F38, Prefix66, 0x13, destination, 0, source);

    /// <summary>Sixteen int8 as int32 (vpmovsxbd).</summary>
    public void WidenBytes(int destination, Address source) => EvexMemory(Map0F38, Prefix66, 0x21, destination, 0, source, 16);

    /// <summary>16 bytes four times (vbroadcasti32x4).</summary>
    public void BroadcastQuarter(int destination, Address source) => EvexMemory(Map0F38, Prefix66, 0x5A, destination, 0, source, 16);

    /// <summary>32 bytes twice (vbroadcasti64x4).</summary>
    public void BroadcastHalfVector(int destination, Address source) =>
        EvexMemory(Map0F38, Prefix66, 0x5B, destination, 0, source, 32, Evex.Wide);

    /// <summary>A word 32 times (vpbroadcastw).</summary>
    public void BroadcastWord(int destination, Address source) => EvexMemory(Map0F38, Prefix66, 0x79, destination, 0, source, 2);

    /// <summary>Two blocks of 128 bits of left, then two of right, by two bits each of the order (vshuff32x4).</summary>
    public void ChooseBlocks(int destination, int left, int right, byte order) =>
        EvexImmediate(Prefix66, 0x23, destination, left, right, order);

    /// <summary>The same with the right vector at an address.</summary>
    public void ChooseBlocks(int destination, int left, Address right, byte order)
    {
        // Nothing is addressed relative to the code, so that the immediate behind it moves no address.
        EvexMemory(Map0F3A, Prefix66, 0x23, destination, left, right, 64);
        Byte(order);
    }

    /// <summary>Puts the lowest 128 bits of another vector in the place of some (vinserti32x4).</summary>
    public void InsertBlock(int destination, int source, int block, byte place) =>
        EvexImmediate(Prefix66, 0x38, destination, source, block, place);

    /// <summary>Lower dwords of each 128 bits by turns (vunpcklps).</summary>
    public void InterleaveLow(int destination, int left, int right) => EvexRegister(Map0F, NoPrefix, 0x14, destination, left, right);

    /// <summary>Upper dwords of each 128 bits by turns (vunpckhps).</summary>
    public void InterleaveHigh(int destination, int left, int right) => EvexRegister(Map0F, NoPrefix, 0x15, destination, left, right);

    /// <summary>The lower halves of each 128 bits (vunpcklpd).</summary>
    public void JoinLow(int destination, int left, int right) =>
        EvexRegister(Map0F, Prefix66, 0x14, destination, left, right, Evex.Wide);

    /// <summary>The upper halves of each 128 bits (vunpckhpd).</summary>
    public void JoinHigh(int destination, int left, int right) =>
        EvexRegister(Map0F, Prefix66, 0x15, destination, left, right, Evex.Wide);

    /// <summary>Stores the lowest four lanes (vmovups).</summary>
    public void StoreLanes(Address destination, int source) => EvexMemory(Map0F, NoPrefix, 0x11, source, 0, destination, 16, Evex.Narrow);

    /// <summary>Stores one of the lowest four lanes (vextractps).</summary>
    public void StoreLane(Address destination, int source, byte lane)
    {
        EvexMemory(Map0F3A, Prefix66, 0x17, source, 0, destination, 4, Evex.Narrow);
        Byte(lane);
    }

    /// <summary>destination = one of the two lowest quadwords of a vector (vpextrq).</summary>
    public void MoveQuadword(Gpr destination, int source, byte quadword)
    {
        EvexRegister(Map0F3A, Prefix66, 0x16, source, 0, (int)destination, new Evex { IsNarrow = true, IsWide = true });
        Byte(quadword);
    }

    // VEX of three bytes: C4, then R X B inverted and the map; W vvvv L pp.
    void VexMask(byte form, byte opcode, int mask, Address memory)
    {
        Byte(0xC4);
        Byte((byte)(0x80 | (IndexBit(memory) ^ 1) << 6 | Inverted((int)memory.Base, 3) << 5 | Map0F));
        Byte(form);
        Byte(opcode);
        ModRm(mask, memory, 1);
    }
}

/// <summary>What an EVEX encoding says beside its operation and registers; nothing: 512 bits of dwords, without a mask.</summary>
internal readonly record struct Evex
{
    /// <summary>128 bits.</summary>
    public static Evex Narrow { get; } = new() { IsNarrow = true };

    /// <summary>Elements of the wider of two kinds.</summary>
    public static Evex Wide { get; } = new() { IsWide = true };

    /// <summary>The register of a mask, 1 … 7; 0 for none.</summary>
    public int Mask { get; init; }

    /// <summary>Whether what the mask lacks becomes zero; else it stays.</summary>
    public bool Zeros { get; init; }

    public bool IsNarrow { get; init; }

    public bool IsWide { get; init; }

    public int Length => IsNarrow ? 0 : 2;

    public int ZeroBit => Zeros ? 1 : 0;

    public int WideBit => IsWide ? 1 : 0;
}
