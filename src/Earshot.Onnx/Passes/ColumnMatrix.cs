using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>A weight (rows K, columns N), and its quantised forms; a weight w is stored as q with w ≈ q · scale.</summary>
sealed class ColumnMatrix
{
    readonly float[] _elements;
    readonly bool _transposed;

    ColumnMatrix(float[] elements, int rows, int columns, bool transposed)
    {
        _elements = elements;
        _transposed = transposed;
        Rows = rows;
        Columns = columns;
    }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Reads a weight, (K, N) or transposed (N, K); null where it is empty or holds numbers that are not finite.</summary>
    public static ColumnMatrix? From(TensorData weight, bool transposed)
    {
        var elements = weight.ToArray<float>();
        if (elements.Length == 0 || !Array.TrueForAll(elements, float.IsFinite)) return null;
        var (rows, columns) = transposed ? ((int)weight.Shape[1], (int)weight.Shape[0]) : ((int)weight.Shape[0], (int)weight.Shape[1]);
        return new ColumnMatrix(elements, rows, columns, transposed);
    }

    /// <summary>int8 in −127…127, row-major (K, N), with a scale a column.</summary>
    public (sbyte[] Elements, float[] Scales) PerColumn()
    {
        var elements = new sbyte[_elements.Length];
        var scales = new float[Columns];
        for (int column = 0; column < Columns; column++)
        {
            float scale = Largest(column, 0, Rows) / 127;
            scales[column] = scale;
            for (int row = 0; row < Rows && scale > 0; row++)
                elements[row * Columns + column] = (sbyte)MathF.Round(At(row, column) / scale);
        }
        return (elements, scales);
    }

    /// <summary>
    /// Blocks of <paramref name="size"/> along each column, as MatMulNBits reads them: unsigned with the zero at half the range, columns
    /// outermost, two numbers of four bits a byte with the first in its low half; the last block is filled up with zeros.
    /// </summary>
    public (byte[] Packed, float[] Scales, int Blocks) InBlocks(int bits, int size)
    {
        int blocks = (Rows + size - 1) / size, zero = 1 << (bits - 1), bytes = size * bits / 8;
        var packed = new byte[Columns * blocks * bytes];
        var scales = new float[Columns * blocks];
        for (int i = 0; i < scales.Length; i++)
        {
            int column = i / blocks, first = i % blocks * size;
            float scale = Scale(column, first, Math.Min(size, Rows - first), zero);
            scales[i] = scale;
            for (int j = 0; j < size; j++)
            {
                float quotient = first + j < Rows && scale != 0 ? At(first + j, column) / scale : 0;
                int number = Math.Clamp((int)MathF.Round(quotient) + zero, 0, 2 * zero - 1);
                if (bits == 8) packed[i * bytes + j] = (byte)number;
                else packed[i * bytes + j / 2] |= (byte)(number << (j % 2 * 4));
            }
        }
        return (packed, scales, blocks);
    }

    /// <summary>
    /// The scale that brings the number of largest magnitude to the end of the range that has one more step, its negative end.
    /// </summary>
    float Scale(int column, int first, int count, int zero)
    {
        float extreme = 0;
        for (int row = first; row < first + count; row++) if (MathF.Abs(At(row, column)) > MathF.Abs(extreme)) extreme = At(row, column);
        return extreme / -zero;
    }

    float Largest(int column, int first, int count)
    {
        float largest = 0;
        for (int row = first; row < first + count; row++) largest = MathF.Max(largest, MathF.Abs(At(row, column)));
        return largest;
    }

    float At(int row, int column) => _transposed ? _elements[column * Rows + row] : _elements[row * Columns + column];
}
