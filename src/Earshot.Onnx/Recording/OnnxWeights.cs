using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

/// <summary>
/// The weights of a model in the forms that its graphs read, each made once: graphs recorded over the same weights share them,
/// and so does the file that they are written to.
/// </summary>
public sealed class OnnxWeights
{
    readonly Dictionary<string, TensorData> _made = new(StringComparer.Ordinal);
    readonly Dictionary<string, Lazy<float[]>> _scales = new(StringComparer.Ordinal);
    readonly HashSet<string> _tables = new(StringComparer.Ordinal);

    /// <summary>The folder whose files graphs may refer to instead of a copy, null for none.</summary>
    public string? ReferenceFolder { get; init; }

    /// <summary>The elements in the checkpoint's order.</summary>
    internal TensorData Plain(Parameter parameter, OnnxElementType type) => Make($"{parameter.Name}:{type}", () =>
    {
        var stored = parameter.Stored;
        if (stored.File is { } file && TypeOf(stored.Type) == type)
            return TensorData.FromFile(type, Dimensions(stored.Shape), file, stored.FileOffset, parameter.Name);
        return TensorData.FromReader(type, Dimensions(stored.Shape), WeightReaders.Converted(stored, type), parameter.Name);
    });

    /// <summary>A matrix (out, in) as (in, out).</summary>
    internal TensorData Transposed(Parameter parameter, OnnxElementType type) => Make($"{parameter.Name}:{type}:transposed", () =>
        TensorData.FromReader(
            type, [parameter.Shape[1], parameter.Shape[0]], WeightReaders.Transposed(parameter.Stored, type), parameter.Name));

    /// <summary>A matrix (out, in) as int8 (in, out), and the scale of each output.</summary>
    internal (TensorData Values, TensorData Scales) ByOutput(Parameter parameter)
    {
        if (!_scales.TryGetValue(parameter.Name, out var scales))
            _scales[parameter.Name] = scales = new Lazy<float[]>(() => WeightReaders.ScalesByOutput(parameter.Stored));
        var values = Make($"{parameter.Name}:int8", () => TensorData.FromReader(
            OnnxElementType.Int8, [parameter.Shape[1], parameter.Shape[0]], WeightReaders.QuantizedByOutput(parameter.Stored, scales),
            parameter.Name));
        TensorReader read = (offset, destination) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(scales.Value)
            .Slice((int)offset, destination.Length)
            .CopyTo(destination);
        return (values, Make(
            $"{parameter.Name}:int8:scale",
            () => TensorData.FromReader(OnnxElementType.Float32, [parameter.Shape[0]], read, parameter.Name)));
    }

    /// <summary>A matrix (out, in) as MatMulNBits reads it, and its scales.</summary>
    internal (TensorData Values, TensorData Scales) ByBlock(Parameter parameter, BlockFormat format)
    {
        int outputs = parameter.Shape[0], blocks = format.Blocks(parameter.Shape[1]);
        var key = $"{parameter.Name}:int{format.Bits}:{format.Size}";
        var values = Make(key, () => TensorData.FromReader(
            OnnxElementType.UInt8, [outputs, blocks, format.BlockBytes], WeightReaders.QuantizedByBlock(parameter.Stored, format),
            parameter.Name));
        return (values, Make($"{key}:scale", () => TensorData.FromReader(
            OnnxElementType.Float32, [(long)outputs * blocks], WeightReaders.ScalesByBlock(parameter.Stored, format), parameter.Name)));
    }

    /// <summary>A constant made for several graphs.</summary>
    internal TensorData Make(string key, Func<TensorData> make)
    {
        if (!_made.TryGetValue(key, out var data)) _made[key] = data = make();
        return data;
    }

    /// <summary>Notes that a matrix is also read by rows, so that a product with it had better share that copy.</summary>
    internal void NoteTable(Parameter parameter) => _tables.Add(parameter.Name);

    internal bool IsTable(Parameter parameter) => _tables.Contains(parameter.Name);

    /// <summary>Whether a matrix is best kept as (out, in): it is a table too, or can stay where the checkpoint has it.</summary>
    internal bool KeepsOrder(Parameter parameter, OnnxElementType type) => _tables.Contains(parameter.Name) || CanRefer(parameter, type);

    internal static long[] Dimensions(Shape shape) => Array.ConvertAll(shape.ToArray(), size => (long)size);

    bool CanRefer(Parameter parameter, OnnxElementType type)
    {
        if (ReferenceFolder is null || parameter.Stored.File is not { } file || TypeOf(parameter.Stored.Type) != type) return false;
        return Path.GetDirectoryName(Path.GetFullPath(file)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(ReferenceFolder));
    }

    static OnnxElementType TypeOf(DType type) => type switch
    {
        DType.F32 => OnnxElementType.Float32,
        DType.F16 => OnnxElementType.Float16,
        _ => OnnxElementType.Undefined,
    };
}
