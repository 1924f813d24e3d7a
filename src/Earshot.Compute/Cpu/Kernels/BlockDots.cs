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
        float* scales = arguments->Scratch, offsets = scales + shape.PaddedGroups, products = offsets + shape.PaddedGroups;
        // What is behind the last group is multiplied too.
        new Span<float>(scales, 2 * shape.PaddedGroups).Clear();
        for (int output = 0; output < arguments->Outputs; output++)
        {
            byte* row = arguments->Weights[output];
            TGroups.Scales(row, shape.Groups, scales, offsets);
            float* sums = arguments->Sums + output;
            int rows = arguments->Rows;
            byte* inputs = arguments->Start;
            for (; rows >= MaxRows; rows -= MaxRows, inputs += MaxRows * shape.Bytes, sums += MaxRows * arguments->SumStride)
                Multiply<Four>(arguments, row, inputs, products, sums);
            for (; rows > 0; rows--, inputs += shape.Bytes, sums += arguments->SumStride)
                Multiply<One>(arguments, row, inputs, products, sums);
        }
    }

    static void Multiply<TRows>(BlockArguments* arguments, byte* row, byte* inputs, float* products, float* sums)
        where TRows : struct, IRows
    {
        var shape = arguments->Inputs;
        int groups = shape.Groups, padded = shape.PaddedGroups;
        nint stride = shape.Bytes;
        Vector256<float> even0 = Begin(shape, arguments->Scratch, inputs, products), even1 = default, even2 = default, even3 = default;
        if (TRows.Count > 1)
        {
            even1 = Begin(shape, arguments->Scratch, inputs + stride, products + padded);
            even2 = Begin(shape, arguments->Scratch, inputs + 2 * stride, products + 2 * padded);
            even3 = Begin(shape, arguments->Scratch, inputs + 3 * stride, products + 3 * padded);
        }
        Vector256<float> odd0 = default, odd1 = default, odd2 = default, odd3 = default;
        sbyte* x = (sbyte*)inputs, x2 = x + 2 * stride;
        float* p = products, p2 = p + 2 * padded;
        int group = 0;
        for (; group < groups - 1; group += 2, x += 2 * GroupSize, x2 += 2 * GroupSize, p += 2, p2 += 2)
        {
            TGroups.Pair(row, group, out var even, out var odd);
            var evenHalves = TGroups.HasHalves ? TGroups.Halves(row, group) : default;
            var oddHalves = TGroups.HasHalves ? TGroups.Halves(row, group + 1) : default;
            even0 = Add(even0, even, x, evenHalves, p);
            odd0 = Add(odd0, odd, x + GroupSize, oddHalves, p + 1);
            if (TRows.Count > 1)
            {
                even1 = Add(even1, even, x + stride, evenHalves, p + padded);
                odd1 = Add(odd1, odd, x + stride + GroupSize, oddHalves, p + padded + 1);
                even2 = Add(even2, even, x2, evenHalves, p2);
                odd2 = Add(odd2, odd, x2 + GroupSize, oddHalves, p2 + 1);
                even3 = Add(even3, even, x2 + stride, evenHalves, p2 + padded);
                odd3 = Add(odd3, odd, x2 + stride + GroupSize, oddHalves, p2 + padded + 1);
            }
        }
        if (group < groups)
        {
            var last = TGroups.Last(row, group);
            even0 = Add(even0, last, x, default, p);
            if (TRows.Count > 1)
            {
                even1 = Add(even1, last, x + stride, default, p + padded);
                even2 = Add(even2, last, x2, default, p2);
                even3 = Add(even3, last, x2 + stride, default, p2 + padded);
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
            if (TGroups.HasOffsets)
            {
                sum = Vector256.MultiplyAddEstimate(
                    Vector256.Load(scales + shape.PaddedGroups + g), Vector256.Load(own + shape.PaddedGroups + g), sum);
            }
        }
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Add(Vector256<float> sum, Vector256<byte> codes, sbyte* x, Vector256<short> halves, float* scale)
    {
        var values = Vector256.Load(x);
        var products = TGroups.HasHalves ? TDot.Halves(codes, values, halves)
            : TGroups.IsSigned ? TDot.Signed(codes, values) : TDot.Unsigned(codes, values);
        return Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(products), Vector256.Create(*scale), sum);
    }
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

    /// <summary>Room for scales and offsets of a row, and their products with those of four rows of inputs.</summary>
    public float* Scratch;

    /// <summary>Bytes of <see cref="Scratch"/>.</summary>
    public static nint ScratchBytes(in BlockInputs inputs) => 6 * (nint)inputs.PaddedGroups * sizeof(float);
}
