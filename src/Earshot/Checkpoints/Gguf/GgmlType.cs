using Earshot.Compute;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Checkpoints.Gguf;

/// <summary>
/// How ggml holds the elements of a tensor: as numbers of a type (<see cref="Element"/>), or in blocks (<see cref="Blocks"/>).
/// Follows the numbers of ggml.h.
/// </summary>
public sealed class GgmlType
{
    static readonly GgmlType[] s_types =
    [
        new(0, "F32", DType.F32), new(1, "F16", DType.F16), new(30, "BF16", DType.BF16),
        new(24, "I8", DType.I8), new(25, "I16", DType.I16), new(26, "I32", DType.I32), new(27, "I64", DType.I64), new(28, "F64", DType.F64),
        new(2, BlockFormat.Q4_0), new(3, BlockFormat.Q4_1), new(6, BlockFormat.Q5_0), new(7, BlockFormat.Q5_1), new(8, BlockFormat.Q8_0),
        new(10, BlockFormat.Q2_K), new(11, BlockFormat.Q3_K), new(12, BlockFormat.Q4_K), new(13, BlockFormat.Q5_K),
        new(14, BlockFormat.Q6_K), new(20, BlockFormat.IQ4_NL), new(23, BlockFormat.IQ4_XS),
    ];

    // Known by name, for the refusal alone.
    static readonly Dictionary<uint, string> s_others = new()
    {
        [9] = "Q8_1",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
        [40] = "NVFP4",
        [4] = "Q4_2, which ggml has removed",
        [5] = "Q4_3, which ggml has removed",
        [31] = "Q4_0_4_4, which ggml has removed",
        [32] = "Q4_0_4_8, which ggml has removed",
        [33] = "Q4_0_8_8, which ggml has removed",
        [36] = "IQ4_NL_4_4, which ggml has removed",
        [37] = "IQ4_NL_4_8, which ggml has removed",
        [38] = "IQ4_NL_8_8, which ggml has removed",
    };

    GgmlType(uint id, string name, DType element)
    {
        Id = id;
        Name = name;
        Element = element;
    }

    GgmlType(uint id, BlockFormat blocks)
    {
        Id = id;
        Name = blocks.Name;
        Element = DType.F32;
        Blocks = blocks;
    }

    /// <summary>The number that stands in files.</summary>
    public uint Id { get; }

    /// <summary>ggml's own name.</summary>
    public string Name { get; }

    /// <summary>What elements are read as: float32 out of blocks.</summary>
    public DType Element { get; }

    /// <summary>The blocks that rows are cut into; null where elements are plain numbers.</summary>
    public BlockFormat? Blocks { get; }

    /// <summary>Elements that are stored together: 1 of plain numbers.</summary>
    public int BlockLength => Blocks?.Length ?? 1;

    /// <summary>Bytes of so many elements, which are whole blocks.</summary>
    public long BytesOf(long elements) => Blocks?.BytesOf(elements) ?? elements * Element.Size();

    public override string ToString() => Name;

    /// <summary>The type of a number, or null where it is not one that is read here.</summary>
    internal static GgmlType? Find(uint id) => Array.Find(s_types, type => type.Id == id);

    /// <summary>The type of blocks.</summary>
    internal static GgmlType Of(BlockFormat blocks) => Array.Find(s_types, type => type.Blocks == blocks)!;

    /// <summary>What to say of a number that is no type that is read here, as a part of a sentence.</summary>
    internal static string Describe(uint id) =>
        $"{id}{(s_others.TryGetValue(id, out var name) ? $" ({name})" : ", which ggml does not have")}; " +
        $"those that are read are {string.Join(", ", s_types.Select(type => type.Name))}";
}
