using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// How a row of inputs lies for emitted block kernels, in units of 256 inputs: their int8 in the order in which a format's codes leave
/// registers, the sums that stand for what is taken off each code, and sixteen factors of scales and offsets. What a row lacks in its last
/// unit is zero.
/// </summary>
internal sealed class UnitLayout
{
    public const int Inputs = 256;
    public const int Groups = Inputs / BlockInputs.GroupSize;

    const int Part = 16;
    const int VectorBytes = 64;
    const int Lanes = VectorBytes / sizeof(float);
    const int Kinds = 4;

    // Where each factor is among the groups' scales, sums, sums with the other sign, and zeros.
    readonly int[] _numbers = [];
    readonly int[] _order = [];

    /// <summary>Which sixteen inputs of a unit each sixteen bytes hold.</summary>
    public required int[] Order
    {
        init => _order = value;
    }

    /// <summary>What is taken off each code.</summary>
    public int Zero { get; init; }

    /// <summary>
    /// Whether the same lanes of the first two vectors of codes, and of the last two, belong to the same groups, and are summed as whole
    /// numbers.
    /// </summary>
    public bool HasPairs { get; init; }

    /// <summary>What each factor is.</summary>
    public required UnitFactor[] Factors
    {
        init => _numbers = [.. value.Select(factor => (int)factor.Kind * Groups + factor.Group)];
    }

    /// <summary>Vectors of sums: what products begin with.</summary>
    public int Beginnings => Zero == 0 ? 0 : HasPairs ? 2 : 4;

    /// <summary>Where the sums begin in a unit.</summary>
    public static int BeginningsOffset => Inputs;

    /// <summary>Where the factors begin in a unit.</summary>
    public int FactorsOffset => Inputs + Beginnings * VectorBytes;

    /// <summary>Bytes of a unit.</summary>
    public int Bytes => FactorsOffset + VectorBytes;

    /// <summary>Brings a row of float32, of so many groups, into this form.</summary>
    public unsafe void Quantize<TLanes>(float* source, int groups, byte* row) where TLanes : struct, ILanes<TLanes>
    {
        sbyte* codes = stackalloc sbyte[Inputs];
        float* numbers = stackalloc float[Kinds * Groups], sums = numbers + Groups, negative = sums + Groups;
        new Span<float>(numbers, Kinds * Groups).Clear();
        for (int first = 0; first < groups; first += Groups, row += Bytes)
        {
            int taken = Math.Min(Groups, groups - first);
            if (taken < Groups)
            {
                new Span<sbyte>(codes, Inputs).Clear();
                new Span<float>(numbers, Kinds * Groups).Clear();
            }
            for (int g = 0; g < taken; g++, source += BlockInputs.GroupSize)
                BlockInputs.Quantize<TLanes>(source, codes + g * BlockInputs.GroupSize, numbers + g, sums + g);
            (-Vector256.Load(sums)).Store(negative);
            Write(codes, row);
            float* factors = (float*)(row + FactorsOffset);
            for (int lane = 0; lane < _numbers.Length; lane++) factors[lane] = numbers[_numbers[lane]];
        }
    }

    // The int8 of a unit's inputs, in the order of its codes, and what products begin with.
    unsafe void Write(sbyte* codes, byte* unit)
    {
        for (int part = 0; part < _order.Length; part++) Vector128.Load(codes + Part * _order[part]).Store((sbyte*)unit + Part * part);
        int* beginnings = (int*)(unit + BeginningsOffset);
        for (int i = 0; i < Beginnings; i++, beginnings += Lanes)
        {
            sbyte* vector = (sbyte*)unit + (HasPairs ? 2 : 1) * i * VectorBytes;
            for (int lane = 0; lane < Lanes; lane += Vector128<int>.Count)
            {
                var quads = Quads(vector + lane * sizeof(int));
                if (HasPairs) quads += Quads(vector + VectorBytes + lane * sizeof(int));
                (quads * -Zero).Store(beginnings + lane);
            }
        }
    }

    // Sums of four int8 each.
    static unsafe Vector128<int> Quads(sbyte* values)
    {
        var quads = Vector128.Load((int*)values);
        return ((quads << 24) >> 24) + ((quads << 16) >> 24) + ((quads << 8) >> 24) + (quads >> 24);
    }
}

/// <summary>What one of a unit's sixteen factors is, and of which group.</summary>
internal readonly record struct UnitFactor(UnitFactorKind Kind, int Group);

/// <summary>A group's number in a unit's factors.</summary>
internal enum UnitFactorKind
{
    /// <summary>What the group's int8 count in.</summary>
    Scale,

    /// <summary>The sum of the group's inputs, which weights' offsets are multiplied by.</summary>
    Sum,

    /// <summary>The same, where weights' offsets are stored as what is taken off.</summary>
    NegativeSum,

    /// <summary>Zero.</summary>
    None,
}
