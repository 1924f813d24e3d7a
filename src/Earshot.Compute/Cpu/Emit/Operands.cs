namespace Earshot.Compute.Cpu.Emit;

/// <summary>A 64-bit general-purpose register, by its number in an encoding.</summary>
internal enum Gpr : byte
{
    Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15,
}

/// <summary>A memory operand: base + index · scale + displacement.</summary>
internal readonly record struct Address(Gpr Base, int Displacement = 0, Gpr? Index = null, int Scale = 1)
{
    public Address Plus(int bytes) => this with { Displacement = Displacement + bytes };
}

/// <summary>The condition of a jump, by its number in an encoding.</summary>
internal enum Condition : byte
{
    Zero = 4,
    NotZero = 5,
    Below = 2,
    AboveOrEqual = 3,
}

/// <summary>A place in the code that jumps may name before it is known.</summary>
internal sealed class Label
{
    /// <summary>Where it is in the code; −1 until it is placed.</summary>
    public int Position { get; set; } = -1;

    /// <summary>Where the 32-bit distances of jumps to it are, waiting to be filled in.</summary>
    public List<int> Waiting { get; } = [];
}
