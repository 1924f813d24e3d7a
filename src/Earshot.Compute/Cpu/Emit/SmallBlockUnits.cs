using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Blocks of one group whose bytes hold two codes each: Q4_0, Q4_1, IQ4_NL, and with fifth bits Q5_0 and Q5_1. Four blocks are read at a
/// time, by two loads that overlap, and their words put in order.
/// </summary>
internal sealed class HalfByteUnit : BlockUnit
{
    const int Quad = 4;
    const int VectorBytes = 64;
    const int Half = FirstConstant, CodeWords = FirstConstant + 1, ScaleWords = FirstConstant + 2, ValuesOrBit = FirstConstant + 3;
    const int BitWords = FirstConstant + 4;
    const int BitMask = 2;

    readonly int _block;
    readonly int _codes;
    readonly int _fifthBits;
    readonly bool _hasOffsets;
    readonly bool _looksUp;

    HalfByteUnit(int block, int codes, int zero = 0, bool hasOffsets = false, int fifthBits = -1, bool looksUp = false)
    {
        _block = block;
        _codes = codes;
        _hasOffsets = hasOffsets;
        _fifthBits = fifthBits;
        _looksUp = looksUp;
        // Of each half, scales and then offsets of its four groups.
        Layout = new UnitLayout
        {
            Order = HalvesOf(0, 1, 2, 3, 4, 5, 6, 7),
            Zero = zero,
            HasPairs = true,
            Factors =
            [
                .. Enumerable.Range(0, 16).Select(i => new UnitFactor(
                    i % 8 < Quad ? UnitFactorKind.Scale : hasOffsets ? UnitFactorKind.Sum : UnitFactorKind.None, i / 8 * Quad + i % Quad)),
            ],
        };
    }

    public static HalfByteUnit OfQ4_0 { get; } = new(Q4_0.ByteCount, Q4_0.Codes, Q4_0.Zero);

    public static HalfByteUnit OfQ4_1 { get; } = new(Q4_1.ByteCount, Q4_1.Codes, hasOffsets: true);

    public static HalfByteUnit OfQ5_0 { get; } = new(Q5_0.ByteCount, Q5_0.Codes, Q5_0.Zero, fifthBits: Q5_0.FifthBits);

    public static HalfByteUnit OfQ5_1 { get; } = new(Q5_1.ByteCount, Q5_1.Codes, hasOffsets: true, fifthBits: Q5_1.FifthBits);

    public static HalfByteUnit OfIQ4_NL { get; } = new(IQ4_NL.ByteCount, IQ4_NL.Codes, NonLinearCodes.Zero, looksUp: true);

    public override int Bytes => UnitLayout.Groups * _block;

    public override int GroupBytes => _block;

    public override IReadOnlyList<int> Loads => [0, Overlap, Quad * _block, Quad * _block + Overlap];

    public override UnitLayout Layout { get; }

    public override int OffsetLanes => _hasOffsets ? 0xF0F0 : 0;

    public override IReadOnlyList<int[]> Spread => [[0, 1, 2, 3], [8, 9, 10, 11]];

    protected override IReadOnlyList<byte[]> Own
    {
        get
        {
            List<byte[]> own = [Bytes64(_ => 15), Words(i => Word(i / 8 * _block + _codes + 2 * (i % 8)))];
            // Those of the second half are in the second table, where one load of each half has them all.
            own.Add(Words(i => ScalesInFirstLoad
                ? (i % 16 / 8 * 32) + ScaleByte(i % 8) / 2
                : Word(ScaleByte(i % 8))));
            if (_looksUp) own.Add(NonLinearCodes.Table);
            if (_fifthBits < 0) return own;
            own.Add(Bytes64(_ => 16));
            own.Add(Words(i => Word(i % 4 * _block + _fifthBits + 2 * (i / 4 % 2))));
            return own;
        }
    }

    // How far the second load of four blocks is behind the first, so that it ends with them.
    int Overlap => Quad * _block - VectorBytes;

    bool ScalesInFirstLoad => (Quad - 1) * _block + 2 * sizeof(ushort) <= VectorBytes;

