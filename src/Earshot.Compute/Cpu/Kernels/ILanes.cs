namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Some float32 lanes of one width, so that vector code is written once and compiled for 128, 256 and 512 bits. Which width
/// runs is the <see cref="Isa"/>'s choice.
/// </summary>
internal unsafe interface ILanes<TSelf> where TSelf : struct, ILanes<TSelf>
{
    static abstract int Count { get; }

    static abstract TSelf Load(float* source);

    /// <summary>Whole numbers less one that is the same for all, as float32.</summary>
    static abstract TSelf LoadInt32(int* source, int less);

    /// <summary>The first bfloat16 of each pair, as float32.</summary>
    static abstract TSelf LoadEven(byte* pairs);

    /// <summary>The second bfloat16 of each pair, as float32.</summary>
    static abstract TSelf LoadOdd(byte* pairs);

    /// <summary>One unsigned byte of each dword, less 128, as float32.</summary>
    static abstract TSelf LoadByte(byte* quads, int index);

    static abstract TSelf LoadInt8(sbyte* source);

    static abstract TSelf LoadBF16(ushort* source);

    /// <summary>float16 that are not negative, infinite, or not numbers.</summary>
    static abstract TSelf LoadHalf(ushort* source);

    /// <summary>Bits as they are: eight four-bit codes in each lane.</summary>
    static abstract TSelf LoadBits(byte* source);

    /// <summary>The next code of each lane, in the lowest four bits.</summary>
    static abstract TSelf NextCode(TSelf codes);

    /// <summary>Sixteen values' entry for the lowest four bits of each lane.</summary>
    static abstract TSelf Lookup(float* table, TSelf codes);

    static abstract TSelf Create(float value);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator -(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>left · right + addend, rounded once where the processor can.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, TSelf addend);

    /// <summary>The larger; right where either is not a number.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The smaller; right where either is not a number.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    static abstract TSelf Abs(TSelf value);

    /// <summary>2^n for whole n from −126 to 127.</summary>
    static abstract TSelf PowerOfTwo(TSelf n);

    /// <summary>value · 2^n for a whole n from −126 to 127 that 1.5 · 2²³ was added to: its bits are then at the low end.</summary>
    static abstract TSelf ScaleByPowerOfTwo(TSelf value, TSelf shifted);

    /// <summary>value where x is at least limit or not a number, else zero.</summary>
    static abstract TSelf ZeroBelow(TSelf value, TSelf x, TSelf limit);

    /// <summary>positive where x is above zero, else other.</summary>
    static abstract TSelf SelectPositive(TSelf x, TSelf positive, TSelf other);

    static abstract float Sum(TSelf value);

    static abstract float Largest(TSelf value);

    void Store(float* destination);

    /// <summary>Stores the lanes rounded to bfloat16, ties to even.</summary>
    void StoreBF16(ushort* destination);

    /// <summary>Stores pairs (even, odd) rounded to bfloat16, ties to even.</summary>
    static abstract void StorePairs(TSelf even, TSelf odd, byte* destination);

    /// <summary>Stores four whole numbers that fit as int8 side by side in each dword, 128 added.</summary>
    static abstract void StoreQuads(TSelf first, TSelf second, TSelf third, TSelf fourth, byte* destination);

    /// <summary>The nearest whole numbers, ties to even, of magnitudes below 2²².</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary>Stores whole numbers that fit as int16.</summary>
    void StoreInt16(short* destination);

    /// <summary>Stores whole numbers that fit as int8.</summary>
    void StoreInt8(sbyte* destination);
}
