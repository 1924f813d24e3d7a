namespace Earshot.Transcription;

/// <summary>How a text ends.</summary>
public enum TextEnding
{
    /// <summary>Its end tells nothing, or there is none.</summary>
    Unknown,

    /// <summary>As a sentence does.</summary>
    Sentence,

    /// <summary>As no sentence does: with a comma, an ellipsis, or a word that another follows.</summary>
    Open,
}

/// <summary>
/// Whether a text reads finished: by its last punctuation, else by its last word. Recognisers write a full stop sooner than a comma where
/// the sound ends, so that a sentence's end says less than an open one.
/// </summary>
public static class TextEndings
{
    const string Ends = ".!?。！？．｡؟۔।॥။።";

    const string Continues = ",;:-–—…،؛、，；：";

    const string Closings = "\"'”’»«)]}」』）】〉》";

    // After which something follows: conjunctions, articles, prepositions, possessives.
    static readonly Dictionary<string, HashSet<string>> s_open = new(StringComparer.Ordinal)
    {
        ["en"] = Words("and or but because so if when that which the a an to of in on at for with from by my your his our their"),
        ["de"] = Words("und oder aber weil dass wenn als ob denn der die das den dem ein eine einen einem im in an auf für mit von zu"),
        ["nl"] = Words("en of maar omdat dat als want de het een in op aan voor met van naar te mijn jouw zijn haar ons hun"),
        ["fr"] = Words("et ou mais parce que car si le la les un une des de du à au aux en dans pour avec sur mon ma mes ton ta son sa"),
        ["es"] = Words("y o pero porque que si el la los las un una unos unas de del a al en para con por mi tu su"),
        ["it"] = Words("e o ma perché che se il lo la i gli le un uno una di del della a al alla in per con su mio mia"),
        ["pt"] = Words("e ou mas porque que se o a os as um uma de do da em no na para com por meu minha seu sua"),
    };

    // Written with a point that ends no sentence.
    static readonly HashSet<string> s_abbreviations = Words("mr mrs ms dr prof st vs etc no nr bzw ca usw evtl inkl z.b d.h u.a e.g i.e");

    /// <summary>How a text ends.</summary>
    /// <param name="language">
    /// Its language's code, by which last words are judged; null where it is not known: by punctuation alone.
    /// </param>
    public static TextEnding Of(string text, string? language = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var rest = text.AsSpan().TrimEnd().TrimEnd(Closings).TrimEnd();
        if (rest.IsEmpty) return TextEnding.Unknown;
        if (rest.EndsWith("..") || Continues.Contains(rest[^1])) return TextEnding.Open;
        var word = rest[(rest.LastIndexOfAny(" \u00a0\u3000") + 1)..];
        if (Ends.Contains(rest[^1])) return rest[^1] == '.' && IsShortened(word[..^1]) ? TextEnding.Unknown : TextEnding.Sentence;
        return language is not null && s_open.TryGetValue(language, out var words)
            && words.Contains(word.ToString().ToLowerInvariant())
            ? TextEnding.Open
            : TextEnding.Unknown;
    }

    // A number's point may be an ordinal's or a decimal's, and a single letter's is an initial's.
    static bool IsShortened(ReadOnlySpan<char> word) =>
        word.Length > 0 && (char.IsDigit(word[^1]) || (word.Length == 1 && char.IsUpper(word[0]) && word[0] != 'I')
            || s_abbreviations.Contains(word.ToString().ToLowerInvariant()));

    static HashSet<string> Words(string words) => [.. words.Split(' ')];
}
