using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>What computes with one of ggml's block types, on one instruction set.</summary>
internal sealed unsafe class BlockKernel
{
    readonly delegate*<BlockArguments*, void> _multiply;
    readonly UnitKernel? _emitted;
    readonly delegate*<byte**, in BlockInputs, float*, void> _scales;
    readonly delegate*<byte**, in BlockInputs, float*, int, int, float*, void> _unpack;

    BlockKernel(
        UnitKernel? emitted, delegate*<BlockArguments*, void> multiply, delegate*<byte**, in BlockInputs, float*, void> scales,
        delegate*<byte**, in BlockInputs, float*, int, int, float*, void> unpack)
    {
        _emitted = emitted;
        _multiply = multiply;
        _scales = scales;
        _unpack = unpack;
    }

    /// <summary>The block types that are computed with as they are.</summary>
    public static IReadOnlyList<BlockFormat> Formats { get; } =
    [
        BlockFormat.Q4_0, BlockFormat.Q4_1, BlockFormat.Q5_0, BlockFormat.Q5_1, BlockFormat.Q8_0, BlockFormat.Q4_K, BlockFormat.Q5_K,
        BlockFormat.Q6_K, BlockFormat.IQ4_NL, BlockFormat.IQ4_XS,
    ];

    /// <summary>Whether rows of inputs are interleaved: <see cref="BlockInputs"/>.</summary>
    public bool IsInterleaved { get; private init; }

    /// <summary>How rows of inputs lie in units; null where they do not.</summary>
    public UnitLayout? Units => _emitted?.Layout;

    /// <summary>Multiplies some rows of blocks by rows of int8.</summary>
    public void Multiply(BlockArguments* arguments)
    {
        if (_emitted is null) _multiply(arguments);
        else _emitted.Multiply(arguments);
    }

    /// <summary>The scales and offsets of 32 rows, for <see cref="Unpack"/>.</summary>
    public void Scales(byte** rows, in BlockInputs shape, float* scales) => _scales(rows, shape, scales);

    /// <summary>The values of some groups of 32 rows as a float32 panel; the first group has an even number.</summary>
    public void Unpack(byte** rows, in BlockInputs shape, float* scales, int firstGroup, int groups, float* panel) =>
        _unpack(rows, shape, scales, firstGroup, groups, panel);

    /// <summary>The kernel of a format.</summary>
    /// <exception cref="ArgumentException">There is none: <see cref="Formats"/>.</exception>
    public static BlockKernel For(BlockFormat format, Isa isa) =>
        isa.Set < InstructionSet.Avx2 ? For<PlainDot>(format, null)
        : isa.HasVnni && VnniDot.IsSupported ? For<VnniDot>(format, UnitKernel.For(format, isa))
        : For<Avx2Dot>(format, UnitKernel.For(format, isa));

    static BlockKernel For<TDot>(BlockFormat format, UnitKernel? emitted) where TDot : struct, IByteDot => format.Name switch
    {
        nameof(Q4_0) => Of<Q4_0Groups, TDot>(emitted),
        nameof(Q4_1) => Of<Q4_1Groups, TDot>(emitted),
        nameof(Q5_0) => Of<Q5_0Groups, TDot>(emitted),
        nameof(Q5_1) => Of<Q5_1Groups, TDot>(emitted),
        nameof(Q8_0) => Of<Q8_0Groups, TDot>(emitted),
        nameof(Q4_K) => Of<Q4_KGroups, TDot>(emitted),
        nameof(Q5_K) => Of<Q5_KGroups, TDot>(emitted),
        nameof(Q6_K) => Of<Q6_KGroups, TDot>(emitted),
        nameof(IQ4_NL) => Of<IQ4_NLGroups, TDot>(emitted),
        nameof(IQ4_XS) => Of<IQ4_XSGroups, TDot>(emitted),
        _ => throw new ArgumentException(
            $"The processor does not compute with {format} as it is; it does with {string.Join(", ", Formats)}.", nameof(format)),
    };

    static BlockKernel Of<TGroups, TDot>(UnitKernel? emitted)
        where TGroups : struct, IBlockGroups
        where TDot : struct, IByteDot =>
        new(emitted, &BlockDots<TGroups, TDot>.Multiply, &BlockPanels<TGroups, TDot>.Scales, &BlockPanels<TGroups, TDot>.Unpack)
        {
            IsInterleaved = TGroups.IsInterleaved,
        };
}
