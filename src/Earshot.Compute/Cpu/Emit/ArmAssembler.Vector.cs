namespace Earshot.Compute.Cpu.Emit;

/// <content>Advanced SIMD instructions on vector registers of 128 bits, numbered 0 to 31.</content>
internal sealed partial class ArmAssembler
{
    /// <summary>Loads 16 bytes (ldr q).</summary>
    public void LoadVector(int destination, Xr start, int offset) =>
        Word(0x3DC00000 | Scaled(offset, 16) << 10 | (uint)start << 5 | (uint)destination);

    /// <summary>Stores 16 bytes (str q).</summary>
    public void StoreVector(Xr start, int offset, int source) =>
        Word(0x3D800000 | Scaled(offset, 16) << 10 | (uint)start << 5 | (uint)source);

    /// <summary>Loads 4, 8 or 16 bytes, zeros above them, and moves the address on (ldr s, d, q).</summary>
    public void LoadAndAdvance(int destination, Xr start, int bytes)
    {
        uint form = bytes switch { 4 => 0xBC400400, 8 => 0xFC400400, _ => 0x3CC00400 };
        Word(form | (uint)bytes << 12 | (uint)start << 5 | (uint)destination);
    }

    /// <summary>Loads 8 bytes to the upper half and moves the address on (ld1 of one element).</summary>
    public void LoadUpperAndAdvance(int destination, Xr start) => Word(0x4DDF8400 | (uint)start << 5 | (uint)destination);

    /// <summary>Copies 4 bytes to all four lanes and moves the address on (ld1r).</summary>
    public void BroadcastAndAdvance(int destination, Xr start) => Word(0x4DDFC800 | (uint)start << 5 | (uint)destination);

    /// <summary>All bits zero (movi).</summary>
    public void Zero(int register) => Word(0x6F00E400 | (uint)register);

    /// <summary>128 in each byte (movi).</summary>
    public void SetBytesTo128(int register) => Word(0x4F04E400 | (uint)register);

    /// <summary>destination = left xor right (eor).</summary>
    public void Xor(int destination, int left, int right) => Three(0x6E201C00, destination, left, right);

    /// <summary>Shifts each dword left (shl).</summary>
    public void ShiftLeft(int destination, int source, int count) => Two(0x4F005400 | (uint)(32 + count) << 16, destination, source);

    /// <summary>Shifts each dword right (ushr).</summary>
    public void ShiftRight(int destination, int source, int count) => Two(0x6F000400 | (uint)(64 - count) << 16, destination, source);

    /// <summary>destination += left · one lane of right, float32 (fmla).</summary>
    public void MultiplyAddFloat(int destination, int left, int right, int lane) => ByLane(0x4F801000, destination, left, right, lane);

    /// <summary>destination += sums of products of bfloat16 pairs, right's one of four (bfdot).</summary>
    public void DotBFloat16(int destination, int left, int right, int lane) => ByLane(0x4F40F000, destination, left, right, lane);

    /// <summary>destination += sums of four products of unsigned bytes of left and signed bytes of one lane of right (usdot).</summary>
    public void DotUnsignedSigned(int destination, int left, int right, int lane) => ByLane(0x4F80F000, destination, left, right, lane);

    /// <summary>destination += sums of four products of signed bytes, right's of one lane (sdot).</summary>
    public void DotSigned(int destination, int left, int right, int lane) => ByLane(0x4F80E000, destination, left, right, lane);

    /// <summary>destination += sums of four products of signed bytes (sdot).</summary>
    public void DotSigned(int destination, int left, int right) => Three(0x4E809400, destination, left, right);

    /// <summary>destination (2 × 2) += left (2 × 4) · right (2 × 4), transposed: bfloat16 (bfmmla).</summary>
    public void MatrixBFloat16(int destination, int left, int right) => Three(0x6E40EC00, destination, left, right);

    /// <summary>destination (2 × 2) += left (2 × 8 unsigned bytes) · right (2 × 8 signed ones), transposed (usmmla).</summary>
    public void MatrixUnsignedSigned(int destination, int left, int right) => Three(0x4E80AC00, destination, left, right);

    /// <summary>Products of the eight signed bytes of the lower halves, or of the upper ones, as int16 (smull).</summary>
    public void MultiplyBytes(int destination, int left, int right, bool upper) => Three(Half(0x0E20C000, upper), destination, left, right);

    /// <summary>Adds products of the eight signed bytes of the lower halves, or of the upper ones, to int16 (smlal).</summary>
    public void MultiplyAddBytes(int destination, int left, int right, bool upper) =>
        Three(Half(0x0E208000, upper), destination, left, right);

    /// <summary>Sums of pairs of signed bytes as int16 (saddlp).</summary>
    public void AddBytePairs(int destination, int source) => Two(0x4E202800, destination, source);

    /// <summary>Adds sums of pairs of int16 to int32 (sadalp).</summary>
    public void AccumulatePairs(int destination, int source) => Two(0x4E606800, destination, source);

    /// <summary>Sums of pairs of int32, left's and then right's (addp).</summary>
    public void AddPairs(int destination, int left, int right) => Three(0x4EA0BC00, destination, left, right);

    /// <summary>destination = left + right, int32 (add).</summary>
    public void AddInt32(int destination, int left, int right) => Three(0x4EA08400, destination, left, right);

    /// <summary>The sum of four int32 (addv).</summary>
    public void SumLanes(int destination, int source) => Two(0x4EB1B800, destination, source);

    /// <summary>The first dword as a number without a sign (umov).</summary>
    public void MoveLane(Xr destination, int source) => Word(0x0E043C00 | (uint)source << 5 | (uint)destination);

    /// <summary>Copies the lower 32 bits to all lanes (dup).</summary>
    public void Broadcast(int destination, Xr source) => Word(0x4E040C00 | (uint)source << 5 | (uint)destination);

    /// <summary>Lanes 0 and 1 of left and right in turn; where upper, lanes 2 and 3 (zip1, zip2).</summary>
    public void Interleave(int destination, int left, int right, bool upper) =>
        Three(upper ? 0x4E807800u : 0x4E803800, destination, left, right);

    /// <summary>Even lanes of left, then of right; where odd, the odd ones (uzp1, uzp2).</summary>
    public void Deinterleave(int destination, int left, int right, bool odd) =>
        Three(odd ? 0x4E805800u : 0x4E801800, destination, left, right);

    static uint Half(uint word, bool upper) => upper ? word | 0x40000000 : word;

    void Two(uint word, int destination, int source) => Word(word | (uint)source << 5 | (uint)destination);

    void Three(uint word, int destination, int left, int right) =>
        Word(word | (uint)right << 16 | (uint)left << 5 | (uint)destination);

    void ByLane(uint word, int destination, int left, int right, int lane) =>
        Three(word | (uint)(lane & 1) << 21 | (uint)(lane >> 1) << 11, destination, left, right);
}
