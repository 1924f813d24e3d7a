using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Earshot.Decoding;

/// <summary>
/// The likeliest tokens of a row of logits, found without sorting all of them: each is a number whose order is that of falling logits and,
/// among equals, rising ids. Buffers are kept from row to row. Not for several threads at once.
/// </summary>
sealed class Candidates
{
    const int Block = 512;

    ulong[] _keys = new ulong[1024];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    public int TokenAt(int index) => (int)(uint)_keys[index];

    public float LogitAt(int index) => LogitOf(_keys[index]);

    /// <summary>The k likeliest in order, with <paramref name="ties"/> all that are as likely as the last of them.</summary>
    public void TakeTop(ReadOnlySpan<float> logits, int k, bool ties)
    {
        k = Math.Min(k, logits.Length);
        Count = 0;
        float least = float.NegativeInfinity;
        int room = Math.Max(2 * k, k + Block);
        for (int start = 0; start < logits.Length; start += Block)
        {
            var block = logits.Slice(start, Math.Min(Block, logits.Length - start));
            float most = TensorPrimitives.Max(block);
            if (float.IsNaN(most)) throw Logits.NotANumber();
            if (most < least || float.IsNegativeInfinity(most)) continue;
            Gather(block, start, least);
            if (Count < room) continue;
            Shrink(k, ties);
            least = LogitAt(k - 1);
            room = 2 * Count + Block;
        }
        Shrink(k, ties);
        _keys.AsSpan(0, Count).Sort();
    }

    /// <summary>All whose logit is at least a bound, in no order.</summary>
    public void TakeAbove(ReadOnlySpan<float> logits, float bound)
    {
        Count = 0;
        for (int start = 0; start < logits.Length; start += Block)
        {
            var block = logits.Slice(start, Math.Min(Block, logits.Length - start));
            float most = TensorPrimitives.Max(block);
            if (float.IsNaN(most)) throw Logits.NotANumber();
            if (most >= bound && !float.IsNegativeInfinity(most)) Gather(block, start, bound);
        }
    }

    /// <summary>Puts the first so many in order, all others behind them.</summary>
    public void Sort(int count)
    {
        if (count < Count) Select(0, count);
        _keys.AsSpan(0, Math.Min(count, Count)).Sort();
    }

    /// <summary>Puts the next <paramref name="more"/> behind the first <paramref name="sorted"/> in order.</summary>
    public void SortNext(int sorted, int more)
    {
        more = Math.Min(more, Count - sorted);
        if (sorted + more < Count) Select(sorted, more);
        _keys.AsSpan(sorted, more).Sort();
    }

    /// <summary>Keeps the first so many.</summary>
    public void Keep(int count) => Count = count;

    /// <summary>Keeps those that are marked, in their order.</summary>
    public void Keep(ReadOnlySpan<bool> marks)
    {
        int kept = 0;
        for (int i = 0; i < Count; i++) if (marks[i]) _keys[kept++] = _keys[i];
        Count = kept;
    }

    void Shrink(int k, bool ties)
    {
        if (Count <= k) return;
        Select(0, k);
        Count = ties ? Partition(k, LogitAt(k - 1)) : k;
    }

    void Gather(ReadOnlySpan<float> block, int start, float least)
    {
        if (_keys.Length < Count + block.Length) Array.Resize(ref _keys, Math.Max(2 * _keys.Length, Count + block.Length));
        for (int i = 0; i < block.Length; i++)
        {
            if (block[i] >= least && !float.IsNegativeInfinity(block[i])) _keys[Count++] = KeyOf(block[i], start + i);
        }
    }

    /// <summary>Moves those that are exactly as likely as a bound to the front of what is behind a place; where they end.</summary>
    int Partition(int from, float least)
    {
        int end = from;
        for (int i = from; i < Count; i++)
        {
            if (LogitAt(i) == least) (_keys[end], _keys[i], end) = (_keys[i], _keys[end], end + 1);
        }
        return end;
    }

    /// <summary>Quickselect: the <paramref name="count"/> smallest keys behind <paramref name="from"/> come to the front of it.</summary>
    void Select(int from, int count)
    {
        int low = from, high = Count - 1, last = from + count - 1;
        if (count <= 0) return;
        while (low < high)
        {
            ulong pivot = MedianOf(_keys[low], _keys[low + (high - low) / 2], _keys[high]);
            int left = low, right = high;
            while (left <= right)
            {
                while (_keys[left] < pivot) left++;
                while (_keys[right] > pivot) right--;
                if (left <= right) (_keys[left], _keys[right], left, right) = (_keys[right], _keys[left], left + 1, right - 1);
            }
            if (last <= right) high = right;
            else if (last >= left) low = left;
            else break;
        }
        // The last of them is the largest, which the caller reads.
        int most = from;
        for (int i = from; i <= last; i++) if (_keys[i] > _keys[most]) most = i;
        (_keys[most], _keys[last]) = (_keys[last], _keys[most]);
    }

    static ulong MedianOf(ulong a, ulong b, ulong c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong KeyOf(float logit, int token)
    {
        // Adding zero makes -0 equal to 0.
        uint bits = BitConverter.SingleToUInt32Bits(logit + 0f);
        uint rising = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
        return (ulong)~rising << 32 | (uint)token;
    }

    static float LogitOf(ulong key)
    {
        uint rising = ~(uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle((rising & 0x8000_0000) != 0 ? rising & 0x7FFF_FFFF : ~rising);
    }
}
