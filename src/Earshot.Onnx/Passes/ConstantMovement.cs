using System.Runtime.InteropServices;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>Operators that move elements without looking at them.</summary>
static class ConstantMovement
{
    /// <summary>The same elements under the dimensions that inference found.</summary>
    public static TensorData? Relabel(OnnxNode node, TensorData x) =>
        ConstantEvaluator.Static(node.Output) is { } shape ? x.WithShape(shape) : null;

    public static TensorData? Transpose(OnnxNode node, TensorData x)
    {
        if (ConstantEvaluator.Static(node.Output) is not { } shape) return null;
        var order = node.Ints("perm")?.ToArray() ?? [.. Enumerable.Range(0, x.Rank).Reverse().Select(i => (long)i)];
        var strides = Strides(x.Shape);
        return Pick(x, shape, Array.ConvertAll(order, axis => strides[axis]), 0);
    }

    public static TensorData? Concat(OnnxNode node, TensorData?[] inputs)
    {
        if (ConstantEvaluator.Static(node.Output) is not { } shape
            || Array.Exists(inputs, input => input is null || input.Type != inputs[0]!.Type))
        {
            return null;
        }
        int axis = (int)(node.Int("axis", 0) + shape.Length) % shape.Length;
        long outer = shape[..axis].Aggregate(1L, (product, size) => product * size);
        var bytes = new byte[inputs[0]!.Type.ByteLength(shape.Aggregate(1L, (product, size) => product * size))];
        int position = 0;
        for (long row = 0; row < outer; row++)
        {
            foreach (var input in inputs)
            {
                int length = (int)(input!.ByteLength / outer);
                input.Bytes.Span.Slice((int)(row * length), length).CopyTo(bytes.AsSpan(position));
                position += length;
            }
        }
        return new TensorData(inputs[0]!.Type, shape, bytes);
    }

    public static TensorData? Gather(OnnxNode node, TensorData?[] inputs)
    {
        if (ConstantEvaluator.Static(node.Output) is not { } shape || inputs is not [{ } x, { } indices]) return null;
        var chosen = indices.Type == OnnxElementType.Int64
            ? indices.ToArray<long>()
            : Array.ConvertAll(indices.ToArray<int>(), i => (long)i);
        int axis = (int)(node.Int("axis", 0) + x.Rank) % x.Rank;
        long size = x.Shape[axis], outer = Product(x.Shape[..axis]), inner = Product(x.Shape[(axis + 1)..]);
        int block = (int)x.Type.ByteLength(inner);
        var source = x.Bytes.Span;
        var bytes = new byte[checked(outer * chosen.Length * block)];
        for (int row = 0; row < outer; row++)
        {
            for (int i = 0; i < chosen.Length; i++)
            {
                long index = chosen[i] < 0 ? chosen[i] + size : chosen[i];
                if (index < 0 || index >= size) return null;
                source.Slice((int)(row * size + index) * block, block).CopyTo(bytes.AsSpan((row * chosen.Length + i) * block));
            }
        }
        return new TensorData(x.Type, shape, bytes);
    }

    public static TensorData? Slice(OnnxNode node, TensorData?[] inputs)
    {
        if (ConstantEvaluator.Static(node.Output) is not { } shape || node.Inputs.Count < 3) return null;
        var x = inputs[0]!;
        var starts = ShapeInference.Numbers(node.Input(1))!;
        var axes = ShapeInference.Numbers(node.Input(3)) ?? [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        var steps = ShapeInference.Numbers(node.Input(4));
        var strides = Strides(x.Shape);
        long offset = 0;
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = (int)(axes[i] < 0 ? axes[i] + x.Rank : axes[i]);
            long size = x.Shape[axis], step = steps?[i] ?? 1, start = starts[i] < 0 ? starts[i] + size : starts[i];
            offset += Math.Clamp(start, 0, step > 0 ? size : size - 1) * strides[axis];
            strides[axis] *= step;
        }
        return Pick(x, shape, strides, offset);
    }

    public static TensorData? Expand(OnnxNode node, TensorData x)
    {
        if (ConstantEvaluator.Static(node.Output) is not { } shape) return null;
        return Pick(x, shape, BroadcastStrides(x, shape), 0);
    }

    public static TensorData? Fill(OnnxNode node)
    {
        if (ConstantEvaluator.Static(node.Output) is not { } shape) return null;
        var value = node.Attributes.TryGetValue("value", out var attribute) && attribute.Value is TensorData tensor
            ? tensor
            : TensorData.Scalar(0f);
        return value.Count == 1 ? Pick(value, shape, new long[shape.Length], 0) : null;
    }

    /// <summary>How far apart neighbours along each dimension are, in elements.</summary>
    public static long[] Strides(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
        return strides;
    }

    /// <summary>Strides with which a tensor is read as if it had larger dimensions: 0 where it is repeated.</summary>
    public static long[] BroadcastStrides(TensorData x, long[] shape)
    {
        var own = Strides(x.Shape);
        var strides = new long[shape.Length];
        for (int i = 1; i <= x.Rank; i++) strides[^i] = x.Shape[^i] == 1 ? 0 : own[^i];
        return strides;
    }

    /// <summary>Calls with the source's index for each element of a shape, in order.</summary>
    public static void Walk(long[] shape, long[] strides, long offset, Action<int> visit)
    {
        long count = Product(shape);
        var position = new long[shape.Length];
        for (long i = 0; i < count; i++)
        {
            visit(checked((int)offset));
            for (int axis = shape.Length - 1; axis >= 0; axis--)
            {
                offset += strides[axis];
                if (++position[axis] < shape[axis]) break;
                offset -= strides[axis] * shape[axis];
                position[axis] = 0;
            }
        }
    }

    /// <summary>The elements at regular distances, in the order of a shape.</summary>
    static TensorData Pick(TensorData x, long[] shape, long[] strides, long offset)
    {
        int size = x.Type.Bits() / 8;
        var bytes = new byte[checked(Product(shape) * size)];
        if (bytes.Length == 0) return new TensorData(x.Type, shape, bytes);
        switch (size)
        {
            case 1: Pick<byte>(x, bytes, shape, strides, offset); break;
            case 2: Pick<ushort>(x, bytes, shape, strides, offset); break;
            case 4: Pick<uint>(x, bytes, shape, strides, offset); break;
            case 8: Pick<ulong>(x, bytes, shape, strides, offset); break;
            default: Pick<UInt128>(x, bytes, shape, strides, offset); break;
        }
        return new TensorData(x.Type, shape, bytes);
    }

    static void Pick<T>(TensorData x, byte[] bytes, long[] shape, long[] strides, long offset) where T : unmanaged
    {
        var data = x.Bytes;
        int count = shape.Length == 0 ? 1 : (int)shape[^1], stride = shape.Length == 0 ? 0 : (int)strides[^1], at = 0;
        // Rows along the last dimension, in which the distance is always the same.
        Walk(shape.Length == 0 ? [] : shape[..^1], shape.Length == 0 ? [] : strides[..^1], offset, index =>
        {
            var source = MemoryMarshal.Cast<byte, T>(data.Span);
            var row = MemoryMarshal.Cast<byte, T>(bytes.AsSpan()).Slice(at, count);
            for (int i = 0; i < row.Length; i++, index += stride) row[i] = source[index];
            at += count;
        });
    }

    static long Product(ReadOnlySpan<long> shape)
    {
        long product = 1;
        foreach (long size in shape) product = checked(product * size);
        return product;
    }
}
