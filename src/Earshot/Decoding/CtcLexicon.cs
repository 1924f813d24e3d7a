using Earshot.Decoding.Ngrams;

namespace Earshot.Decoding;

/// <summary>What a CTC model's tokens write: letters, or pieces of words of which some begin a word.</summary>
/// <param name="texts">Each token's text; a space where it stands between words, a space before it where it begins one.</param>
/// <param name="blank">The token that writes nothing.</param>
sealed class CtcLabels(IReadOnlyList<string> texts, int blank)
{
    readonly HashSet<string> _letters = [.. texts.Select(text => text.Trim()).Where(text => text.Length > 0)];

    public int Count => texts.Count;

    public int Blank => blank;

    /// <summary>What a token writes; nothing for the blank and tokens with a role.</summary>
    public string Text(int id) => id == blank ? "" : texts[id];

    /// <summary>A word as the tokens write it, in their case; null where they cannot.</summary>
    public string? Spell(string word)
    {
        foreach (var form in (ReadOnlySpan<string>)[word, word.ToLowerInvariant(), word.ToUpperInvariant()])
        {
            if (form.Length > 0 && CanWrite(form)) return form;
        }
        return null;
    }

    // The longest pieces first, which is enough where each letter is one.
    bool CanWrite(string word)
    {
        for (int at = 0; at < word.Length;)
        {
            int length = Math.Min(word.Length - at, 16);
            while (length > 0 && !_letters.Contains(word.Substring(at, length))) length--;
            if (length == 0) return false;
            at += length;
        }
        return true;
    }
}

/// <summary>Words in order, found by how they begin.</summary>
sealed class CtcLexicon
{
    readonly string[] _words;
    readonly int[] _ids;

    CtcLexicon(SortedDictionary<string, int> words) => (_words, _ids) = ([.. words.Keys], [.. words.Values]);

    /// <summary>The share of words given that the tokens can write.</summary>
    public double UsableShare { get; private init; } = 1;

    public int Count => _words.Length;

    /// <summary>The words of a language model that can be written.</summary>
    public static CtcLexicon Of(NgramModel model, CtcLabels labels)
    {
        var words = new SortedDictionary<string, int>(StringComparer.Ordinal);
        int all = 0;
        foreach (var (word, id) in model.Words)
        {
            if (word is "<s>" or "</s>" or "<unk>" or "<UNK>") continue;
            all++;
            // Of two words that differ by case alone, the one that is written as the tokens have it.
            if (labels.Spell(word) is { } spelled && (word == spelled || !words.ContainsKey(spelled))) words[spelled] = id;
        }
        return new CtcLexicon(words) { UsableShare = all == 0 ? 0 : (double)words.Count / all };
    }

    /// <summary>Words that are only looked up.</summary>
    public static CtcLexicon Of(IEnumerable<string> words) =>
        new(new SortedDictionary<string, int>(words.Distinct().ToDictionary(word => word, _ => 0), StringComparer.Ordinal));

    public CtcPrefix Start => new(0, _words.Length);

    /// <summary>The words among some that go on with a text.</summary>
    public CtcPrefix Find(in CtcPrefix among, string prefix)
    {
        int first = Search(among.First, among.End, prefix, after: false);
        return new CtcPrefix(first, Search(first, among.End, prefix, after: true));
    }

    /// <summary>The word that is just the prefix; null where there is none.</summary>
    public int? IdOf(in CtcPrefix found, string prefix) => found.Count > 0 && _words[found.First] == prefix ? _ids[found.First] : null;

    /// <summary>Letters of the shortest word that begins so.</summary>
    public int ShortestOf(in CtcPrefix found)
    {
        int shortest = int.MaxValue;
        for (int i = found.First; i < found.End; i++) shortest = Math.Min(shortest, _words[i].Length);
        return shortest;
    }

    // The first word that is not before the prefix, or that is after all that begin with it.
    int Search(int first, int end, string prefix, bool after)
    {
        while (first < end)
        {
            int middle = (first + end) / 2;
            int order = string.CompareOrdinal(_words[middle], 0, prefix, 0, prefix.Length);
            if (order < 0 || (after && order == 0)) first = middle + 1;
            else end = middle;
        }
        return first;
    }
}

/// <summary>Words of a <see cref="CtcLexicon"/> that begin alike.</summary>
readonly record struct CtcPrefix(int First, int End)
{
    public int Count => End - First;
}
