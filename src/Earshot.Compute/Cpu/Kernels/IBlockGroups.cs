using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// How kernels read a row of one of ggml's block types: groups of 32 codes, each worth scale · code + offset. Implementations are empty
/// structs, so that a loop over them is compiled for each.
/// </summary>
internal unsafe interface IBlockGroups
{
    /// <summary>Whether codes are int8; else they have six bits at most and no sign.</summary>
    static abstract bool IsSigned { get; }

    /// <summary>Whether groups have offsets.</summary>
    static abstract bool HasOffsets { get; }

    /// <summary>Whether the two halves of a group have whole numbers of their own by which the scale is multiplied.</summary>
    static abstract bool HasHalves { get; }

    /// <summary>The codes of two groups, of which the first has an even number.</summary>
    static abstract void Pair(byte* row, int group, out Vector256<byte> even, out Vector256<byte> odd);

    /// <summary>The codes of a row's last group, where their number is odd.</summary>
    static abstract Vector256<byte> Last(byte* row, int group);

    /// <summary>The scales and offsets of a row's groups.</summary>
    static abstract void Scales(byte* row, int groups, float* scales, float* offsets);

    /// <summary>What the halves of a group are multiplied by, eight times each.</summary>
    static abstract Vector256<short> Halves(byte* row, int group);
}

/// <summary>Scales of blocks as float32, exactly.</summary>
internal static unsafe class BlockScales
{
    /// <summary>Scales that are read at once.</summary>
    public const int Count = 8;

    /// <summary>One float16.</summary>
    public static float Half(byte* at)
    {
        uint bits = *(ushort*)at, rest = bits & 0x7FFF;
        // What is neither denormal nor infinite is moved into place; its exponent lacks 127 − 15.
        return rest - 0x400 < 0x7800 ? BitConverter.UInt32BitsToSingle((bits & 0x8000) << 16 | (rest + (112 << 10)) << 13)
            : (float)BitConverter.UInt16BitsToHalf((ushort)bits);
    }

    /// <summary>The float16 of all blocks of a row, a stride apart.</summary>
    public static void Halves(byte* first, int stride, int count, float* destination)
    {
        if (count < Count)
        {
            for (int i = 0; i < count; i++) destination[i] = Half(first + i * stride);
            return;
        }
        // The last eight overlap those before.
        for (int i = 0; i < count; i += Count)
        {
            int from = Math.Min(i, count - Count);
            Halves(first + (nint)from * stride, stride).Store(destination + from);
        }
    }

    static Vector256<float> Halves(byte* at, int stride)
    {
        var halves = Vector128.Create(
            *(ushort*)at, *(ushort*)(at + stride), *(ushort*)(at + 2 * stride), *(ushort*)(at + 3 * stride), *(ushort*)(at + 4 * stride),
            *(ushort*)(at + 5 * stride), *(ushort*)(at + 6 * stride), *(ushort*)(at + 7 * stride));
        var bits = Vector256.Create(Vector128.WidenLower(halves), Vector128.WidenUpper(halves));
        var rest = bits & Vector256.Create(0x7FFFu);
        var moved = (rest + Vector256.Create(112u << 10)) << 13;
        // Infinite ones lack as much again; denormal ones are whole numbers of 2^−24.
        moved += Vector256.GreaterThanOrEqual(rest, Vector256.Create(0x7C00u)) & Vector256.Create(112u << 23);
        var denormal = Vector256.ConvertToSingle(rest.AsInt32()) * Vector256.Create(1f / (1 << 24));
        var values = Vector256.ConditionalSelect(Vector256.LessThan(rest, Vector256.Create(0x400u)), denormal.AsUInt32(), moved);
        return (values | (bits & Vector256.Create(0x8000u)) << 16).AsSingle();
    }

    /// <summary>Eight offsets: a factor times as many scales.</summary>
    public static void Times(float* scales, float factor, int count, float* destination)
    {
        int i = 0;
        for (; i <= count - Count; i += Count) (Vector256.Load(scales + i) * factor).Store(destination + i);
        for (; i < count; i++) destination[i] = scales[i] * factor;
    }

    /// <summary>Eight whole numbers of a byte each as float32.</summary>
    public static Vector256<float> Bytes(ulong bytes)
    {
        var words = Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte());
        return Vector256.ConvertToSingle(Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)).AsInt32());
    }
}
