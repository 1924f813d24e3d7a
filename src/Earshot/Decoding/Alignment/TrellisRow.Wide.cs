using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Decoding.Alignment;

// Sixteen tokens at a time, where AVX-512 is there: the same numbers.
sealed partial class TrellisRow
{
    const int Table = 32;

    static int Lanes => Vector512<float>.Count;

    /// <summary>
    /// Small vocabularies lie in registers, out of which tokens are picked. Returns how far from <paramref name="low"/> on that went.
    /// </summary>
    int SayByTables(ReadOnlySpan<float> position, int low, int high)
    {
        Span<float> padded = stackalloc float[2 * Table];
        position.CopyTo(padded);
        ref float table = ref MemoryMarshal.GetReference(padded), said = ref MemoryMarshal.GetArrayDataReference(_said);
        ref int ids = ref MemoryMarshal.GetArrayDataReference(_ids);
        Vector512<float> first = Vector512.LoadUnsafe(ref table), second = Vector512.LoadUnsafe(ref table, 16);
        Vector512<float> third = Vector512.LoadUnsafe(ref table, 32), fourth = Vector512.LoadUnsafe(ref table, 48);
        bool isSmall = position.Length <= Table;
        int i = low;
        for (; i <= high - Lanes; i += Lanes)
        {
            var id = Vector512.LoadUnsafe(ref ids, (nuint)i);
            var picked = Avx512F.PermuteVar16x32x2(first, id, second);
            if (!isSmall)
            {
                var higher = Avx512F.PermuteVar16x32x2(third, id, fourth);
                picked = Vector512.ConditionalSelect(
                    Vector512.GreaterThanOrEqual(id, Vector512.Create(Table)).AsSingle(), higher, picked);
            }
            if (_hasStars) picked = Vector512.AndNot(picked, Vector512.LessThan(id, Vector512<int>.Zero).AsSingle());
            picked.StoreUnsafe(ref said, (nuint)i);
        }
        return i;
    }

    /// <summary>Advances from the end on; returns the token before which what is left ends.</summary>
    int AdvanceWide(float blank, int low, int high)
    {
        ref float tokens = ref MemoryMarshal.GetArrayDataReference(_tokens), blanks = ref MemoryMarshal.GetArrayDataReference(_blanks);
        ref float said = ref MemoryMarshal.GetArrayDataReference(_said), jumps = ref MemoryMarshal.GetArrayDataReference(_jumps);
        ref float others = ref MemoryMarshal.GetArrayDataReference(_others);
        var quiet = Vector512.Create(blank);
        int i = high - Lanes;
        for (; i >= low; i -= Lanes)
        {
            nuint at = (nuint)i;
            Vector512<float> token = Vector512.LoadUnsafe(ref tokens, at + 1), before = Vector512.LoadUnsafe(ref tokens, at);
            var between = Vector512.LoadUnsafe(ref blanks, at);
            var best = Vector512.MaxNative(
                Vector512.MaxNative(token, between), before + Vector512.LoadUnsafe(ref jumps, at));
            (Vector512.LoadUnsafe(ref said, at) + best).StoreUnsafe(ref tokens, at + 1);
            (Vector512.MaxNative(quiet, Vector512.LoadUnsafe(ref others, at)) + Vector512.MaxNative(between, before))
                .StoreUnsafe(ref blanks, at);
        }
        return i + Lanes;
    }

    /// <summary>The same with the steps of the best paths.</summary>
    int AdvanceWide(float blank, int low, Span<byte> steps)
    {
        ref float tokens = ref MemoryMarshal.GetArrayDataReference(_tokens), blanks = ref MemoryMarshal.GetArrayDataReference(_blanks);
        ref float said = ref MemoryMarshal.GetArrayDataReference(_said), jumps = ref MemoryMarshal.GetArrayDataReference(_jumps);
        ref float others = ref MemoryMarshal.GetArrayDataReference(_others);
        ref byte step = ref MemoryMarshal.GetReference(steps);
        var quiet = Vector512.Create(blank);
        int i = _count - Lanes;
        for (; i >= low; i -= Lanes)
        {
            nuint at = (nuint)i;
            Vector512<float> token = Vector512.LoadUnsafe(ref tokens, at + 1), before = Vector512.LoadUnsafe(ref tokens, at);
            Vector512<float> between = Vector512.LoadUnsafe(ref blanks, at), jump = before + Vector512.LoadUnsafe(ref jumps, at);
            var stays = Vector512.MaxNative(token, between);
            var one = Vector512.GreaterThan(between, token).AsInt32() & Vector512.Create(1 << TokenShift);
            var jumped = Vector512.ConditionalSelect(
                Vector512.GreaterThan(jump, stays).AsInt32(), Vector512.Create(2 << TokenShift), one);
            var came = Vector512.GreaterThan(before, between).AsInt32() & Vector512.Create(BlankStep);
            Avx512F.ConvertToVector128Byte(jumped | came).StoreUnsafe(ref step, at);
            (Vector512.LoadUnsafe(ref said, at) + Vector512.MaxNative(stays, jump)).StoreUnsafe(ref tokens, at + 1);
            (Vector512.MaxNative(quiet, Vector512.LoadUnsafe(ref others, at)) + Vector512.MaxNative(between, before))
                .StoreUnsafe(ref blanks, at);
        }
        return i + Lanes;
    }
}
