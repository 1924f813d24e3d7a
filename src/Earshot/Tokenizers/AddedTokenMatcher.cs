using System.Collections.Frozen;

namespace Earshot.Tokenizers;

/// <summary>Cuts added tokens out of text: the leftmost, and of those the longest.</summary>
sealed class AddedTokenMatcher
{
    readonly FrozenDictionary<string, AddedToken> _tokens;
    readonly FrozenDictionary<string, AddedToken>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    // Lengths of the tokens that begin with a character, longest first.
    readonly FrozenDictionary<char, int[]> _lengths;
    readonly System.Buffers.SearchValues<char> _firsts;

    public AddedTokenMatcher(IEnumerable<AddedToken> tokens)
    {
        var byText = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var token in tokens) byText.TryAdd(token.Text, token);
        _tokens = byText.ToFrozenDictionary(StringComparer.Ordinal);
        _lookup = _tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        _lengths = byText.Keys.GroupBy(text => text[0])
            .ToFrozenDictionary(group => group.Key, group => group.Select(text => text.Length).Distinct().OrderDescending().ToArray());
        _firsts = System.Buffers.SearchValues.Create([.. _lengths.Keys]);
    }

    public bool IsEmpty => _tokens.Count == 0;

    /// <summary>Calls for each stretch of text and each token, in order; stretches are not empty.</summary>
    public void Split(string text, Action<string> onText, Action<AddedToken> onToken)
    {
        int start = 0;
        for (int at = 0; (at = Next(text, at, out var token)) < text.Length;)
        {
            int end = at;
            while (token!.TakesSpacesBefore && end > start && char.IsWhiteSpace(text[end - 1])) end--;
            if (end > start) onText(text[start..end]);
            onToken(token);
            at += token.Text.Length;
            while (token.TakesSpacesAfter && at < text.Length && char.IsWhiteSpace(text[at])) at++;
            start = at;
        }
        if (start < text.Length) onText(start == 0 ? text : text[start..]);
    }

    int Next(string text, int from, out AddedToken? token)
    {
        token = null;
        for (int at = from; at < text.Length; at++)
        {
            int skip = text.AsSpan(at).IndexOfAny(_firsts);
            if (skip < 0) return text.Length;
            at += skip;
            foreach (int length in _lengths[text[at]])
            {
                if (length <= text.Length - at && _lookup.TryGetValue(text.AsSpan(at, length), out token)) return at;
            }
        }
        return text.Length;
    }
}
