using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Q4_K, and with fifth bits Q5_K: a block is a unit. The codes' bytes are put in order so that the low halves are those of groups 0, 2, 4
/// and 6, the high halves the others'.
/// </summary>
internal sealed class SixBitUnit : BlockUnit
{
    const int Half = FirstConstant, HeaderBytes = FirstConstant + 1, Shifts = FirstConstant + 2, LowBits = FirstConstant + 3;
    const int UpperBits = FirstConstant + 4, Multipliers = FirstConstant + 5;
    const int EvenTurns = FirstConstant + 6, OddTurns = FirstConstant + 7, Bit = FirstConstant + 8;

    // A byte that has a code's or a minimum's upper two bits is the second of its lane, and they are wanted as bits 4 and 5.
    const int ToUpperBits = 10;

    readonly int _codes;
    readonly int _fifthBits;

    SixBitUnit(int bytes, int codes, int fifthBits)
    {
        Bytes = bytes;
        _codes = codes;
        _fifthBits = fifthBits;
    }

    public static SixBitUnit OfQ4_K { get; } = new(Q4_K.ByteCount, Q4_K.Codes, -1);

    public static SixBitUnit OfQ5_K { get; } = new(Q5_K.ByteCount, Q5_K.Codes, Q5_K.FifthBits);

    public override int Bytes { get; }

    public override UnitLayout Layout { get; } = new()
    {
        Order = HalvesOf(0, 2, 4, 6, 1, 3, 5, 7),
        HasPairs = true,
        Factors = ScalesThen(UnitFactorKind.NegativeSum),
    };

    public override int OffsetLanes => 0xFF00;

    public override IReadOnlyList<int[]> Spread => [[0, 2, 4, 6], [1, 3, 5, 7]];

    // Lanes 0 … 7 are scales, the others minimums; of each eight the last four have bits in two places.
    protected override IReadOnlyList<byte[]> Own =>
    [
        Bytes64(_ => 15), Bytes64(i => HeaderByte(i / 4, i % 4)), Dwords(lane => lane >= 12 ? 4 : 0),
        Dwords(lane => lane % 8 < 4 ? 63 : 15), Dwords(lane => lane % 8 < 4 ? 0 : 0x30), Dwords(lane => lane / 8),
        .. _fifthBits < 0
            ? (byte[][])[]
            : [Dwords(lane => (4 - lane / 4 * 2) & 31), Dwords(lane => (3 - lane / 4 * 2) & 31), Bytes64(_ => 16)],
    ];

    public override void Read(UnitReader reader)
    {
        var code = reader.Code;
        ReadScales(reader);
        code.LoadVector(Temporary, reader.At(_codes));
        code.ChooseBlocks(Another, Temporary, reader.At(_codes + 64), 0x88);
        code.ChooseBlocks(Third, Temporary, reader.At(_codes + 64), 0xDD);
        Split(code, Another, Codes, Codes + 2, Half);
        Split(code, Third, Codes + 1, Codes + 3, Half);
        if (_fifthBits < 0) return;
        for (int i = 0; i < 2; i++)
        {
            code.BroadcastQuarter(Temporary, reader.At(_fifthBits + 16 * i));
            code.RotateLeftEach(Another, Temporary, EvenTurns);
            code.OrAnd(Codes + i, Another, Bit);
            code.RotateLeftEach(Another, Temporary, OddTurns);
            code.OrAnd(Codes + 2 + i, Another, Bit);
        }
    }

    // Six bits of sixteen numbers, times the block's two multipliers.
    static void ReadScales(UnitReader reader)
    {
        var code = reader.Code;
        code.BroadcastQuarter(Temporary, reader.At(SixBitScales.D));
        code.ShuffleBytes(Another, Temporary, HeaderBytes);
        code.ShiftRightEach(Scales, Another, Shifts);
        code.And(Scales, Scales, LowBits);
        code.ShiftRight(Another, Another, ToUpperBits);
        code.OrAnd(Scales, Another, UpperBits);
        code.ConvertToFloat(Scales, Scales);
        code.ConvertHalves(Temporary, Temporary);
        code.Permute(Temporary, Multipliers, Temporary);
        code.Multiply(Scales, Scales, Temporary);
    }

    // Which of the first sixteen bytes a byte of a lane is; none: 128.
    static int HeaderByte(int lane, int index)
    {
        const int none = 128;
        int number = lane % 8;
        bool isMinimum = lane >= 8;
        return (index, number < 4) switch
        {
            (0, true) => SixBitScales.Scales + number + (isMinimum ? 4 : 0),
            (0, false) => SixBitScales.Scales + number + 4,
            (1, false) => SixBitScales.Scales + number - (isMinimum ? 0 : 4),
            _ => none,
        };
    }
}

/// <summary>Q6_K: a block is a unit of sixteen scales; codes lie as the inputs do once their bits are together.</summary>
internal sealed class Q6_KUnit : BlockUnit
{
    const int Half = FirstConstant, UpperBits = FirstConstant + 1, LeftShifts = FirstConstant + 2, RightShifts = FirstConstant + 3;

    public override int Bytes => Q6_K.ByteCount;

