using System.IO.Compression;
using System.Text;

namespace Earshot.Evaluation.Metrics;

/// <summary>Measures of a decoder caught in a loop.</summary>
public static class Repetition
{
    /// <summary>The share of n-grams that occurred before in the text: 1 − distinct / all; 0 of a text shorter than n.</summary>
    public static double RepeatedNgramRate(IReadOnlyList<string> words, int n = 4)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        var all = words.Count - n + 1;
        if (all <= 0) return 0;
        var numbers = new UnitNumbers().Of(words);
        var distinct = new HashSet<int[]>(new NgramComparer());
        for (var i = 0; i < all; i++) distinct.Add(numbers[i..(i + n)]);
        return 1 - (double)distinct.Count / all;
    }

    /// <summary>
    /// The most often that a run of at most <paramref name="longest"/> words follows itself without a gap, counted with its first
    /// occurrence: 1 where nothing is repeated, 0 of an empty text.
    /// </summary>
    public static int LongestLoop(IReadOnlyList<string> words, int longest = 10)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentOutOfRangeException.ThrowIfLessThan(longest, 1);
        var most = Math.Min(1, words.Count);
        for (var n = 1; n <= longest && 2 * n <= words.Count; n++)
        {
            var equal = 0; // how many words in a row equal the one n places before
            for (var i = n; i < words.Count; i++)
            {
                equal = words[i] == words[i - n] ? equal + 1 : 0;
                most = Math.Max(most, equal / n + 1);
            }
        }
        return most;
    }

    /// <summary>
    /// UTF-8 bytes per zlib byte, Whisper's measure of loops (it distrusts text above 2.4); 0 of an empty text.
    /// Another zlib's figure may differ in the second decimal.
    /// </summary>
    public static double CompressionRatio(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length == 0) return 0;
        var bytes = Encoding.UTF8.GetBytes(text);
        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(bytes);
        return (double)bytes.Length / compressed.Length;
    }

    sealed class NgramComparer : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] ngram)
        {
            var hash = new HashCode();
            foreach (var number in ngram) hash.Add(number);
            return hash.ToHashCode();
        }
    }
}
