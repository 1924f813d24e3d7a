using System.Numerics;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>Elementwise arithmetic on constants, in the operands' own type.</summary>
static class ConstantArithmetic
{
    public static TensorData? Unary(string opType, TensorData x)
    {
        Func<float, float>? real = opType switch
        {
            "Neg" => v => -v,
            "Sqrt" => MathF.Sqrt,
            "Reciprocal" => v => 1 / v,
            "Abs" => MathF.Abs,
            "Exp" => MathF.Exp,
            "Log" => MathF.Log,
            "Floor" => MathF.Floor,
            "Ceil" => MathF.Ceiling,
            "Relu" => v => MathF.Max(v, 0),
            "Tanh" => MathF.Tanh,
            "Sigmoid" => v => 1 / (1 + MathF.Exp(-v)),
            _ => null,
        };
        if (x.Type == OnnxElementType.Float32 && real is not null)
            return Make(Array.ConvertAll(x.ToArray<float>(), v => real(v)), x.Shape.ToArray(), x.Type);
        return (opType, x.Type) switch
        {
            ("Neg", OnnxElementType.Int64) => Make(Array.ConvertAll(x.ToArray<long>(), v => -v), x.Shape.ToArray(), x.Type),
            ("Abs", OnnxElementType.Int64) => Make(Array.ConvertAll(x.ToArray<long>(), Math.Abs), x.Shape.ToArray(), x.Type),
            ("Not", OnnxElementType.Bool) =>
                Make(Array.ConvertAll(x.ToArray<byte>(), v => (byte)(v == 0 ? 1 : 0)), x.Shape.ToArray(), x.Type),
            _ => null,
        };
    }

    public static TensorData? Binary(string opType, TensorData left, TensorData right)
    {
        if (left.Type != right.Type) return null;
        return left.Type switch
        {
            OnnxElementType.Float32 => Arithmetic<float>(opType, left, right, MathF.Pow) ?? Compare<float>(opType, left, right),
            OnnxElementType.Int64 => Arithmetic<long>(opType, left, right, null) ?? Compare<long>(opType, left, right),
            OnnxElementType.Int32 => Arithmetic<int>(opType, left, right, null) ?? Compare<int>(opType, left, right),
            OnnxElementType.Bool => Logic(opType, left, right),
            _ => null,
        };
    }

    public static TensorData? Cast(TensorData x, OnnxElementType to)
    {
        if (x.Type == to) return x;
        var shape = x.Shape.ToArray();
        double[]? values = x.Type switch
        {
            OnnxElementType.Float32 => Array.ConvertAll(x.ToArray<float>(), v => (double)v),
            OnnxElementType.Int32 => Array.ConvertAll(x.ToArray<int>(), v => (double)v),
            OnnxElementType.Bool => Array.ConvertAll(x.ToArray<byte>(), v => v == 0 ? 0.0 : 1),
            // Only numbers that a double holds exactly take this way.
            OnnxElementType.Int64 when Array.TrueForAll(x.ToArray<long>(), v => Math.Abs((double)v) <= 1L << 53) =>
                Array.ConvertAll(x.ToArray<long>(), v => (double)v),
            OnnxElementType.Float64 => x.ToArray<double>(),
            OnnxElementType.Float16 => Array.ConvertAll(x.ToArray<Half>(), v => (double)v),
            _ => null,
        };
        if (values is null) return null;
        bool inRange = Array.TrueForAll(values, v => Math.Abs(v) < int.MaxValue);
        return to switch
        {
            OnnxElementType.Float32 => Make(Array.ConvertAll(values, v => (float)v), shape, to),
            OnnxElementType.Float16 => Make(Array.ConvertAll(values, v => (Half)v), shape, to),
            OnnxElementType.Bool => Make(Array.ConvertAll(values, v => (byte)(v == 0 ? 0 : 1)), shape, to),
            OnnxElementType.Int64 when inRange
                || x.Type == OnnxElementType.Int64 => Make(Array.ConvertAll(values, v => (long)v), shape, to),
            OnnxElementType.Int32 when inRange => Make(Array.ConvertAll(values, v => (int)v), shape, to),
            _ => null,
        };
    }

