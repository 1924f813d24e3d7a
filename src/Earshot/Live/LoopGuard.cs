using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>
/// Cuts text that repeats itself without sound for it. What is said again takes time; a loop of the model's looks at one place.
/// </summary>
static class LoopGuard
{
    const int LongestLoop = 12, LeastRepeats = 3;

    // The fastest speech has ten words a second.
    const double SecondsAWord = 0.1;

    /// <summary>How many words come before a loop, its first round counted; all where there is none.</summary>
    public static int Sound(IReadOnlyList<HeardWord> words)
    {
        for (int start = 0; start < words.Count; start++)
        {
            for (int length = 1; length <= LongestLoop && start + (LeastRepeats * length) <= words.Count; length++)
            {
                int end = start + length;
                while (end < words.Count && SpokenForm.Same(words[end].Text, words[end - length].Text)) end++;
                if (end - start >= LeastRepeats * length && IsTooFast(words, start + length, end)) return start + length;
            }
        }
        return words.Count;
    }

    static bool IsTooFast(IReadOnlyList<HeardWord> words, int from, int to) =>
        words[to - 1].Attended - words[from - 1].Attended < (to - from) * SecondsAWord
        && words[to - 1].End - words[from - 1].End < (to - from) * SecondsAWord;
}
