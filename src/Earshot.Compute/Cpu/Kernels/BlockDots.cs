using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Multiplies rows of ggml's blocks, where they lie, by a few rows of int8 in groups of 32. A result is the sum over all groups, in their
/// order, of scale · scale · (a sum of whole numbers), and of the offsets: the same bits whatever the other rows.
/// </summary>
internal static unsafe class BlockDots<TGroups, TDot>
    where TGroups : struct, IBlockGroups
    where TDot : struct, IByteDot
{
    const int MaxRows = 4;
    const int GroupSize = BlockInputs.GroupSize;
    const int Lanes = 8;

    /// <summary>All rows by some of the weights' rows.</summary>
    public static void Multiply(BlockArguments* arguments)
    {
        var shape = arguments->Inputs;
        int padded = shape.PaddedGroups;
        float* scales = arguments->Scratch, next = scales + 2 * padded, products = next + 2 * padded;
        // What is behind the last group is multiplied too.
        new Span<float>(scales, 4 * padded).Clear();
        TGroups.Scales(arguments->Weights[0], shape.Groups, scales, scales + padded);
        for (int output = 0; output < arguments->Outputs; output++)
        {
            // A row ahead: single scales that were just written are waited for where they are read by vectors.
            if (output < arguments->Outputs - 1) TGroups.Scales(arguments->Weights[output + 1], shape.Groups, next, next + padded);
            Multiply(arguments, output, scales, products);
            float* free = scales;
            scales = next;
            next = free;
        }
    }

    static void Multiply(BlockArguments* arguments, int output, float* scales, float* products)
    {
        byte* row = arguments->Weights[output], inputs = arguments->Start;
        float* sums = arguments->Sums + output;
        nint stride = arguments->Inputs.Bytes;
        int rows = arguments->Rows;
        for (; rows >= MaxRows; rows -= MaxRows, inputs += MaxRows * stride, sums += MaxRows * arguments->SumStride)
            Multiply<Four>(arguments, row, inputs, scales, products, sums);
        for (; rows > 0; rows--, inputs += stride, sums += arguments->SumStride)
            Multiply<One>(arguments, row, inputs, scales, products, sums);
    }

    static void Multiply<TRows>(BlockArguments* arguments, byte* row, byte* inputs, float* scales, float* products, float* sums)
        where TRows : struct, IRows
    {
        var shape = arguments->Inputs;
        int groups = shape.Groups, padded = shape.PaddedGroups;
        nint stride = shape.Bytes;
        Vector256<float> even0 = Begin(shape, scales, inputs, products), even1 = default, even2 = default, even3 = default;
        if (TRows.Count > 1)
        {
            even1 = Begin(shape, scales, inputs + stride, products + padded);
            even2 = Begin(shape, scales, inputs + 2 * stride, products + 2 * padded);
            even3 = Begin(shape, scales, inputs + 3 * stride, products + 3 * padded);
        }
        // Where pairs are interleaved, one sum holds both groups.
        Vector256<float> odd0 = default, odd1 = default, odd2 = default, odd3 = default;
        sbyte* x = (sbyte*)inputs, x2 = x + 2 * stride;
        float* p = products, p2 = p + 2 * padded;
        for (int group = 0; group < groups; group += 2, x += 2 * GroupSize, x2 += 2 * GroupSize, p += 2, p2 += 2)
        {
            Codes codes = default;
            if (group < groups - 1) TGroups.Pair(row, group, out codes.First, out codes.Second);
            else TGroups.Last(row, group, out codes.First, out codes.Second);
            if (TGroups.HasHalves)
            {
                codes.FirstHalves = TGroups.Halves(row, group);
                codes.SecondHalves = TGroups.Halves(row, group + 1);
            }
            Add(ref even0, ref odd0, codes, x, p);
            if (TRows.Count > 1)
            {
                Add(ref even1, ref odd1, codes, x + stride, p + padded);
                Add(ref even2, ref odd2, codes, x2, p2);
                Add(ref even3, ref odd3, codes, x2 + stride, p2 + padded);
            }
        }
        int sumStride = arguments->SumStride;
        sums[0] = Vector256.Sum(even0 + odd0);
        if (TRows.Count > 1)
        {
            sums[sumStride] = Vector256.Sum(even1 + odd1);
            sums[2 * sumStride] = Vector256.Sum(even2 + odd2);
            sums[3 * sumStride] = Vector256.Sum(even3 + odd3);
        }
    }

    /// <summary>Both scales of each group, multiplied, and the sum of the offsets.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Begin(in BlockInputs shape, float* scales, byte* inputs, float* products)
    {
        float* own = shape.Scales(inputs);
        var sum = Vector256<float>.Zero;
        for (int g = 0; g < shape.PaddedGroups; g += Lanes)
        {
            (Vector256.Load(scales + g) * Vector256.Load(own + g)).Store(products + g);
            if (TGroups.HasOffsets || TGroups.CodeOffset != 0)
            {
                float* offsets = TGroups.HasOffsets ? scales + shape.PaddedGroups : scales;
                sum = Vector256.MultiplyAddEstimate(Vector256.Load(offsets + g), Vector256.Load(own + shape.PaddedGroups + g), sum);
            }
        }
        return TGroups.CodeOffset == 0 ? sum : sum * (float)TGroups.CodeOffset;
    }

    /// <summary>A pair of groups, and what the halves of each are multiplied by.</summary>
    struct Codes
    {
        public Vector256<byte> First, Second;
        public Vector256<short> FirstHalves, SecondHalves;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Add(ref Vector256<float> even, ref Vector256<float> odd, in Codes codes, sbyte* x, float* scales)
    {
        Vector256<sbyte> first = Vector256.Load(x), second = Vector256.Load(x + GroupSize);
        if (TGroups.IsInterleaved)
        {
            var both = TDot.Interleaved(TGroups.IsSigned, (codes.First, codes.Second), (first, second));
            even = MultiplyAdd(both, Vector256.Create(Vector128.Create(scales[0]), Vector128.Create(scales[1])), even);
            return;
        }
        even = MultiplyAdd(Dot(codes.First, first, codes.FirstHalves), Vector256.Create(scales[0]), even);
        odd = MultiplyAdd(Dot(codes.Second, second, codes.SecondHalves), Vector256.Create(scales[1]), odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Dot(Vector256<byte> codes, Vector256<sbyte> values, Vector256<short> halves) =>
        TGroups.HasHalves ? TDot.Halves(codes, values, halves)
        : TGroups.IsSigned ? TDot.Signed(codes, values) : TDot.Unsigned(codes, values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> MultiplyAdd(Vector256<int> sums, Vector256<float> scale, Vector256<float> addend) =>
        Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(sums), scale, addend);
}

/// <summary>What a block kernel works on: rows of int8, some rows of weights, and the sums.</summary>
internal unsafe struct BlockArguments
{
    /// <summary>How rows of inputs lie, and where the first begins.</summary>
    public BlockInputs Inputs;
    public byte* Start;
    public int Rows;

    /// <summary>Where each output's row of blocks begins.</summary>
    public byte** Weights;
    public int Outputs;

    /// <summary>Sums (rows, outputs), with so many elements from row to row.</summary>
    public float* Sums;
    public int SumStride;

    /// <summary>Room for scales and offsets of two rows, and their products with those of four rows of inputs.</summary>
    public float* Scratch;

    /// <summary>Bytes of <see cref="Scratch"/>.</summary>
    public static nint ScratchBytes(in BlockInputs inputs) => 8 * (nint)inputs.PaddedGroups * sizeof(float);
}