    public override UnitLayout Layout { get; } = new()
    {
        Order = [.. Enumerable.Range(0, 16)],
        Zero = Q6_K.Zero,
        Factors = [.. Enumerable.Range(0, 16).Select(i => new UnitFactor(UnitFactorKind.Scale, i / 2))],
    };

    public override IReadOnlyList<int[]> Spread => [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]];

    // Bits 0 and 1 of the first group's byte and 2 and 3 of the second's go to 4 and 5; then 4 and 5 stay, and 6 and 7 go there.
    protected override IReadOnlyList<byte[]> Own =>
    [
        Bytes64(_ => 15), Bytes64(_ => 0x30), Dwords(lane => lane < 8 ? 4 : 2), Dwords(lane => lane < 8 ? 0 : 2),
    ];

    public override void Read(UnitReader reader)
    {
        var code = reader.Code;
        code.WidenBytes(Scales, reader.At(Q6_K.Scales));
        code.ConvertToFloat(Scales, Scales);
        code.BroadcastWord(Temporary, reader.At(Q6_K.D));
        code.ConvertHalves(Temporary, Temporary);
        code.Multiply(Scales, Scales, Temporary);
        for (int half = 0; half < 2; half++)
        {
            int first = Codes + 2 * half, second = first + 1;
            code.LoadVector(first, reader.At(Q6_K.LowBits + Q6_K.Half / 2 * half));
            code.BroadcastHalfVector(Temporary, reader.At(Q6_K.HighBits + Q6_K.Group * half));
            Split(code, first, first, second, Half);
            code.ShiftLeftEach(Another, Temporary, LeftShifts);
            code.OrAnd(first, Another, UpperBits);
            code.ShiftRightEach(Another, Temporary, RightShifts);
            code.OrAnd(second, Another, UpperBits);
        }
    }
}

/// <summary>IQ4_XS: a block is a unit; groups lie as in IQ4_NL, their scales have six bits.</summary>
internal sealed class IQ4_XSUnit : BlockUnit
{
    const int Half = FirstConstant, Values = FirstConstant + 1, HeaderBytes = FirstConstant + 2, LowShifts = FirstConstant + 3;
    const int LowBits = FirstConstant + 4, UpperShifts = FirstConstant + 5, UpperBits = FirstConstant + 6, Zero = FirstConstant + 7;
    const int Multiplier = FirstConstant + 8;

    public override int Bytes => IQ4_XS.ByteCount;

    public override UnitLayout Layout { get; } = new()
    {
        Order = HalvesOf(0, 1, 2, 3, 4, 5, 6, 7),
        Zero = NonLinearCodes.Zero,
        HasPairs = true,
        Factors = ScalesThen(UnitFactorKind.None),
    };

    public override IReadOnlyList<int[]> Spread => [[0, 1, 2, 3], [4, 5, 6, 7]];

    // A scale's lane: the byte with its low bits, then the two bytes with the upper bits of all.
    protected override IReadOnlyList<byte[]> Own =>
    [
        Bytes64(_ => 15), NonLinearCodes.Table,
        Bytes64(i => (i % 4) switch
        {
            0 => IQ4_XS.LowScales + i / 4 % 8 / 2,
            3 => 128,
            _ => IQ4_XS.HighScales + i % 4 - 1,
        }),
        Dwords(lane => lane % 2 * 4), Dwords(_ => 15), Dwords(lane => 4 + lane % 8 * 2), Dwords(_ => 0x30), Dwords(_ => 32), Dwords(_ => 0),
    ];

    public override void Read(UnitReader reader)
    {
        var code = reader.Code;
        code.BroadcastQuarter(Temporary, reader.At(IQ4_XS.D));
        code.ShuffleBytes(Another, Temporary, HeaderBytes);
        code.ShiftRightEach(Scales, Another, LowShifts);
        code.And(Scales, Scales, LowBits);
        code.ShiftRightEach(Another, Another, UpperShifts);
        code.OrAnd(Scales, Another, UpperBits);
        code.SubtractWhole(Scales, Scales, Zero);
        code.ConvertToFloat(Scales, Scales);
        code.ConvertHalves(Temporary, Temporary);
        code.Permute(Temporary, Multiplier, Temporary);
        code.Multiply(Scales, Scales, Temporary);
        for (int half = 0; half < 2; half++)
        {
            int low = Codes + 2 * half, high = low + 1;
            code.LoadVector(low, reader.At(IQ4_XS.Codes + 64 * half));
            Split(code, low, low, high, Half);
            code.ShuffleBytes(low, Values, low);
            code.ShuffleBytes(high, Values, high);
        }
    }
}

/// <summary>The sixteen values of IQ4_NL and IQ4_XS as bytes without a sign.</summary>
internal static class NonLinearCodes
{
    /// <summary>What is taken off each.</summary>
    public const int Zero = 128;

    /// <summary>The table, once for each 128 bits.</summary>
    public static byte[] Table
    {
        get
        {
            var table = new byte[64];
            for (int i = 0; i < table.Length; i++) table[i] = (byte)(BlockCodes.NonLinear[i % 16] + Zero);
            return table;
        }
    }
}
