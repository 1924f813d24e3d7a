using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// A language model's tokens. <see cref="Encode(string)"/> takes what looks like a special token as the text that it is;
/// <see cref="EncodeWithAddedTokens"/> recognises special and other added tokens, for text that a program wrote. Safe for several threads.
/// </summary>
public abstract class TextTokenizer : ByteTokenizer
{
    readonly Dictionary<string, AddedToken> _byText = new(StringComparer.Ordinal);
    readonly Dictionary<int, (AddedToken Token, byte[] Bytes)> _byId = [];
    readonly AddedTokenMatcher _matcher, _normalizedMatcher;

    private protected TextTokenizer(TextTokenizerSettings settings, int modelTokens)
    {
        Settings = settings;
        foreach (var token in settings.AddedTokens)
        {
            if (token.Text.Length == 0) throw settings.Damaged($"the added token {token.Id} has no text");
            if (!_byId.TryAdd(token.Id, (token, Encoding.UTF8.GetBytes(token.Text))))
                throw settings.Damaged($"the id {token.Id} belongs to two added tokens, one of them '{token.Text}'");
            if (!_byText.TryAdd(token.Text, token))
                throw settings.Damaged($"the added token '{token.Text}' has two ids, {_byText[token.Text].Id} and {token.Id}");
        }
        VocabSize = Math.Max(modelTokens, settings.AddedTokens.Count == 0 ? 0 : settings.AddedTokens.Max(token => token.Id) + 1);
        foreach (var (name, id) in new[] { ("begin", settings.BeginToken), ("end", settings.EndToken) })
            if (id is < 0 || id >= VocabSize) throw settings.Damaged($"the {name} token's id is {id}, of {VocabSize} tokens");
        _matcher = new(settings.AddedTokens.Where(token => !token.IsNormalized));
        _normalizedMatcher = new(settings.AddedTokens.Where(token => token.IsNormalized));
    }

    /// <summary>One more than the highest id. A model's own vocabulary may be padded beyond it.</summary>
    public override int VocabSize { get; }

    /// <summary>The token that texts begin with, if the model has one.</summary>
    public int? BeginToken => Settings.BeginToken;

    /// <summary>The token that ends a text, if the model has one.</summary>
    public int? EndToken => Settings.EndToken;

    /// <summary>Whether the model was trained on texts that begin with <see cref="BeginToken"/>; no method here adds it.</summary>
    public bool AddsBeginToken => Settings.AddsBeginToken && BeginToken is not null;

    /// <summary>The tokens beside those that merges give, by id.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => Settings.AddedTokens;

    /// <summary>The template of chats that the files hold, in Jinja; null where they have none.</summary>
    public string? ChatTemplate => Settings.ChatTemplate;

    internal TextTokenizerSettings Settings { get; }

    /// <summary>The id of an added token by how it is written; null where there is none.</summary>
    public int? FindAddedToken(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _byText.TryGetValue(text, out var token) ? token.Id : null;
    }

    public override int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        if (text.Length > 0) EncodeText(Normalize(text), isFirst: true, ids);
        return [.. ids];
    }

    /// <summary>
    /// The tokens of a text in which added tokens, special ones too, are recognised as they are written. Never for what somebody else
    /// wrote: whoever can write <c>&lt;|im_end|&gt;</c> there speaks as the system.
    /// </summary>
    public int[] EncodeWithAddedTokens(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        SplitAddedTokens(text, run => EncodeText(run, ids.Count == 0, ids), token => ids.Add(token.Id));
        return [.. ids];
    }

    /// <summary>The text of tokens without special ones; what is no UTF-8 becomes U+FFFD, and ids beyond the vocabulary nothing.</summary>
    public override string Decode(ReadOnlySpan<int> ids) => Decode(ids, keepSpecialTokens: false);

    /// <summary>The same, with special tokens written out if they are to be kept.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool keepSpecialTokens)
    {
        var decoder = new StreamingTextDecoder(this, keepSpecialTokens);
        var text = new StringBuilder(4 * ids.Length);
        foreach (int id in ids) text.Append(decoder.Append(id));
        return text.Append(decoder.Flush()).ToString();
    }

    public override bool IsSpecial(int id) => _byId.TryGetValue(id, out var added) && added.Token.IsSpecial;

    public override ReadOnlySpan<byte> TokenBytes(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        return _byId.TryGetValue(id, out var added) ? added.Bytes : ModelTokenBytes(id);
    }

    /// <summary>Reads the tokenizer of a model folder: <c>tokenizer.json</c>, else <c>vocab.json</c> with <c>merges.txt</c>, else
    /// <c>tokenizer.model</c>; with <c>tokenizer_config.json</c> and <c>chat_template.jinja</c>, where they are there.</summary>
    /// <exception cref="CheckpointException">The files are missing, damaged, or ask for what is not implemented.</exception>
    public static TextTokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return TextTokenizerFolder.Load(folder);
    }

    /// <summary>Reads the tokenizer of a GGUF file's metadata.</summary>
    /// <param name="preTokenizer">Replaces the file's name for how text is cut before it is merged, where that is missing or wrong.</param>
    /// <exception cref="CheckpointException">The file is damaged, has no tokenizer, or names what is not implemented.</exception>
    public static TextTokenizer LoadGguf(string path, string? preTokenizer = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return GgufTokenizer.Load(path, preTokenizer);
    }

    /// <summary>Whether an id is an added token, special or not.</summary>
    internal bool IsAdded(int id) => _byId.ContainsKey(id);

    /// <summary>Cuts a text at added tokens; the text between them comes normalised.</summary>
    internal void SplitAddedTokens(string text, Action<string> onText, Action<AddedToken> onToken)
    {
        if (_normalizedMatcher.IsEmpty) _matcher.Split(text, run => onText(Normalize(run)), onToken);
        else _matcher.Split(text, run => _normalizedMatcher.Split(Normalize(run), onText, onToken), onToken);
    }

    /// <summary>The text that is cut and merged.</summary>
    internal virtual string Normalize(string text) => text;

    /// <summary>Adds the tokens of normalised text without added tokens.</summary>
    /// <param name="isFirst">Whether nothing comes before it.</param>
    internal abstract void EncodeText(string text, bool isFirst, List<int> ids);

    private protected abstract ReadOnlySpan<byte> ModelTokenBytes(int id);
}

/// <summary>What all kinds of tokenizers' files say.</summary>
sealed record TextTokenizerSettings
{
    /// <summary>The file, for messages.</summary>
    public required string Source { get; init; }

    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    public int? BeginToken { get; init; }

    public int? EndToken { get; init; }

    public bool AddsBeginToken { get; init; }

    /// <summary>How <see cref="BeginToken"/> is written, where only another file has its id.</summary>
    public string? BeginText { get; init; }

    /// <summary>How <see cref="EndToken"/> is written.</summary>
    public string? EndText { get; init; }

    public string? ChatTemplate { get; init; }

    /// <summary>The same with the ids of the roles' texts: those of added tokens, or what a vocabulary finds.</summary>
    public TextTokenizerSettings WithRoles(Func<string, int?> find)
    {
        int? Find(string? text) =>
            text is null ? null : AddedTokens.FirstOrDefault(token => token.Text == text)?.Id ?? find(text);
        return this with { BeginToken = BeginToken ?? Find(BeginText), EndToken = EndToken ?? Find(EndText) };
    }

    public CheckpointException Damaged(string what) => new($"'{Source}': {what}. Download the model again.");
}
