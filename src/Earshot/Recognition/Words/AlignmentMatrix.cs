using System.Numerics.Tensors;

namespace Earshot.Recognition;

/// <summary>
/// How strongly each token looks at each 20 ms of audio, from the cross-attention of the alignment heads: probabilities
/// over the frames that hold audio, normalised over the tokens, smoothed over time, averaged over the heads. Follows
/// openai/whisper, <c>find_alignment</c>.
/// </summary>
static class AlignmentMatrix
{
    /// <param name="attention">(tokens, heads, positions), each row a softmax over all positions.</param>
    /// <param name="frames">Positions that hold audio; the softmax over these alone is the same numbers, summed to 1 again.</param>
    /// <returns>(tokens, frames).</returns>
    public static float[] Compute(ReadOnlySpan<float> attention, int tokens, int positions, int frames)
    {
        int heads = attention.Length / (tokens * positions);
        var matrix = new float[tokens * frames];
        var head = new float[tokens * frames];
        var scratch = new float[(2 * frames) + 16];
        for (int h = 0; h < heads; h++)
        {
            for (int t = 0; t < tokens; t++)
            {
                var row = head.AsSpan(t * frames, frames);
                attention.Slice(((t * heads) + h) * positions, frames).CopyTo(row);
                float sum = TensorPrimitives.Sum<float>(row);
                if (sum > 0) TensorPrimitives.Divide(row, sum, row);
            }
            Normalize(head, frames, scratch.AsSpan(0, frames), scratch.AsSpan(frames, frames));
            for (int t = 0; t < tokens; t++)
            {
                var row = head.AsSpan(t * frames, frames);
                MedianFilter.Apply(row, scratch);
                var mean = matrix.AsSpan(t * frames, frames);
                TensorPrimitives.MultiplyAdd(row, 1f / heads, mean, mean);
            }
        }
        return matrix;
    }

    /// <summary>Over the tokens: mean 0 and standard deviation 1 in every frame (0 where all tokens are the same).</summary>
    static void Normalize(float[] head, int frames, Span<float> mean, Span<float> deviation)
    {
        int tokens = head.Length / frames;
        mean.Clear();
        deviation.Clear();
        for (int t = 0; t < tokens; t++) TensorPrimitives.MultiplyAdd(head.AsSpan(t * frames, frames), 1f / tokens, mean, mean);
        for (int t = 0; t < tokens; t++)
        {
            var row = head.AsSpan(t * frames, frames);
            TensorPrimitives.Subtract(row, mean, row);
            TensorPrimitives.MultiplyAdd(row, row, deviation, deviation);
        }
        for (int f = 0; f < frames; f++) deviation[f] = deviation[f] > 0 ? 1 / MathF.Sqrt(deviation[f] / tokens) : 0;
        for (int t = 0; t < tokens; t++)
        {
            var row = head.AsSpan(t * frames, frames);
            TensorPrimitives.Multiply(row, deviation, row);
        }
    }
}
