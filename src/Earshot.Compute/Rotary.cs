namespace Earshot.Compute;

/// <summary>
/// Rotary position embedding as of RoFormer (arXiv:2104.09864), in halves: with n inverse frequencies, elements i and n + i of each head
/// are turned by position · inverse frequency i, and elements from 2n on stay. Scaled variants (linear, llama3, YaRN) are other
/// frequencies, and <paramref name="factor"/> on sine and cosine.
/// </summary>
public sealed class Rotary(ReadOnlySpan<float> inverseFrequencies, float factor = 1)
{
    readonly float[] _inverseFrequencies = inverseFrequencies.ToArray();

    /// <summary>Of each pair of elements.</summary>
    public ReadOnlySpan<float> InverseFrequencies => _inverseFrequencies;

    /// <summary>What sine and cosine are multiplied by.</summary>
    public float Factor => factor;

    /// <summary>Elements of a head that are turned.</summary>
    public int Size => 2 * _inverseFrequencies.Length;

    /// <summary>Frequencies of base^(−2i / size), as models have them that scale nothing.</summary>
    public static Rotary Plain(int size, double frequencyBase)
    {
        var frequencies = new float[size / 2];
        for (int i = 0; i < frequencies.Length; i++) frequencies[i] = (float)Math.Pow(frequencyBase, -2.0 * i / size);
        return new Rotary(frequencies);
    }
}
