using System.Text;

namespace Earshot.Tokenizers;

/// <summary>Tokens by text and merges as texts, which all files of byte-pair encodings hold; checked and turned into ids.</summary>
sealed class TokenizerVocabulary(string source)
{
    /// <summary>More tokens than any vocabulary has; a limit on what an id can make us allocate.</summary>
    public const int MaxTokens = 1 << 22;

    /// <summary>The longest token, in bytes.</summary>
    const int MaxTokenLength = 1024;

    readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    readonly List<(string Left, string Right)> _merges = [];

    public int Count => _ids.Count;

    public int? Find(string text) => _ids.TryGetValue(text, out int id) ? id : null;

    public void Add(string text, int id)
    {
        if (!_ids.TryAdd(text, id)) throw Damaged($"the token '{Short(text)}' is there twice");
    }

    public void AddMerge(string left, string right) => _merges.Add((left, right));

    /// <summary>Adds "a b"; false where it is not two texts with a space between them.</summary>
    public bool TryAddMerge(string merge)
    {
        int space = merge.IndexOf(' ', StringComparison.Ordinal);
        if (space <= 0 || space == merge.Length - 1 || merge.LastIndexOf(' ') != space) return false;
        _merges.Add((merge[..space], merge[(space + 1)..]));
        return true;
    }

    /// <summary>The texts by id, null where there is none.</summary>
    public string?[] Texts()
    {
        var texts = new string?[_ids.Count == 0 ? 0 : _ids.Values.Max() + 1];
        foreach (var (text, id) in _ids)
        {
            if (texts[id] is { } other) throw Damaged($"the id {id} belongs to two tokens, '{Short(other)}' and '{Short(text)}'");
            texts[id] = text;
        }
        return texts;
    }

    /// <summary>Byte-level encoding: tokens written in GPT-2's alphabet, but for those that are added.</summary>
    public BytePairEncoding ToByteLevel(IEnumerable<AddedToken> added, bool ignoreMerges)
    {
        var isAdded = added.Select(token => token.Id).ToHashSet();
        var texts = Texts();
        var tokens = new byte[texts.Length][];
        for (int id = 0; id < tokens.Length; id++)
        {
            tokens[id] = texts[id] is not { } text || isAdded.Contains(id) ? [] : BytesOf(text);
            if (tokens[id].Length > MaxTokenLength) throw Damaged($"the token {id} is longer than {MaxTokenLength} bytes");
        }
        return BytePairEncoding.FromMerges(tokens, MergesById(), ignoreMerges);
    }

    public List<(int Left, int Right, int Merged)> MergesById()
    {
        var merges = new List<(int, int, int)>(_merges.Count);
        foreach (var (left, right) in _merges) merges.Add((IdOf(left), IdOf(right), IdOf(left + right)));
        return merges;
    }

    // What is not in the alphabet was never made by merges, and is itself.
    static byte[] BytesOf(string text) => ByteLevelAlphabet.ToBytes(text) ?? Encoding.UTF8.GetBytes(text);

    int IdOf(string token) => _ids.TryGetValue(token, out int id)
        ? id
        : throw Damaged($"a merge uses '{Short(token)}', which is not in the vocabulary");

    static string Short(string text) => text.Length > 60 ? text[..60] + "…" : text;

    CheckpointException Damaged(string what) => new($"'{source}': {what}. Download the model again.");
}
