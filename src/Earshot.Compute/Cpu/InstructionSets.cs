namespace Earshot.Compute.Cpu;

/// <summary>The names of instruction sets, as EARSHOT_ISA and the command line have them.</summary>
public static class InstructionSets
{
    /// <summary>From the plainest to the fastest; names are compared without regard to case.</summary>
    public static IReadOnlyDictionary<string, InstructionSet> Names { get; } = new Dictionary<string, InstructionSet>(
        StringComparer.OrdinalIgnoreCase)
    {
        ["portable"] = InstructionSet.Portable,
        ["neon"] = InstructionSet.Neon,
        ["neon-dotprod"] = InstructionSet.NeonDotProd,
        ["neon-i8mm"] = InstructionSet.NeonI8mm,
        ["avx2"] = InstructionSet.Avx2,
        ["avx2-vnni"] = InstructionSet.Avx2Vnni,
        ["avx512"] = InstructionSet.Avx512,
        ["amx"] = InstructionSet.Amx,
    };

    /// <summary>The name of an instruction set.</summary>
    public static string NameOf(InstructionSet set) => Names.First(pair => pair.Value == set).Key;
}
