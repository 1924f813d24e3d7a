namespace Earshot.Checkpoints.Gguf;

/// <summary>What a metadata value of a GGUF file is, by its number in the file.</summary>
public enum GgufValueType
{
    UInt8 = 0, Int8 = 1, UInt16 = 2, Int16 = 3, UInt32 = 4, Int32 = 5, Float32 = 6, Boolean = 7, Text = 8, Array = 9,
    UInt64 = 10, Int64 = 11, Float64 = 12,
}
