using System.Runtime.InteropServices;

namespace Earshot.Onnx.Native;

/// <summary>What a session's input or output is: a tensor's element type and its dimensions, symbols among them.</summary>
public sealed record OnnxTensorDescription(string Name, OnnxElementType Type, IReadOnlyList<OnnxDimension> Shape)
{
    /// <summary>As in <c>mel: Float32(batch, 80, 3000)</c>.</summary>
    public override string ToString() => $"{Name}: {Type}({string.Join(", ", Shape)})";
}

/// <summary>Reads the runtime's descriptions of types.</summary>
static unsafe class OnnxTypeReader
{
    /// <summary>The ONNXType of tensors.</summary>
    public const int Tensor = 1;

    public static string KindName(int kind) => kind switch
    {
        Tensor => "tensor",
        2 => "sequence",
        3 => "map",
        4 => "opaque value",
        5 => "sparse tensor",
        6 => "optional value",
        _ => "value of an unknown kind",
    };

    /// <summary>
    /// Reads an OrtTypeInfo and gives it back; something that is not a tensor has the element type Undefined and no dimensions.
    /// </summary>
    public static OnnxTensorDescription Read(string name, nint typeInfo)
    {
        try
        {
            nint tensor;
            OrtApi.Check(OrtApi.CastTypeInfoToTensorInfo(typeInfo, &tensor), $"The type of '{name}' could not be read");
            if (tensor == 0) return new OnnxTensorDescription(name, OnnxElementType.Undefined, []);
            return new OnnxTensorDescription(name, ElementType(tensor), SymbolicDimensions(tensor));
        }
        finally
        {
            OrtApi.Release(OrtKind.TypeInfo, typeInfo);
        }
    }

    public static OnnxElementType ElementType(nint tensorInfo)
    {
        int type;
        OrtApi.Check(OrtApi.GetTensorElementType(tensorInfo, &type), "The tensor's element type could not be read");
        return (OnnxElementType)type;
    }

    public static long[] Dimensions(nint tensorInfo)
    {
        nuint rank;
        OrtApi.Check(OrtApi.GetDimensionsCount(tensorInfo, &rank), "The tensor's rank could not be read");
        if (rank == 0) return [];
        var shape = new long[(int)rank];
        fixed (long* dimensions = shape)
            OrtApi.Check(OrtApi.GetDimensions(tensorInfo, dimensions, rank), "The tensor's dimensions could not be read");
        return shape;
    }

    static OnnxDimension[] SymbolicDimensions(nint tensorInfo)
    {
        var sizes = Dimensions(tensorInfo);
        var symbols = stackalloc byte*[Math.Max(1, sizes.Length)];
        OrtApi.Check(
            OrtApi.GetSymbolicDimensions(tensorInfo, symbols, (nuint)sizes.Length), "The tensor's dimension names could not be read");
        var shape = new OnnxDimension[sizes.Length];
        for (int i = 0; i < shape.Length; i++)
        {
            var symbol = Marshal.PtrToStringUTF8((nint)symbols[i]);
            shape[i] = sizes[i] >= 0 ? new OnnxDimension(sizes[i]) : string.IsNullOrEmpty(symbol) ? OnnxDimension.Unknown
                : new OnnxDimension(symbol);
        }
        return shape;
    }
}
