namespace Earshot.Compute.Cpu.Emit;

/// <content>AVX-512 instructions on zmm registers, numbered 0 to 31.</content>
internal sealed partial class Assembler
{
    const int Map0F = 1;
    const int Map0F38 = 2;
    const int Map0F3A = 3;
    const int NoPrefix = 0;
    const int Prefix66 = 1;
    const int PrefixF3 = 2;
    const int PrefixF2 = 3;

    /// <summary>Loads 64 bytes (vmovups).</summary>
    public void LoadVector(int destination, Address source) => EvexMemory(Map0F, NoPrefix, 0x10, destination, 0, source, 64);

    /// <summary>Stores 64 bytes (vmovups).</summary>
    public void StoreVector(Address destination, int source) => EvexMemory(Map0F, NoPrefix, 0x11, source, 0, destination, 64);

    /// <summary>Copies one dword to all sixteen lanes (vbroadcastss).</summary>
    public void Broadcast(int destination, Address source) => EvexMemory(Map0F38, Prefix66, 0x18, destination, 0, source, 4);

    /// <summary>All bits zero (vpxord of the register with itself).</summary>
    public void ZeroVector(int register) => EvexRegister(Map0F, Prefix66, 0xEF, register, register, register);

    /// <summary>destination += left · right, float32 (vfmadd231ps).</summary>
    public void MultiplyAddFloat(int destination, int left, int right) => EvexRegister(Map0F38, Prefix66, 0xB8, destination, left, right);

    /// <summary>destination += sums of products of bfloat16 pairs (vdpbf16ps).</summary>
    public void DotBFloat16(int destination, int left, int right) => EvexRegister(Map0F38, PrefixF3, 0x52, destination, left, right);

    /// <summary>destination += sums of four products of unsigned bytes of left and signed bytes of right (vpdpbusd).</summary>
    public void DotBytes(int destination, int unsignedLeft, int signedRight) =>
        EvexRegister(Map0F38, Prefix66, 0x50, destination, unsignedLeft, signedRight);

    /// <summary>Shifts each dword right (vpsrld).</summary>
    public void ShiftRight(int destination, int source, byte count) => EvexShift(2, destination, source, count);

    /// <summary>Each dword at an address, shifted right (vpsrld).</summary>
    public void ShiftRight(int destination, Address source, byte count) => EvexShift(2, destination, source, count);

    /// <summary>Shifts each dword left (vpslld).</summary>
    public void ShiftLeft(int destination, int source, byte count) => EvexShift(6, destination, source, count);

    /// <summary>Each dword at an address, shifted left (vpslld).</summary>
    public void ShiftLeft(int destination, Address source, byte count) => EvexShift(6, destination, source, count);

    /// <summary>Sixteen values' entry for the lowest four bits of each lane of indices (vpermps).</summary>
    public void Permute(int destination, int indices, int values) => EvexRegister(Map0F38, Prefix66, 0x16, destination, indices, values);

    /// <summary>destination = left · right (vmulps).</summary>
    public void Multiply(int destination, int left, int right) => EvexRegister(Map0F, NoPrefix, 0x59, destination, left, right);

    /// <summary>The same with what is at an address.</summary>
    public void Multiply(int destination, int left, Address right) => EvexMemory(Map0F, NoPrefix, 0x59, destination, left, right, 64);

    /// <summary>destination = left + right (vaddps).</summary>
    public void Add(int destination, int left, int right) => EvexRegister(Map0F, NoPrefix, 0x58, destination, left, right);

    /// <summary>destination = left − right (vsubps).</summary>
    public void Subtract(int destination, int left, int right) => EvexRegister(Map0F, NoPrefix, 0x5C, destination, left, right);

    /// <summary>destination = the larger; right where either is not a number (vmaxps).</summary>
    public void Max(int destination, int left, int right) => EvexRegister(Map0F, NoPrefix, 0x5F, destination, left, right);

    /// <summary>The same with what is at an address.</summary>
    public void Max(int destination, int left, Address right) => EvexMemory(Map0F, NoPrefix, 0x5F, destination, left, right, 64);

    /// <summary>destination = source (vmovaps).</summary>
    public void Copy(int destination, int source) => EvexRegister(Map0F, NoPrefix, 0x28, destination, 0, source);

    /// <summary>destination = destination · factor + addend, rounded once (vfmadd213ps).</summary>
    public void MultiplyThenAdd(int destination, int factor, int addend) =>
        EvexRegister(Map0F38, Prefix66, 0xA8, destination, factor, addend);

