namespace Earshot.Compute.Cpu.Emit;

/// <content>AVX2 instructions on ymm registers, numbered 0 to 15.</content>
internal sealed partial class Assembler
{
    /// <summary>Loads 32 bytes (vmovups).</summary>
    public void LoadHalf(int destination, Address source) => VexMemory(Map0F, NoPrefix, 0x10, destination, 0, source);

    /// <summary>Stores 32 bytes (vmovups).</summary>
    public void StoreHalf(Address destination, int source) => VexMemory(Map0F, NoPrefix, 0x11, source, 0, destination);

    /// <summary>Copies one dword to all eight lanes (vbroadcastss).</summary>
    public void BroadcastHalf(int destination, Address source) => VexMemory(Map0F38, Prefix66, 0x18, destination, 0, source);

    /// <summary>All bits zero (vxorps of the register with itself).</summary>
    public void ZeroHalf(int register) => VexRegister(Map0F, NoPrefix, 0x57, register, register, register);

    /// <summary>destination += left · right, float32 (vfmadd231ps).</summary>
    public void MultiplyAddHalf(int destination, int left, int right) => VexRegister(Map0F38, Prefix66, 0xB8, destination, left, right);

    /// <summary>destination += left · the 32 bytes at right, float32 (vfmadd231ps).</summary>
    public void MultiplyAddHalf(int destination, int left, Address right) => VexMemory(Map0F38, Prefix66, 0xB8, destination, left, right);

    /// <summary>destination += sums of four products of unsigned bytes of left and signed bytes of right (vpdpbusd of AVX-VNNI).</summary>
    public void DotBytesHalf(int destination, int unsignedLeft, int signedRight) =>
        VexRegister(Map0F38, Prefix66, 0x50, destination, unsignedLeft, signedRight);

    /// <summary>destination = sums of two products of int16 (vpmaddwd).</summary>
    public void MultiplyPairsHalf(int destination, int left, int right) =>
        VexRegister(Map0F, Prefix66, 0xF5, destination, left, right);

    /// <summary>destination = left + right, int32 (vpaddd).</summary>
    public void AddWholeHalf(int destination, int left, int right) => VexRegister(Map0F, Prefix66, 0xFE, destination, left, right);

    /// <summary>destination = left xor the 32 bytes at right (vpxor).</summary>
    public void XorHalf(int destination, int left, Address right) => VexMemory(Map0F, Prefix66, 0xEF, destination, left, right);

    /// <summary>Shifts each dword left (vpslld).</summary>
    public void ShiftLeftHalf(int destination, int source, byte count) => VexShift(6, destination, source, count);

    /// <summary>Shifts each dword right (vpsrld).</summary>
    public void ShiftRightHalf(int destination, int source, byte count) => VexShift(2, destination, source, count);

    /// <summary>Shifts each dword right, with copies of its sign (vpsrad).</summary>
    public void ShiftRightSignedHalf(int destination, int source, byte count) => VexShift(4, destination, source, count);

    /// <summary>int32 as float32 (vcvtdq2ps).</summary>
    public void ToFloatHalf(int destination, int source) => VexRegister(Map0F, NoPrefix, 0x5B, destination, 0, source);

    void VexShift(int operation, int destination, int source, byte count)
    {
        VexRegister(Map0F, Prefix66, 0x72, operation, destination, source);
        Byte(count);
    }

    // VEX in its form of three bytes: C4, then R X B mmmmm, then W vvvv L pp; register numbers are stored inverted; W is 0 and L is 1.
    void VexRegister(int map, int prefix, byte opcode, int reg, int vvvv, int rm)
    {
        Byte(0xC4);
        Byte((byte)(Inverted(reg, 3) << 7 | 1 << 6 | Inverted(rm, 3) << 5 | map));
        Byte((byte)((~vvvv & 15) << 3 | 1 << 2 | prefix));
        Byte(opcode);
        Byte((byte)(0xC0 | (reg & 7) << 3 | (rm & 7)));
    }

    void VexMemory(int map, int prefix, byte opcode, int reg, int vvvv, Address memory)
    {
        Byte(0xC4);
        Byte((byte)(Inverted(reg, 3) << 7 | (IndexBit(memory) ^ 1) << 6 | Inverted((int)memory.Base, 3) << 5 | map));
        Byte((byte)((~vvvv & 15) << 3 | 1 << 2 | prefix));
        Byte(opcode);
        ModRm(reg, memory, 1);
    }
}
