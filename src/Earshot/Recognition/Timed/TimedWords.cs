using Earshot.Decoding;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>A word of a window, the space before it included.</summary>
sealed class TimedWord(int start)
{
    public List<int> Tokens { get; } = [];

    public List<float> Logprobs { get; } = [];

    /// <summary>Where its first letter begins, in positions.</summary>
    public int Start => start;

    /// <summary>Where its last letter ends.</summary>
    public int End { get; set; }

    /// <summary>Whether a space or a pause follows it, so that no letter of it can be missing.</summary>
    public bool IsFinished { get; set; }

    /// <summary>Whether it closes a sentence, by its last mark.</summary>
    public bool EndsSentence { get; set; }
}

/// <summary>
/// Makes words of tokens, by the text that each stands for: spaces lie between words, text that begins with a space begins a word, and so
/// does what follows a pause. Where no token of a vocabulary begins with a space, every token is a word.
/// </summary>
sealed class TimedWords(Tokenizer tokenizer, int pause)
{
    readonly string?[] _texts = new string?[tokenizer.VocabSize];

    // What is written before a word where the model wrote none: at the start, and after a pause.
    readonly int? _space = tokenizer.Encode(" ") is [var id] && tokenizer.Decode([id]) == " " ? id : null;

    readonly Lazy<bool> _tellsWords = new(() => Enumerable.Range(0, tokenizer.VocabSize).Any(id => tokenizer.Decode([id]).StartsWith(' ')));

    /// <param name="tokens">The tokens of a window, in order.</param>
    /// <param name="positions">Positions of the window.</param>
    public List<TimedWord> Split(IReadOnlyList<TimedToken> tokens, int positions)
    {
        var words = new List<TimedWord>();
        TimedToken? space = null;
        foreach (var token in tokens)
        {
            var text = TextOf(token.Id);
            if (text.Length == 0) continue;
            if (string.IsNullOrWhiteSpace(text))
            {
                space = token;
                if (words.Count > 0) words[^1].IsFinished = true;
                continue;
            }
            if (words.Count == 0 || space is not null || !_tellsWords.Value || text[0] == ' ' || token.Start - words[^1].End >= pause)
                words.Add(Begin(words, token, space, text));
            Add(words[^1], token);
            words[^1].EndsSentence = text[^1] is '.' or '?' or '!';
            space = null;
        }
        if (words.Count > 0 && positions - words[^1].End >= pause) words[^1].IsFinished = true;
        return words;
    }

    TimedWord Begin(List<TimedWord> words, in TimedToken token, TimedToken? space, string text)
    {
        if (words.Count > 0) words[^1].IsFinished = true;
        var word = new TimedWord(token.Start);
        if (_space is { } id && text[0] != ' ')
        {
            word.Tokens.Add(id);
            word.Logprobs.Add(space?.Logprob ?? 0);
        }
        return word;
    }

    static void Add(TimedWord word, in TimedToken token)
    {
        word.Tokens.Add(token.Id);
        word.Logprobs.Add(token.Logprob);
        word.End = token.End;
    }

    string TextOf(int id) => id >= _texts.Length ? "" : _texts[id] ??= tokenizer.Decode([id]);
}
