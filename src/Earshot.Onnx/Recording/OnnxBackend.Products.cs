using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Products with weights, where the precision is decided, and what normalises between them.
public sealed partial class OnnxBackend
{
    readonly Dictionary<string, GraphValue> _transposed = new(StringComparer.Ordinal);

    public override Tensor Linear(Tensor x, Parameter weight, Parameter? bias, Epilogue epilogue)
    {
        var input = Unwrap(x);
        if (x.Shape[^1] != weight.Shape[1])
            throw new ModelException($"{weight.Name}: weight {weight.Shape} does not take an input of shape {x.Shape}.");
        var path = Parent(weight.Name);
        var (value, left) = Product(path, input, weight, bias);
        var product = new UnfinishedProduct(value, left, epilogue.Activation, epilogue.Residual is { } residual ? Unwrap(residual) : null);
        var result = new OnnxTensor(this, x.Shape.WithLast(weight.Shape[0]), path) { Unfinished = product };
        return product is { Bias: null, IsLinear: true } ? result.With(product.Product) : result;
    }

    public override Tensor MatMul(Tensor left, Tensor right, bool transposed = false)
    {
        var shape = Shape.Product(left.Shape, right.Shape, transposed);
        var (a, b) = (Unwrap(left), Unwrap(right));
        if (!transposed) return New(shape, a.Path).With(Node(a.Path, "MatMul", [a.Value, b.Value]));
        if (Fuses) return New(shape, a.Path).With(Fused(a.Path, "FusedMatMul", [a.Value, b.Value], ("transB", 1L)));
        return New(shape, a.Path)
            .With(Node(a.Path, "MatMul", [a.Value, Node(a.Path, "Transpose", [b.Value], ("perm", LastTwoSwapped(right.Shape.Rank)))]));
    }

    static long[] LastTwoSwapped(int rank)
    {
        long[] order = [.. Enumerable.Range(0, rank).Select(dimension => (long)dimension)];
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return order;
    }

    public override Tensor LayerNorm(Tensor x, Parameter weight, Parameter bias, float epsilon)
    {
        var input = Unwrap(x);
        var path = Parent(weight.Name);
        if (SkipsIntoNorms && !input.IsFinished && input.Unfinished is { Residual: { } residual, Activation: Activation.None } product)
            return SkipLayerNorm(input, product, residual, weight, bias, epsilon);
        var (scale, shift) = Fuses || ComputeType == OnnxElementType.Float32
            ? (Vector(weight), Vector(bias))
            : (Initializer(weight.Name, _weights.Plain(weight, OnnxElementType.Float32)), Initializer(
                bias.Name, _weights.Plain(bias, OnnxElementType.Float32)));
        var value = Node(
            path, "LayerNormalization", [Cast(path, input.Value, scale.Type), scale, shift], ("axis", -1L), ("epsilon", epsilon));
        return New(x.Shape, path).With(Cast(path, value, ComputeType));
    }

    // Bias, residual and norm in one pass; the sum before the norm is what the layer's residual path goes on with.
    OnnxTensor SkipLayerNorm(OnnxTensor x, UnfinishedProduct product, OnnxTensor residual, Parameter weight, Parameter bias, float epsilon)
    {
        var path = Parent(weight.Name);
        var added = product.Bias is null ? null : Vector(product.Bias);
        var outputs = FusedNodes(
            path, "SkipLayerNormalization", [product.Product, residual.Value, Vector(weight), Vector(bias), added], 4,
            ("epsilon", epsilon));
        var node = outputs[0].Producer!;
        node.ReleaseOutput(1); // mean and inverse deviation
        node.ReleaseOutput(2);
        x.With(outputs[3]);
        return New(x.Shape, path).With(outputs[0]);
    }

    // ONNX Runtime's processor kernel of the fused norm takes eight times as long as an addition and a norm (3.4 to 0.4 ms for
    // 1500 × 512), so it is for graphics cards, which float16 is for.
    bool SkipsIntoNorms => Fuses && ComputeType == OnnxElementType.Float16;

    // The product, and the bias where it is still to be added.
    (GraphValue Value, Parameter? Left) Product(string path, OnnxTensor x, Parameter weight, Parameter? bias) => _options.Precision switch
    {
        _ when _options.KeepsFloat(weight.Name) => (FloatProduct(path, x, weight), bias),
        GraphPrecision.Int8 when Fuses => (ProductByOutput(path, x, weight, bias), null),
        GraphPrecision.Int8 => (ProductByOutput(path, x, weight, null), bias),
        GraphPrecision.Int8Blocks => (ProductByBlock(path, x, weight, bias, 8), null),
        GraphPrecision.Int4Blocks => (ProductByBlock(path, x, weight, bias, _weights.IsTable(weight) ? 8 : 4), null),
        _ => (FloatProduct(path, x, weight), bias),
    };

    GraphValue FloatProduct(string path, OnnxTensor x, Parameter weight)
    {
        if (!_weights.KeepsOrder(weight, ComputeType))
            return Node(path, "MatMul", [x.Value, Initializer(weight.Name, _weights.Transposed(weight, ComputeType))]);
        var matrix = Initializer(weight.Name, _weights.Plain(weight, ComputeType));
        if (Fuses) return Fused(path, "FusedMatMul", [x.Value, matrix], ("transB", 1L));
        if (!_transposed.TryGetValue(weight.Name, out var transposed))
            _transposed[weight.Name] = transposed = Node(path, "Transpose", [matrix], ("perm", new long[] { 1, 0 }));
        return Node(path, "MatMul", [x.Value, transposed]);
    }

    // The input is quantised once for all products that read it.
    GraphValue ProductByOutput(string path, OnnxTensor x, Parameter weight, Parameter? bias)
    {
        var (data, scaleData) = _weights.ByOutput(weight);
        var matrix = Initializer($"{weight.Name}_int8", data);
        var scales = Initializer($"{weight.Name}_scale", scaleData);
        x.Quantized ??= Nodes(x.Path, "DynamicQuantizeLinear", [x.Value], 3);
        var (values, scale, zero) = (x.Quantized[0], x.Quantized[1], x.Quantized[2]);
        if (Fuses)
            return Fused(path, "MatMulIntegerToFloat", [values, matrix, scale, scales, zero, null, bias is null ? null : Vector(bias)]);
        var product = Cast(path, Node(path, "MatMulInteger", [values, matrix, zero]), OnnxElementType.Float32);
        return Node(path, "Mul", [product, Node(path, "Mul", [scale, scales])]);
    }

    GraphValue ProductByBlock(string path, OnnxTensor x, Parameter weight, Parameter? bias, int bits)
    {
        const long computeInInt8 = 4;
        var (values, scales) = _weights.ByBlock(weight, new BlockFormat(bits, _options.BlockSize));
        return Fused(
            path, "MatMulNBits", [
                x.Value, Initializer($"{weight.Name}_int{bits}", values), Initializer($"{weight.Name}_scale", scales), null, null,
                bias is null ? null : Vector(bias),
            ], ("K", (long)weight.Shape[1]), ("N", (long)weight.Shape[0]), ("bits", (long)bits), ("block_size", (long)_options.BlockSize),
            ("accuracy_level", computeInInt8));
    }
}
