using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>
/// Cuts text that repeats itself without sound for it. What is said again takes time; a loop of the model's looks at one place.
/// </summary>
static class LoopGuard
{
    const int LongestLoop = 12, LeastRepeats = 3;

    // Of a phrase as long as this, so many words written once more are enough.
    const int Phrase = 3;

    // The fastest speech has ten words a second.
    const double SecondsAWord = 0.1;

    /// <summary>How many words come before a loop, its first round counted; all where there is none.</summary>
    /// <param name="settled">What is settled before them: of a phrase in it that is written again nothing is left.</param>
    public static int Sound(IReadOnlyList<HeardWord> settled, IReadOnlyList<HeardWord> words)
    {
        List<HeardWord> all = [.. settled.TakeLast(LongestLoop), .. words];
        int before = all.Count - words.Count;
        for (int start = 0; start < all.Count; start++)
        {
            for (int length = 1; length <= LongestLoop; length++)
            {
                int least = length < Phrase ? LeastRepeats * length : length + Phrase;
                if (start + least > all.Count) continue;
                int end = start + length;
                while (end < all.Count && SpokenForm.Same(all[end].Text, all[end - length].Text)) end++;
                if (end > before && end - start >= least && HasNoSound(all, start + length, end))
                    return Math.Max(0, start + length - before);
            }
        }
        return words.Count;
    }

    // What is written again from sound that was read before looks no further than that; a loop at one place takes no time.
    static bool HasNoSound(List<HeardWord> words, int from, int to)
    {
        double least = (to - from) * SecondsAWord, attended = words[to - 1].Attended - words[from - 1].Attended;
        return attended < least && (attended <= 0 || words[to - 1].End - words[from - 1].End < least);
    }
}
