using System.Runtime.CompilerServices;
using Earshot.Tokenizers;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// A tokenizer's tokens prepared for grammars, made once for a model: the trie of their bytes, and masks that all texts share. Added and
/// special tokens are never text. Safe for several threads.
/// </summary>
sealed class GrammarVocabulary
{
    const int CacheBytes = 64 << 20;

    // Fewer nodes are looked at again sooner than they are found.
    const int WorthKeeping = 256;

    readonly MaskCache _cache = new(CacheBytes);
    readonly byte[][] _tokens;
    readonly HashSet<byte> _missing;
    readonly ConditionalWeakTable<Grammar, object> _writable = [];

    /// <param name="tokens">The bytes of each id; empty for what is no text.</param>
    /// <param name="endTokens">Tokens that end a text.</param>
    public GrammarVocabulary(IReadOnlyList<byte[]> tokens, IEnumerable<int> endTokens)
    {
        _tokens = [.. tokens];
        EndTokens = [.. endTokens];
        foreach (int end in EndTokens)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(end, nameof(endTokens));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(end, _tokens.Length, nameof(endTokens));
            _tokens[end] = [];
        }
        Trie = new TokenTrie(_tokens);
        _missing = [.. Enumerable.Range(0, 256).Select(b => (byte)b).Where(b => Trie.Longest([b]) < 0)];
    }

    public static GrammarVocabulary Create(TextTokenizer tokenizer, IEnumerable<int>? endTokens = null) => new(
        [.. Enumerable.Range(0, tokenizer.VocabSize)
            .Select(id => tokenizer.IsAdded(id) || tokenizer.IsSpecial(id) ? [] : tokenizer.TokenBytes(id).ToArray())],
        endTokens ?? (tokenizer.EndToken is { } end ? [end] : []));

    public int Count => _tokens.Length;

    public IReadOnlyList<int> EndTokens { get; }

    public TokenTrie Trie { get; }

    /// <summary>The words of 64 bits that a mask has.</summary>
    public int MaskWords => (Count + 63) / 64;

    /// <summary>A token's bytes; empty for special ones and ids that are none.</summary>
    public ReadOnlySpan<byte> Bytes(int token) => (uint)token < (uint)Count ? _tokens[token] : [];

    /// <summary>
    /// Checks that no text of a grammar comes to a byte that must follow and that no token writes: vocabularies may lack bytes of rare
    /// characters.
    /// </summary>
    /// <exception cref="ModelException">There is such a byte.</exception>
    public void CheckWritable(Grammar grammar)
    {
        if (_missing.Count == 0 || _writable.TryGetValue(grammar, out _)) return;
        foreach (var dfa in grammar.Automata())
        {
            if (dfa.FindRequired(_missing) is { } missing)
                throw new ModelException(
                    $"The grammar needs the byte 0x{missing:x2}, for which the model has no token. " +
                    "Leave out the character, or take another model.");
        }
        _writable.AddOrUpdate(grammar, this);
    }

    /// <summary>A text cut into the longest tokens from its beginning on; null where a byte has none.</summary>
    public List<int>? Cut(ReadOnlySpan<byte> text)
    {
        var tokens = new List<int>();
        while (!text.IsEmpty)
        {
            int token = Trie.Longest(text);
            if (token < 0) return null;
            tokens.Add(token);
            text = text[_tokens[token].Length..];
        }
        return tokens;
    }

    /// <summary>The tokens from a state of an automaton after which its end is at most so many bytes away.</summary>
    public TokenMask MaskOf(Dfa dfa, int state, int limit, Span<int> states)
    {
        var all = MaskWithin(dfa, state, int.MaxValue, states);
        // Near the end of a text few limits are left, and they come again with the next text.
        return all.Farthest <= limit ? all : MaskWithin(dfa, state, limit, states);
    }

    TokenMask MaskWithin(Dfa dfa, int state, int limit, Span<int> states)
    {
        if (_cache.Find(dfa, state, limit) is { } known) return known;
        var tokens = new ulong[MaskWords];
        var exits = new List<int>();
        var (farthest, looked) = Trie.Walk(TokenTrie.Root, dfa, state, limit, tokens, exits, states);
        var mask = new TokenMask(tokens, farthest, [.. exits]);
        if (looked >= WorthKeeping) _cache.Add(dfa, state, limit, mask);
        return mask;
    }
}
