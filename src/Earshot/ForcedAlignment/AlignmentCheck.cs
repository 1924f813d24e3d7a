using Earshot.Decoding.Alignment;

namespace Earshot.ForcedAlignment;

/// <summary>Whether a text and a recording go together.</summary>
/// <param name="emissions">What the model heard.</param>
/// <param name="blank">The token that stands for nothing.</param>
/// <param name="seconds">Seconds of a position.</param>
sealed class AlignmentCheck(Emissions emissions, int blank, double seconds)
{
    /// <summary>A word whose letters are less likely was not heard where it was placed: of another's, some letters always fit.</summary>
    public const float HeardScore = 0.5f;

    // Shares of words heard, and of speech in the text.
    const double Nearly = 0.9, Half = 0.5;

    // Letters that are at most so far apart are of one stretch of speech, which has at least so many.
    const double LongestPause = 0.5;
    const int LeastLetters = 3;

    /// <summary>Stretches between words where the model hears letters that the text does not have.</summary>
    public List<TimeRange> SpeechWithoutText(CtcTargets targets, ReadOnlySpan<int> path)
    {
        var stretches = new List<TimeRange>();
        int pause = Math.Max(1, (int)(LongestPause / seconds));
        int first = -1, last = -1, letters = 0;
        void End()
        {
            if (letters >= LeastLetters) stretches.Add(new TimeRange(Time(first), Time(last + 1)));
            letters = 0;
        }
        for (int t = 0; t < path.Length; t++)
        {
            if (path[t] % 2 != 0 || !targets.IsBoundary(path[t] / 2)) continue;
            if (emissions.Logprobs[(t * emissions.VocabSize) + blank] >= targets.OtherLogprob) continue;
            if (letters > 0 && t - last > pause) End();
            if (letters == 0) first = t;
            (last, letters) = (t, letters + 1);
        }
        End();
        return stretches;
    }

    public static AlignmentVerdict Judge(List<AlignedWord> words, int unheard, List<TimeRange> others)
    {
        int scored = words.Count(word => word.Score is not null);
        double heard = 1 - ((double)unheard / Math.Max(1, scored));
        double said = words.Sum(word => (word.End - word.Start).TotalSeconds), other = others.Sum(range => range.Duration.TotalSeconds);
        if (heard < Half) return AlignmentVerdict.DoesNotMatch;
        return heard >= Nearly && said >= Nearly * (said + other) ? AlignmentVerdict.Matches : AlignmentVerdict.MatchesInParts;
    }

    TimeSpan Time(int position) => TimeSpan.FromSeconds(position * seconds);
}
