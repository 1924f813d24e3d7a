namespace Earshot.Onnx;

/// <summary>What one element of a tensor is; the numbers are those of <c>TensorProto.DataType</c>, which ONNX Runtime shares.</summary>
public enum OnnxElementType
{
    Undefined = 0,
    Float32 = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Float64 = 11,
    UInt32 = 12,
    UInt64 = 13,
    Complex64 = 14,
    Complex128 = 15,
    BFloat16 = 16,
    Float8E4M3FN = 17,
    Float8E4M3FNUZ = 18,
    Float8E5M2 = 19,
    Float8E5M2FNUZ = 20,
    UInt4 = 21,
    Int4 = 22,
    Float4E2M1 = 23,
}

/// <summary>Facts about element types.</summary>
public static class OnnxElementTypes
{
    /// <summary>Bits of one element, or 0 where elements have no fixed size (strings) or the type is unknown.</summary>
    public static int Bits(this OnnxElementType type) => type switch
    {
        OnnxElementType.Complex128 => 128,
        OnnxElementType.Float64 or OnnxElementType.Int64 or OnnxElementType.UInt64 or OnnxElementType.Complex64 => 64,
        OnnxElementType.Float32 or OnnxElementType.Int32 or OnnxElementType.UInt32 => 32,
        OnnxElementType.Float16 or OnnxElementType.BFloat16 or OnnxElementType.Int16 or OnnxElementType.UInt16 => 16,
        OnnxElementType.Int8 or OnnxElementType.UInt8 or OnnxElementType.Bool => 8,
        OnnxElementType.Float8E4M3FN or OnnxElementType.Float8E4M3FNUZ => 8,
        OnnxElementType.Float8E5M2 or OnnxElementType.Float8E5M2FNUZ => 8,
        OnnxElementType.Int4 or OnnxElementType.UInt4 or OnnxElementType.Float4E2M1 => 4,
        _ => 0,
    };

    /// <summary>Whether arithmetic on the type is floating-point.</summary>
    public static bool IsFloat(this OnnxElementType type) =>
        type is OnnxElementType.Float32 or OnnxElementType.Float16 or OnnxElementType.BFloat16 or OnnxElementType.Float64;

    /// <summary>The bytes that <paramref name="count"/> elements take; elements of less than a byte are packed.</summary>
    /// <exception cref="OverflowException">More bytes than a long can say.</exception>
    public static long ByteLength(this OnnxElementType type, long count)
    {
        int bits = type.Bits();
        return bits >= 8 ? checked(count * (bits / 8)) : (checked(count * bits) + 7) / 8;
    }

    /// <summary>The element type that holds values of <typeparamref name="T"/>: float, Half, double, the integers, and bool.</summary>
    public static OnnxElementType Of<T>() where T : unmanaged => Known<T>.Type;

    static class Known<T>
    {
        public static readonly OnnxElementType Type =
            typeof(T) == typeof(float) ? OnnxElementType.Float32
            : typeof(T) == typeof(Half) ? OnnxElementType.Float16
            : typeof(T) == typeof(double) ? OnnxElementType.Float64
            : typeof(T) == typeof(long) ? OnnxElementType.Int64
            : typeof(T) == typeof(ulong) ? OnnxElementType.UInt64
            : typeof(T) == typeof(int) ? OnnxElementType.Int32
            : typeof(T) == typeof(uint) ? OnnxElementType.UInt32
            : typeof(T) == typeof(short) ? OnnxElementType.Int16
            : typeof(T) == typeof(ushort) ? OnnxElementType.UInt16
            : typeof(T) == typeof(sbyte) ? OnnxElementType.Int8
            : typeof(T) == typeof(byte) ? OnnxElementType.UInt8
            : typeof(T) == typeof(bool) ? OnnxElementType.Bool
            : OnnxElementType.Undefined;
    }
}
