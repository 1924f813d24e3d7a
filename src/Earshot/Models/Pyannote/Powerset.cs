namespace Earshot.Models;

/// <summary>
/// Classes that stand for sets of speakers who are active at once, ordered by size, then as numbers: {} {0} {1} {2} {0,1} {0,2} {1,2}
/// for three speakers of whom at most two are active (Plaquet and Bredin 2023, arXiv 2310.13025).
/// </summary>
public sealed class Powerset
{
    readonly int[][] _sets;

    /// <param name="speakers">1 to 16.</param>
    /// <param name="most">Speakers in a set at most.</param>
    public Powerset(int speakers, int most)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(speakers, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(speakers, 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(most, speakers);
        Speakers = speakers;
        _sets =
        [
            .. Enumerable.Range(0, 1 << speakers)
                .Select(bits => Enumerable.Range(0, speakers).Where(speaker => (bits >> speaker & 1) != 0).ToArray())
                .Where(set => set.Length <= most)
                .OrderBy(set => set.Length).ThenBy(set => string.Concat(set.Select(speaker => (char)speaker)), StringComparer.Ordinal),
        ];
    }

    public int Speakers { get; }

    /// <summary>How many classes there are.</summary>
    public int Count => _sets.Length;

    /// <summary>The speakers of each class.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Sets => _sets;

    /// <summary>Who is active in each frame: the speakers of its most likely class.</summary>
    /// <param name="logProbabilities">(frames, classes).</param>
    /// <param name="active">(frames, speakers): 1 for who is active, else 0.</param>
    public void Decode(ReadOnlySpan<float> logProbabilities, Span<byte> active)
    {
        int frames = CheckLengths(logProbabilities.Length, active.Length);
        active.Clear();
        for (int f = 0; f < frames; f++)
        {
            var frame = logProbabilities.Slice(f * Count, Count);
            int best = 0;
            for (int c = 1; c < frame.Length; c++)
            {
                if (frame[c] > frame[best]) best = c;
            }
            foreach (int speaker in _sets[best]) active[f * Speakers + speaker] = 1;
        }
    }

    /// <summary>How likely each speaker is active in each frame: the sum over the classes that hold the speaker.</summary>
    /// <param name="logProbabilities">(frames, classes).</param>
    /// <param name="probabilities">(frames, speakers).</param>
    public void Probabilities(ReadOnlySpan<float> logProbabilities, Span<float> probabilities)
    {
        int frames = CheckLengths(logProbabilities.Length, probabilities.Length);
        probabilities.Clear();
        for (int f = 0; f < frames; f++)
        {
            for (int c = 0; c < Count; c++)
            {
                float probability = MathF.Exp(logProbabilities[f * Count + c]);
                foreach (int speaker in _sets[c]) probabilities[f * Speakers + speaker] += probability;
            }
        }
    }

    int CheckLengths(int classes, int speakers)
    {
        if (classes % Count != 0 || speakers != classes / Count * Speakers)
            throw new ArgumentException(
                $"{classes} log-probabilities of {Count} classes and room for {speakers} values of {Speakers} speakers were given; " +
                "expected as many frames of both.");
        return classes / Count;
    }
}
