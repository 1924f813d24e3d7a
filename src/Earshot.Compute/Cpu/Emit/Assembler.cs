using System.Buffers.Binary;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Writes x86-64 machine code: only the instructions that the kernels use. Encodings follow the Intel® 64 and IA-32
/// Architectures Software Developer's Manual, volume 2, chapter 2.
/// </summary>
internal sealed partial class Assembler
{
    byte[] _code = new byte[4096];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Code => _code.AsSpan(0, Length);

    /// <summary>Fills with no-operations up to a multiple of <paramref name="alignment"/>.</summary>
    public void Align(int alignment)
    {
        while (Length % alignment != 0) Byte(0x90);
    }

    public void Place(Label label)
    {
        label.Position = Length;
        foreach (int at in label.Waiting) WriteDistance(at, label.Position);
        label.Waiting.Clear();
    }

    public void Jump(Condition condition, Label target)
    {
        Byte(0x0F);
        Byte((byte)(0x80 | (int)condition));
        Distance(target);
    }

    public void Jump(Label target)
    {
        Byte(0xE9);
        Distance(target);
    }

    public void Return() => Byte(0xC3);

    public void Push(Gpr register)
    {
        if ((int)register >= 8) Byte(0x41);
        Byte((byte)(0x50 | ((int)register & 7)));
    }

    public void Pop(Gpr register)
    {
        if ((int)register >= 8) Byte(0x41);
        Byte((byte)(0x58 | ((int)register & 7)));
    }

    /// <summary>destination = source.</summary>
    public void Move(Gpr destination, Gpr source) => RegisterForm(0x8B, (int)destination, (int)source);

    /// <summary>destination = the 64 bits at source.</summary>
    public void Load(Gpr destination, Address source) => MemoryForm(0x8B, (int)destination, source);

    /// <summary>destination = the address source.</summary>
    public void LoadAddress(Gpr destination, Address source) => MemoryForm(0x8D, (int)destination, source);

    /// <summary>destination = where a label is, relative to the code itself.</summary>
    public void LoadAddress(Gpr destination, Label label)
    {
        Byte((byte)(0x48 | ((int)destination >> 3) << 2));
        Byte(0x8D);
        Byte((byte)(5 | ((int)destination & 7) << 3));
        Distance(label);
    }

    /// <summary>destination = value, sign-extended.</summary>
    public void Set(Gpr destination, int value)
    {
        Byte((byte)(0x48 | (int)destination >> 3));
        Byte(0xC7);
        Byte((byte)(0xC0 | ((int)destination & 7)));
        Word(value);
    }

    /// <summary>Bytes that are no instructions.</summary>
    public void Data(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) Byte(value);
    }

    /// <summary>destination += source.</summary>
    public void Add(Gpr destination, Gpr source) => RegisterForm(0x03, (int)destination, (int)source);

    public void Add(Gpr destination, int value) => Immediate(0, destination, value);

    public void Subtract(Gpr destination, int value) => Immediate(5, destination, value);

    public void Compare(Gpr left, int value) => Immediate(7, left, value);

    public void Test(Gpr left, Gpr right) => RegisterForm(0x85, (int)right, (int)left);

    /// <summary>Asks for the cache line at an address in all levels of cache.</summary>
    public void Prefetch(Address address) => Legacy([0x0F, 0x18], 1, address);

    /// <summary>Stores the low 128 bits of a vector register at an unaligned address.</summary>
    public void StoreXmm(Address destination, int register) => Legacy([0x0F, 0x11], register, destination);

    /// <summary>Loads the low 128 bits of a vector register from an unaligned address.</summary>
    public void LoadXmm(int register, Address source) => Legacy([0x0F, 0x10], register, source);

    void RegisterForm(byte opcode, int reg, int rm)
    {
        Byte((byte)(0x48 | ((reg >> 3) << 2) | (rm >> 3)));
        Byte(opcode);
        Byte((byte)(0xC0 | ((reg & 7) << 3) | (rm & 7)));
    }

    void MemoryForm(byte opcode, int reg, Address memory)
    {
        Byte((byte)(0x48 | ((reg >> 3) << 2) | IndexBit(memory) << 1 | (int)memory.Base >> 3));
        Byte(opcode);
        ModRm(reg, memory, 1);
    }

    void Legacy(ReadOnlySpan<byte> opcode, int reg, Address memory)
    {
        int rex = ((reg >> 3) & 1) << 2 | IndexBit(memory) << 1 | (int)memory.Base >> 3;
        if (rex != 0) Byte((byte)(0x40 | rex));
        foreach (byte part in opcode) Byte(part);
        ModRm(reg, memory, 1);
    }

    void Immediate(int operation, Gpr destination, int value)
    {
        Byte((byte)(0x48 | (int)destination >> 3));
        bool small = value is >= sbyte.MinValue and <= sbyte.MaxValue;
        Byte((byte)(small ? 0x83 : 0x81));
        Byte((byte)(0xC0 | operation << 3 | ((int)destination & 7)));
        if (small) Byte((byte)value);
        else Word(value);
    }

    static int IndexBit(Address memory) => memory.Index is { } index ? (int)index >> 3 : 0;

    /// <summary>
    /// ModR/M, SIB and displacement of a memory operand; 8-bit displacements count in <paramref name="unit"/> bytes (EVEX's disp8·N).
    /// </summary>
    void ModRm(int reg, Address memory, int unit)
    {
        int displacement = memory.Displacement;
        bool small = displacement % unit == 0 && displacement / unit is >= sbyte.MinValue and <= sbyte.MaxValue;
        // rbp and r13 as base have no form without a displacement.
        int mod = displacement == 0 && ((int)memory.Base & 7) != 5 ? 0 : small ? 1 : 2;
        bool sib = memory.Index is not null || ((int)memory.Base & 7) == 4;
        Byte((byte)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : (int)memory.Base & 7)));
        if (sib)
        {
            int scale = memory.Scale switch { 1 => 0, 2 => 1, 4 => 2, _ => 3 };
            int index = memory.Index is { } register ? (int)register & 7 : 4;
            Byte((byte)(scale << 6 | index << 3 | ((int)memory.Base & 7)));
        }
        if (mod == 1) Byte((byte)(displacement / unit));
        else if (mod == 2) Word(displacement);
    }

    void Distance(Label target)
    {
        if (target.Position < 0) target.Waiting.Add(Length);
        Word(0);
        if (target.Position >= 0) WriteDistance(Length - 4, target.Position);
    }

    void WriteDistance(int at, int target) => BinaryPrimitives.WriteInt32LittleEndian(_code.AsSpan(at), target - (at + 4));

    void Word(int value)
    {
        Reserve(4);
        BinaryPrimitives.WriteInt32LittleEndian(_code.AsSpan(Length), value);
        Length += 4;
    }

    void Byte(byte value)
    {
        Reserve(1);
        _code[Length++] = value;
    }

    void Reserve(int count)
    {
        if (Length + count > _code.Length) Array.Resize(ref _code, _code.Length * 2);
    }
}
