namespace Earshot.Compute;

/// <summary>How one element of a tensor is stored.</summary>
public enum DType
{
    F64, F32, F16, BF16,
    I64, I32, I16, I8, U8, Bool,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this DType type) => type switch
    {
        DType.F64 or DType.I64 => 8,
        DType.F32 or DType.I32 => 4,
        DType.F16 or DType.BF16 or DType.I16 => 2,
        _ => 1,
    };
}
