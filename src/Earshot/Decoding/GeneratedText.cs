using Earshot.Tokenizers;

namespace Earshot.Decoding;

/// <summary>Why a generated text ended.</summary>
public enum FinishReason
{
    /// <summary>An end token, or a stop string.</summary>
    Stop,

    /// <summary>The most tokens were written, or the context is full.</summary>
    Length,
}

/// <summary>
/// The text of tokens as they are generated: whole characters only, up to an end token, a stop string or the most tokens, none of which is
/// shown. What a limit cuts in the middle of a character is one U+FFFD. Not for several threads at once.
/// </summary>
sealed class GeneratedText
{
    readonly StreamingTextDecoder _decoder;
    readonly StopStrings _stops;
    readonly IReadOnlySet<int> _endTokens;

    /// <param name="maxTokens">At least 1; end tokens count as all others.</param>
    public GeneratedText(ByteTokenizer tokenizer, IReadOnlySet<int> endTokens, IEnumerable<string> stopStrings, int maxTokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 1);
        _decoder = new StreamingTextDecoder(tokenizer);
        _stops = new StopStrings(stopStrings);
        _endTokens = endTokens;
        MaxTokens = maxTokens;
    }

    /// <summary>The most tokens, which may be changed before they are reached.</summary>
    public int MaxTokens { get; set; }

    /// <summary>How many tokens came, the end token among them.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Why the text ended; null while it goes on.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>The stop string that ended the text, if one did.</summary>
    public string? StopString => _stops.Found;

    /// <summary>The text that a token makes certain; with the last token all that was held back.</summary>
    public string Append(int token) => Append(token, isLast: false);

    /// <summary>The same of a token behind which nothing can follow, as at the end of what a grammar allows.</summary>
    public string AppendLast(int token) => Append(token, isLast: true);

    string Append(int token, bool isLast)
    {
        if (Finish is not null) throw new InvalidOperationException("The text has ended.");
        TokenCount++;
        bool isEnd = _endTokens.Contains(token);
        var text = _stops.Append(isEnd ? _decoder.Flush() : _decoder.Append(token));
        if (_stops.Found is not null || isEnd || isLast) Finish = FinishReason.Stop;
        else if (TokenCount >= MaxTokens) Finish = FinishReason.Length;
        else return text;
        return _stops.Found is not null ? text : text + Rest();
    }

    string Rest()
    {
        var text = _stops.Append(_decoder.Flush());
        if (_stops.Found is not null) Finish = FinishReason.Stop;
        return text + (_stops.Found is null ? _stops.Flush() : "");
    }
}