    public static TensorData? Where(TensorData?[] inputs)
    {
        if (inputs is not [{ Type: OnnxElementType.Bool } condition, { } yes, { } no] || yes.Type != no.Type) return null;
        var flags = condition.ToArray<byte>();
        return yes.Type switch
        {
            OnnxElementType.Float32 => Choose<float>(),
            OnnxElementType.Int64 => Choose<long>(),
            _ => null,
        };

        TensorData? Choose<T>() where T : unmanaged
        {
            if (Broadcast(Shape(yes), Shape(no)) is not { } some || Broadcast(Shape(condition), some) is not { } shape) return null;
            var (a, b) = (Spread<T>(yes, shape), Spread<T>(no, shape));
            var chosen = Spread<byte>(condition, shape);
            return Make([.. chosen.Select((flag, i) => flag != 0 ? a[i] : b[i])], shape, yes.Type);
        }
    }

    public static TensorData? Range(TensorData?[] inputs)
    {
        if (inputs is not [{ Type: OnnxElementType.Int64, Count: 1 } start, { Count: 1 } limit, { Count: 1 } delta]) return null;
        long from = start.ToArray<long>()[0], to = limit.ToArray<long>()[0], step = delta.ToArray<long>()[0];
        long count = Math.Max(0, (to - from + step - Math.Sign(step)) / step);
        if (count > ConstantFolding.MostBytes / sizeof(long)) return null;
        return TensorData.Ints([.. Enumerable.Range(0, (int)count).Select(i => from + i * step)]);
    }

    static TensorData? Arithmetic<T>(string opType, TensorData left, TensorData right, Func<T, T, T>? power) where T : unmanaged, INumber<T>
    {
        Func<T, T, T>? operation = opType switch
        {
            "Add" => (a, b) => a + b,
            "Sub" => (a, b) => a - b,
            "Mul" => (a, b) => a * b,
            "Div" => (a, b) => a / b,
            "Max" => T.Max,
            "Min" => T.Min,
            "Pow" => power,
            _ => null,
        };
        return operation is null ? null : Zip(left, right, operation, left.Type);
    }

    static TensorData? Compare<T>(string opType, TensorData left, TensorData right) where T : unmanaged, INumber<T>
    {
        Func<T, T, bool>? operation = opType switch
        {
            "Equal" => (a, b) => a == b,
            "Less" => (a, b) => a < b,
            "Greater" => (a, b) => a > b,
            "LessOrEqual" => (a, b) => a <= b,
            "GreaterOrEqual" => (a, b) => a >= b,
            _ => null,
        };
        return operation is null ? null : Zip<T, byte>(left, right, (a, b) => (byte)(operation(a, b) ? 1 : 0), OnnxElementType.Bool);
    }

    static TensorData? Logic(string opType, TensorData left, TensorData right)
    {
        Func<byte, byte, byte>? operation = opType switch
        {
            "And" => (a, b) => (byte)(a & b),
            "Or" => (a, b) => (byte)(a | b),
            "Xor" or "Equal" => (a, b) => (byte)(opType == "Xor" ? a ^ b : 1 ^ a ^ b),
            _ => null,
        };
        return operation is null ? null : Zip(left, right, operation, OnnxElementType.Bool);
    }

    static TensorData? Zip<T, TResult>(TensorData left, TensorData right, Func<T, T, TResult> operation, OnnxElementType type)
        where T : unmanaged where TResult : unmanaged
    {
        if (Broadcast(Shape(left), Shape(right)) is not { } shape) return null;
        var (a, b) = (Spread<T>(left, shape), Spread<T>(right, shape));
        var result = new TResult[a.Length];
        for (int i = 0; i < result.Length; i++) result[i] = operation(a[i], b[i]);
        return Make(result, shape, type);
    }

    /// <summary>The elements of a tensor as if it had a shape that it broadcasts to.</summary>
    static T[] Spread<T>(TensorData x, long[] shape) where T : unmanaged
    {
        var source = x.ToArray<T>();
        if (x.Shape.SequenceEqual(shape)) return source;
        var result = new List<T>();
        ConstantMovement.Walk(shape, ConstantMovement.BroadcastStrides(x, shape), 0, index => result.Add(source[index]));
        return [.. result];
    }

    static long[] Shape(TensorData x) => x.Shape.ToArray();

    static long[]? Broadcast(long[] left, long[] right)
    {
        var shape = new long[Math.Max(left.Length, right.Length)];
        for (int i = 1; i <= shape.Length; i++)
        {
            long a = i <= left.Length ? left[^i] : 1, b = i <= right.Length ? right[^i] : 1;
            if (a != b && a != 1 && b != 1) return null;
            shape[^i] = a == 1 ? b : a;
        }
        return shape;
    }

    static TensorData Make<T>(T[] elements, long[] shape, OnnxElementType type) where T : unmanaged =>
        ConstantEvaluator.Make(elements, shape, type);
}