    public override void Read(UnitReader reader)
    {
        var code = reader.Code;
        for (int half = 0; half < reader.Halves; half++)
        {
            int packed = Temporary, low = Codes + 2 * half, high = low + 1;
            reader.Load(packed, 2 * half);
            ReadScales(reader, half, packed);
            if (_fifthBits >= 0) code.Copy(Third, packed);
            reader.PermuteWords(packed, CodeWords, 2 * half + 1, Another);
            Split(code, packed, low, high, Half);
            if (_looksUp)
            {
                code.ShuffleBytes(low, ValuesOrBit, low);
                code.ShuffleBytes(high, ValuesOrBit, high);
            }
            if (_fifthBits < 0) continue;
            reader.PermuteWords(Third, BitWords, 2 * half + 1, Another);
            for (int i = 0; i < 2; i++)
            {
                code.MoveQuadword(Free, Third, (byte)i);
                code.SetMask(BitMask, Free);
                code.AddBytes(low + i, low + i, ValuesOrBit, BitMask);
            }
        }
        code.ConvertHalves(Scales, Scales);
    }

    void ReadScales(UnitReader reader, int half, int first)
    {
        var code = reader.Code;
        if (ScalesInFirstLoad)
        {
            if (half == 0) code.Copy(Scales, first);
            else code.PermuteWords(Scales, ScaleWords, first);
            if (reader.Halves > 1) return;
            code.ZeroVector(Another);
            code.PermuteWords(Scales, ScaleWords, Another);
            return;
        }
        int own = half == 0 ? Scales : Third;
        code.Copy(own, first);
        reader.PermuteWords(own, ScaleWords, 2 * half + 1, Another);
        if (half == 1) code.InsertBlock(Scales, Scales, own, 1);
        else if (reader.Halves == 1)
        {
            code.ZeroVector(Another);
            code.InsertBlock(Scales, Scales, Another, 1);
        }
    }

    // Scales of four blocks, then what lies behind them.
    int ScaleByte(int index) => index % Quad * _block + index / Quad * sizeof(ushort);

    // A word of four blocks in the two loads.
    int Word(int offset) => (offset < VectorBytes ? offset : VectorBytes + offset - Overlap) / 2;
}

/// <summary>Q8_0: a block is a group of int8, of which two lie in two loads that overlap.</summary>
internal sealed class Q8_0Unit : BlockUnit
{
    const int Pair = 2 * Q8_0.ByteCount;
    const int CodeWords = FirstConstant, ScaleWords = FirstConstant + 1, Sign = FirstConstant + 2;

    public override int Bytes => UnitLayout.Groups * Q8_0.ByteCount;

    public override int GroupBytes => Q8_0.ByteCount;

    public override IReadOnlyList<int> Loads => [.. Enumerable.Range(0, 8).Select(i => i / 2 * Pair + i % 2 * (Pair - 64))];

    public override UnitLayout Layout { get; } = new()
    {
        Order = HalvesOf(0, 1, 2, 3, 4, 5, 6, 7),
        Zero = 128,
        HasPairs = true,
        Factors = ScalesThen(UnitFactorKind.None),
    };

    public override IReadOnlyList<int[]> Spread => [[0, 1, 2, 3], [4, 5, 6, 7]];

    // Words of a pair: scale, sixteen of codes, scale, sixteen of codes; the second table has the last 32 of them.
    protected override IReadOnlyList<byte[]> Own =>
    [
        Words(i => i < 16 ? 1 + i : i < 30 ? 2 + i : 32 + i), Words(i => i % 2 * 17 + i / 2 % 2 * 32), Bytes64(_ => 128),
    ];

    public override void Read(UnitReader reader)
    {
        var code = reader.Code;
        for (int pair = 0; pair < 2 * reader.Halves; pair++)
        {
            int codes = Codes + pair, scales = pair < 2 ? Scales : Third;
            reader.Load(codes, 2 * pair);
            if (pair % 2 == 0) code.Copy(scales, codes);
            else code.PermuteWords(scales, ScaleWords, codes);
            reader.PermuteWords(codes, CodeWords, 2 * pair + 1, Another);
            code.Xor(codes, codes, Sign);
        }
        for (int half = 0; half < reader.Halves; half++)
        {
            int first = Codes + 2 * half;
            code.ChooseBlocks(Another, first, first + 1, 0x88);
            code.ChooseBlocks(first + 1, first, first + 1, 0xDD);
            code.Copy(first, Another);
        }
        if (reader.Halves == 1) code.ZeroVector(Third);
        code.JoinLow(Scales, Scales, Third);
        code.ConvertHalves(Scales, Scales);
    }
}
