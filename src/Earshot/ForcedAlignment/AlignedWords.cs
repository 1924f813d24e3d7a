using Earshot.Decoding.Alignment;

namespace Earshot.ForcedAlignment;

/// <summary>Times of words by those of their tokens; what has none gets its time from its neighbours.</summary>
/// <param name="text">The text.</param>
/// <param name="tokens">Its tokens' places, in order.</param>
/// <param name="seconds">Seconds of a position.</param>
/// <param name="duration">The recording's length.</param>
sealed class AlignedWords(AlignmentText text, List<AlignedToken> tokens, double seconds, TimeSpan duration)
{
    // What is not said is shown for so long, and takes no more of a word than that share.
    const double SilentSeconds = 0.1, MostOfAWord = 0.2;

    // A subtitle ends after a sentence, and before it becomes longer than that.
    static readonly TimeSpan s_longestSegment = TimeSpan.FromSeconds(10);

    readonly double _end = duration.TotalSeconds;
    readonly (double Start, double End)[] _times = new (double, double)[text.Units.Count];

    public List<AlignedWord> All()
    {
        for (int i = 0; i < _times.Length; i++)
        {
            if (text.Kinds[i] != UnitKind.Silent) _times[i] = Spoken(i);
        }
        for (int first = 0, next; first < _times.Length; first = next)
        {
            for (next = first + 1; next < _times.Length && text.Kinds[next] == UnitKind.Silent; next++) { }
            if (text.Kinds[first] == UnitKind.Silent) PlaceBefore(first, next);
            else if (next > first + 1) PlaceAfter(first, next);
        }
        return [.. _times.Select((_, i) => Word(i))];
    }

    /// <summary>Lines, and sentences of long ones.</summary>
    public static List<AlignedSegment> Segments(List<AlignedWord> words, int[] lines)
    {
        var segments = new List<AlignedSegment>();
        for (int first = 0, next; first < words.Count; first = next)
        {
            for (next = first + 1; next < words.Count && !Ends(next); next++) { }
            segments.Add(new AlignedSegment(words[first].Start, words[next - 1].End, words[first..next]));

            bool Ends(int at)
            {
                if (lines[at] != lines[first]) return true;
                // A letter of a script without spaces goes on with the word before.
                bool isWord = words[at].Text.Length > 0 && char.IsWhiteSpace(words[at].Text[0]);
                var before = words[at - 1].Text.TrimEnd('"', '\'', '”', '’', '»', ')');
                bool sentence = before.Length > 0 && ".?!…。？！".Contains(before[^1], StringComparison.Ordinal);
                return (sentence && (isWord || !char.IsAscii(before[^1])))
                    || (isWord && words[at].End - words[first].Start > s_longestSegment);
            }
        }
        return segments;
    }

    (double Start, double End) Spoken(int i)
    {
        int first = text.FirstTokens[i];
        if (text.Kinds[i] == UnitKind.Spelled)
            return (tokens[first].Start * seconds, Math.Min(_end, tokens[first + text.Spellings[i].Count - 1].End * seconds));
        // A star's words share it by their lengths.
        int from = i, to = i + 1;
        while (from > 0 && IsOfStar(from - 1, first)) from--;
        while (to < _times.Length && IsOfStar(to, first)) to++;
        double all = Length(from, to), start = tokens[first].Start * seconds, end = Math.Min(_end, tokens[first].End * seconds);
        double At(double part) => start + ((end - start) * part / all);
        return (At(Length(from, i)), At(Length(from, i + 1)));
    }

    bool IsOfStar(int i, int token) =>
        text.Kinds[i] == UnitKind.Silent || (text.Kinds[i] == UnitKind.Star && text.FirstTokens[i] == token);

    double Length(int from, int to)
    {
        double length = 0;
        for (int i = from; i < to; i++) length += text.Kinds[i] == UnitKind.Star ? text.Units[i].Word.Length : 0;
        return length;
    }

    /// <summary>Places what is not said behind the word before it: in the pause, else in the word's end.</summary>
    void PlaceAfter(int word, int next)
    {
        int count = next - word - 1;
        double start = _times[word].End, until = next < _times.Length ? _times[next].Start : _end;
        double room = Math.Min(until - start, count * SilentSeconds);
        if (room < seconds)
        {
            room = Math.Min((_times[word].End - _times[word].Start) * MostOfAWord, count * SilentSeconds);
            start = _times[word].End - room;
            _times[word].End = start;
        }
        Share(word + 1, next, start, room);
    }

    /// <summary>Places what is not said before the first word: in the pause, else in its start.</summary>
    void PlaceBefore(int first, int word)
    {
        int count = word - first;
        double room = Math.Min(_times[word].Start, count * SilentSeconds), start = _times[word].Start - room;
        if (room < seconds)
        {
            room = Math.Min((_times[word].End - _times[word].Start) * MostOfAWord, count * SilentSeconds);
            start = _times[word].Start;
            _times[word].Start += room;
        }
        Share(first, word, start, room);
    }

    void Share(int from, int to, double start, double room)
    {
        for (int i = from; i < to; i++)
            _times[i] = (start + (room * (i - from) / (to - from)), start + (room * (i + 1 - from) / (to - from)));
    }

    AlignedWord Word(int i)
    {
        var (start, end) = _times[i];
        var unit = text.Units[i];
        if (text.Kinds[i] != UnitKind.Spelled) return new AlignedWord(unit.Text, Time(start), Time(end), null, []);
        var characters = new List<AlignedCharacter>();
        var spelling = text.Spellings[i];
        double sum = 0, length = 0;
        for (int from = 0, to; from < spelling.Count; from = to)
        {
            double score = 0, positions = 0;
            for (to = from; to < spelling.Count && spelling[to].First == spelling[from].First; to++)
            {
                var token = tokens[text.FirstTokens[i] + to];
                score += (double)token.Probability * (token.End - token.Start);
                positions += token.End - token.Start;
            }
            (sum, length) = (sum + score, length + positions);
            characters.Add(new AlignedCharacter(
                unit.Word.Substring(spelling[from].First, spelling[from].Length),
                Time(tokens[text.FirstTokens[i] + from].Start * seconds),
                Time(Math.Min(_end, tokens[text.FirstTokens[i] + to - 1].End * seconds)),
                (float)(score / positions)));
        }
        return new AlignedWord(unit.Text, Time(start), Time(end), (float)(sum / length), characters);
    }

    static TimeSpan Time(double at) => TimeSpan.FromSeconds(at);
}