    /// <summary>destination = left − right, int32 (vpsubd).</summary>
    public void SubtractWhole(int destination, int left, int right) => EvexRegister(Map0F, Prefix66, 0xFA, destination, left, right);

    /// <summary>int32 as float32 (vcvtdq2ps).</summary>
    public void ConvertToFloat(int destination, int source) => EvexRegister(Map0F, NoPrefix, 0x5B, destination, 0, source);

    /// <summary>destination = value · 2^⌊power⌋ (vscalefps).</summary>
    public void ScaleByPowersOfTwo(int destination, int value, int power) =>
        EvexRegister(Map0F38, Prefix66, 0x2C, destination, value, power);

    /// <summary>The nearest whole numbers, ties to even (vrndscaleps).</summary>
    public void RoundToWhole(int destination, int source) => EvexImmediate(Prefix66, 0x08, destination, 0, source, 0);

    /// <summary>Blocks of 128 bits as two bits each of the order say (vshuff32x4 of the register with itself).</summary>
    public void SwapBlocks(int destination, int source, byte order) => EvexImmediate(Prefix66, 0x23, destination, source, source, order);

    /// <summary>Lanes within each block of 128 bits as two bits each of the order say (vpermilps).</summary>
    public void SwapLanes(int destination, int source, byte order) => EvexImmediate(Prefix66, 0x04, destination, 0, source, order);

    /// <summary>Two vectors of float32 as one of bfloat16, ties to even (vcvtne2ps2bf16).</summary>
    public void ConvertToBFloat16(int destination, int high, int low) => EvexRegister(Map0F38, PrefixF2, 0x72, destination, high, low);

    /// <summary>Stores the first lane (vmovss).</summary>
    public void StoreLane(Address destination, int source) => EvexMemory(Map0F, PrefixF3, 0x11, source, 0, destination, 4, Evex.Narrow);

    /// <summary>Clears the upper parts of vector registers, so that SSE code after this pays nothing (vzeroupper).</summary>
    public void ZeroUpper()
    {
        Byte(0xC5);
        Byte(0xF8);
        Byte(0x77);
    }

    // EVEX: 62, then R X B R' 0 mmm; W vvvv 1 pp; z L'L b V' aaa; register numbers are stored inverted.
    void EvexRegister(int map, int prefix, byte opcode, int reg, int vvvv, int rm, Evex form = default)
    {
        Byte(0x62);
        Byte((byte)(Inverted(reg, 3) << 7 | Inverted(rm, 4) << 6 | Inverted(rm, 3) << 5 | Inverted(reg, 4) << 4 | map));
        Byte((byte)(form.WideBit << 7 | (~vvvv & 15) << 3 | 4 | prefix));
        Byte((byte)(form.ZeroBit << 7 | form.Length << 5 | Inverted(vvvv, 4) << 3 | form.Mask));
        Byte(opcode);
        Byte((byte)(0xC0 | (reg & 7) << 3 | (rm & 7)));
    }

    // The place of the first operand says which shift it is.
    void EvexShift(int operation, int destination, int source, byte count)
    {
        EvexRegister(Map0F, Prefix66, 0x72, operation, destination, source);
        Byte(count);
    }

    void EvexShift(int operation, int destination, Address source, byte count)
    {
        EvexMemory(Map0F, Prefix66, 0x72, operation, destination, source, 64);
        Byte(count);
    }

    void EvexImmediate(int prefix, byte opcode, int reg, int vvvv, int rm, byte immediate)
    {
        EvexRegister(Map0F3A, prefix, opcode, reg, vvvv, rm);
        Byte(immediate);
    }

    void EvexMemory(int map, int prefix, byte opcode, int reg, int vvvv, Address memory, int unit, Evex form = default)
    {
        Byte(0x62);
        Byte(
            (byte)(Inverted(reg, 3) << 7 | (IndexBit(memory) ^ 1) << 6 | Inverted((int)memory.Base, 3) << 5 | Inverted(reg, 4) << 4 | map));
        Byte((byte)(form.WideBit << 7 | (~vvvv & 15) << 3 | 4 | prefix));
        Byte((byte)(form.ZeroBit << 7 | form.Length << 5 | Inverted(vvvv, 4) << 3 | form.Mask));
        Byte(opcode);
        ModRm(reg, memory, unit);
    }

    static int Inverted(int register, int bit) => ~register >> bit & 1;
}
