using System.Numerics.Tensors;

namespace Earshot.Decoding;

/// <summary>
/// Maxima, sums and selection over a row of logits, block by block so that each block is still in the first-level cache when it is used
/// again.
/// </summary>
static class Logits
{
    const int Block = 512;

    /// <summary>The first of the largest logits.</summary>
    /// <exception cref="ModelException">A logit is not a number.</exception>
    public static int ArgMax(ReadOnlySpan<float> logits)
    {
        int index = TensorPrimitives.IndexOfMax(logits);
        if (index < 0 || float.IsNaN(logits[index])) throw NotANumber();
        return index;
    }

    /// <summary>log Σ exp(logit); negative infinity where all logits are.</summary>
    public static float LogSumExp(ReadOnlySpan<float> logits) =>
        logits.IsEmpty ? float.NegativeInfinity : LogSumExp(logits, TensorPrimitives.Max(logits));

    /// <summary>log Σ exp(logit), given the largest logit.</summary>
    public static float LogSumExp(ReadOnlySpan<float> logits, float max)
    {
        if (float.IsNegativeInfinity(max)) return max;
        if (float.IsNaN(max)) throw NotANumber();
        Span<float> scratch = stackalloc float[Block];
        double sum = 0;
        for (int start = 0; start < logits.Length; start += Block)
        {
            var block = logits.Slice(start, Math.Min(Block, logits.Length - start));
            sum += SumOfExponentials(block, max, scratch);
        }
        return max + (float)Math.Log(sum);
    }

    /// <summary>
    /// The likeliest tokens in falling order, equal ones by index; returns how many, fewer than there is room for only when
    /// the rest are at negative infinity.
    /// </summary>
    public static int TopK(ReadOnlySpan<float> logits, Span<int> indices, Span<float> values)
    {
        int count = 0;
        float least = float.NegativeInfinity;
        for (int start = 0; start < logits.Length; start += Block)
        {
            var block = logits.Slice(start, Math.Min(Block, logits.Length - start));
            float max = TensorPrimitives.Max(block);
            if (float.IsNaN(max)) throw NotANumber();
            if (max <= least) continue;
            for (int i = 0; i < block.Length; i++)
            {
                if (block[i] <= least) continue;
                count = Insert(start + i, block[i], indices, values, count);
                if (count == indices.Length) least = values[count - 1];
            }
        }
        return count;
    }

    /// <summary>
    /// Draws a token with probability proportional to exp(logit / temperature); <paramref name="uniform"/> is from [0, 1).
    /// </summary>
    public static int Sample(ReadOnlySpan<float> logits, float temperature, double uniform)
    {
        float max = TensorPrimitives.Max(logits);
        if (float.IsNaN(max) || float.IsNegativeInfinity(max)) throw NotANumber();
        Span<float> scratch = stackalloc float[Block];
        double total = 0;
        for (int start = 0; start < logits.Length; start += Block)
            total += TemperedSum(logits, start, max, temperature, scratch, out _);

        double target = uniform * total;
        int last = 0;
        for (int start = 0; start < logits.Length; start += Block)
        {
            double sum = TemperedSum(logits, start, max, temperature, scratch, out int length);
            if (sum <= target)
            {
                target -= sum;
                continue;
            }
            for (int i = 0; i < length; i++)
            {
                if (scratch[i] <= 0) continue;
                last = start + i;
                target -= scratch[i];
                if (target < 0) return last;
            }
        }
        // Rounding may leave a little of the target: then the last token that has any probability.
        return scratch.IsEmpty || logits[last] == float.NegativeInfinity ? ArgMax(logits) : last;
    }

    /// <summary>Σ exp((logit − max) / temperature).</summary>
    public static double TemperedSum(ReadOnlySpan<float> logits, float max, float temperature)
    {
        Span<float> scratch = stackalloc float[Block];
        double sum = 0;
        for (int start = 0; start < logits.Length; start += Block)
            sum += TemperedSum(logits, start, max, temperature, scratch, out _);
        return sum;
    }

    static float SumOfExponentials(ReadOnlySpan<float> block, float max, Span<float> scratch)
    {
        scratch = scratch[..block.Length];
        TensorPrimitives.Subtract(block, max, scratch);
        TensorPrimitives.Exp(scratch, scratch);
        return TensorPrimitives.Sum<float>(scratch);
    }

    static float TemperedSum(ReadOnlySpan<float> logits, int start, float max, float temperature, Span<float> scratch, out int length)
    {
        length = Math.Min(Block, logits.Length - start);
        var block = scratch[..length];
        TensorPrimitives.Subtract(logits.Slice(start, length), max, block);
        TensorPrimitives.Divide(block, temperature, block);
        TensorPrimitives.Exp(block, block);
        return TensorPrimitives.Sum<float>(block);
    }

    static int Insert(int index, float value, Span<int> indices, Span<float> values, int count)
    {
        if (float.IsNegativeInfinity(value)) return count;
        int at = count < indices.Length ? count++ : count - 1;
        for (; at > 0 && values[at - 1] < value; at--)
        {
            values[at] = values[at - 1];
            indices[at] = indices[at - 1];
        }
        values[at] = value;
        indices[at] = index;
        return count;
    }

    public static ModelException NotANumber() => new(
        "The decoder's logits hold no number that can be chosen (not-a-number, or all suppressed). " +
        "The weights are damaged or overflow in this precision: check the checkpoint, or run it in float32.");
}
