using System.Buffers.Binary;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>A 64-bit general-purpose register of arm64: those that a function need not keep, and the stack pointer.</summary>
internal enum Xr : byte
{
    X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15, X16, X17, Sp = 31,
}

/// <summary>The condition of a branch on arm64, by its number in an encoding.</summary>
internal enum ArmCondition : byte
{
    Equal = 0,
    NotEqual = 1,
    HigherOrSame = 2,
    Lower = 3,
}

/// <summary>
/// Writes arm64 machine code: only the instructions that the kernels use, each 32 bits. Encodings follow the Arm® Architecture Reference
/// Manual for A-profile architecture, chapter C4.
/// </summary>
internal sealed partial class ArmAssembler
{
    const uint NoOperation = 0xD503201F;

    byte[] _code = new byte[4096];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Code => _code.AsSpan(0, Length);

    /// <summary>Fills with no-operations up to a multiple of <paramref name="alignment"/>.</summary>
    public void Align(int alignment)
    {
        while (Length % alignment != 0) Word(NoOperation);
    }

    public void Place(Label label)
    {
        label.Position = Length;
        foreach (int at in label.Waiting) WriteDistance(at, label.Position);
        label.Waiting.Clear();
    }

    public void Branch(ArmCondition condition, Label target) => Branch(0x54000000 | (uint)condition, target);

    public void BranchIfZero(Xr register, Label target) => Branch(0xB4000000 | (uint)register, target);

    /// <summary>Always; in the form of a condition, whose distances all have one place.</summary>
    public void Branch(Label target) => Branch(0x5400000E, target);

    public void Return() => Word(0xD65F03C0);

    /// <summary>destination = source.</summary>
    public void Move(Xr destination, Xr source) => Word(0xAA0003E0 | (uint)source << 16 | (uint)destination);

    /// <summary>destination = the 64 bits at an address.</summary>
    public void Load(Xr destination, Xr start, int offset) =>
        Word(0xF9400000 | Scaled(offset, 8) << 10 | (uint)start << 5 | (uint)destination);

    public void Add(Xr destination, Xr left, Xr right) =>
        Word(0x8B000000 | (uint)right << 16 | (uint)left << 5 | (uint)destination);

    public void Add(Xr destination, Xr source, int value) =>
        Word(0x91000000 | Scaled(value, 1) << 10 | (uint)source << 5 | (uint)destination);

    /// <summary>destination −= value; sets the flags.</summary>
    public void Subtract(Xr destination, int value) =>
        Word(0xF1000000 | Scaled(value, 1) << 10 | (uint)destination << 5 | (uint)destination);

    /// <summary>Adds to a register and sets the flags.</summary>
    public void AddAndTest(Xr destination, int value) =>
        Word(0xB1000000 | Scaled(value, 1) << 10 | (uint)destination << 5 | (uint)destination);

    /// <summary>The lower 32 bits of destination = −destination.</summary>
    public void Negate32(Xr destination) => Word(0x4B0003E0 | (uint)destination << 16 | (uint)destination);

    /// <summary>Asks for the cache line at an address in all levels of cache (prfm pldl1keep).</summary>
    public void Prefetch(Xr start, int offset) => Word(0xF9800000 | Scaled(offset, 8) << 10 | (uint)start << 5);

    /// <summary>Makes room below the stack pointer and keeps the lower halves of two vector registers there.</summary>
    public void PushLowerHalves(int first, int second, int bytes) =>
        Word(0x6D800000 | Pair(-bytes) | (uint)second << 10 | (uint)Xr.Sp << 5 | (uint)first);

    public void StoreLowerHalves(int first, int second, int offset) =>
        Word(0x6D000000 | Pair(offset) | (uint)second << 10 | (uint)Xr.Sp << 5 | (uint)first);

    public void LoadLowerHalves(int first, int second, int offset) =>
        Word(0x6D400000 | Pair(offset) | (uint)second << 10 | (uint)Xr.Sp << 5 | (uint)first);

    /// <summary>Takes two lower halves from the stack pointer and gives the room back.</summary>
    public void PopLowerHalves(int first, int second, int bytes) =>
        Word(0x6CC00000 | Pair(bytes) | (uint)second << 10 | (uint)Xr.Sp << 5 | (uint)first);

    // Seven bits, in units of eight bytes.
    static uint Pair(int offset) => (uint)(offset / 8 & 127) << 15;

    // Twelve bits without a sign, in units.
    static uint Scaled(int value, int unit) => value >= 0 && value % unit == 0 && value / unit < 4096
        ? (uint)(value / unit)
        : throw new ArgumentOutOfRangeException(nameof(value), value, $"An instruction holds multiples of {unit} below {4096 * unit}.");

    void Branch(uint word, Label target)
    {
        if (target.Position < 0) target.Waiting.Add(Length);
        Word(word);
        if (target.Position >= 0) WriteDistance(Length - 4, target.Position);
    }

    // Nineteen bits, in instructions.
    void WriteDistance(int at, int target)
    {
        var place = _code.AsSpan(at);
        uint word = BinaryPrimitives.ReadUInt32LittleEndian(place);
        BinaryPrimitives.WriteUInt32LittleEndian(place, word | (uint)((target - at) / 4 & 0x7FFFF) << 5);
    }

    void Word(uint word)
    {
        if (Length + 4 > _code.Length) Array.Resize(ref _code, _code.Length * 2);
        BinaryPrimitives.WriteUInt32LittleEndian(_code.AsSpan(Length), word);
        Length += 4;
    }
}
