using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>The names that safetensors gives to element types.</summary>
static class SafetensorsTypes
{
    public const string All = "F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL";

    public static DType? Parse(string? name) => name switch
    {
        "F64" => DType.F64,
        "F32" => DType.F32,
        "F16" => DType.F16,
        "BF16" => DType.BF16,
        "I64" => DType.I64,
        "I32" => DType.I32,
        "I16" => DType.I16,
        "I8" => DType.I8,
        "U8" => DType.U8,
        "BOOL" => DType.Bool,
        _ => null,
    };

    public static string Name(DType type) => type == DType.Bool ? "BOOL" : type.ToString();
}
