using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

// What moves elements without computing.
public sealed unsafe partial class CpuBackend
{
    public override Tensor Value(Parameter parameter) =>
        NewTensor().Reset(CpuDevice.Vector(parameter).Pointer, parameter.Shape, DType.F32);

    public override Tensor Constant(ReadOnlySpan<float> values, Shape shape) => Input(values, shape);

    public override Tensor Positions(Tensor like, Index dimension)
    {
        var y = New(new Shape(like.Shape[dimension]));
        for (int i = 0; i < y.Values.Length; i++) y.Floats[i] = i;
        return y;
    }

    public override Tensor Numbers(Tensor indices)
    {
        if (indices.Type != DType.I32)
        {
            throw new ModelException($"Indices were expected, of {DType.I32}; got {indices.Type} of shape {indices.Shape}.");
        }
        var y = New(indices.Shape);
        System.Numerics.Tensors.TensorPrimitives.ConvertChecked(new ReadOnlySpan<int>(Cast(indices).Indices, y.Values.Length), y.Values);
        return y;
    }

    /// <summary>Shares its memory with x.</summary>
    public override Tensor Reshape(Tensor x, Shape shape)
    {
        if (x.Shape.Count != shape.Count) throw new ModelException($"Shape {x.Shape} cannot become {shape}: they hold different counts.");
        return NewTensor().Reset(Cast(x).Pointer, shape, x.Type);
    }

    /// <summary>Shares its memory with x where the positions lie there side by side.</summary>
    public override Tensor Slice(Tensor x, Index dimension, Range range)
    {
        var shape = x.Shape.Sliced(dimension, range, out int position, out int start);
        long outer = x.Shape.CountOf(0, position), inner = x.Shape.CountOf(position + 1, x.Shape.Rank);
        if (outer == 1) return NewTensor().Reset(Cast(x).Floats + start * inner, shape, x.Type);
        var y = New(shape, x.Type);
        Movement.Copy(_device.Workers, new CopyCall
        {
            X = Cast(x).Floats + start * inner,
            XStride = (nint)(x.Shape[position] * inner),
            Y = y.Floats,
            YStride = (nint)(shape[position] * inner),
            Rows = (int)outer,
            Size = (int)(shape[position] * inner),
        });
        return y;
    }

    public override Tensor Concat(ReadOnlySpan<Tensor> parts, Index dimension)
    {
        var shape = Shape.Joined(parts, dimension, out int position);
        if (position == shape.Rank - 1) return Place(parts, null, null, Activation.None);
        long outer = shape.CountOf(0, position), inner = shape.CountOf(position + 1, shape.Rank), offset = 0;
        var y = New(shape, parts[0].Type);
        foreach (var part in parts)
        {
            long size = part.Shape[position] * inner;
            Movement.Copy(_device.Workers, new CopyCall
            {
                X = Cast(part).Floats,
                XStride = (nint)size,
                Y = y.Floats + offset,
                YStride = (nint)(shape[position] * inner),
                Rows = (int)outer,
                Size = (int)size,
            });
            offset += size;
        }
        return y;
    }

    public override Tensor Transpose(Tensor x, params ReadOnlySpan<int> order)
    {
        var y = New(x.Shape.Transposed(order), x.Type);
        Movement.Transpose(_device.Workers, Cast(x).Floats, x.Shape, order, y.Floats);
        return y;
    }

    public override Tensor SelectRows(Tensor x, Tensor indices)
    {
        var input = Cast(x);
        int size = input.Size, count = (int)indices.Shape.Count;
        var y = New(new Shape(count, size));
        for (int i = 0; i < count; i++) Row(input, Cast(indices).Indices[i]).CopyTo(Row(y, i));
        return y;
    }
}
