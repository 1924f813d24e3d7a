using System.Text;
using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>
/// The letters that a CTC model writes: <c>vocab.json</c>, with the roles of some tokens in <c>tokenizer_config.json</c>. A token is
/// mostly one letter; one stands for the space between words, and one, the blank, for no letter.
/// </summary>
public sealed class CtcVocabulary : Tokenizer
{
    const int MaxTokens = 1 << 20;
    const string TokenizerName = "tokenizer_config.json";

    readonly Dictionary<string, int> _ids;
    readonly string?[] _texts;
    readonly int _longest;
    readonly CtcTokens _tokens;
    readonly int? _delimiter;
    readonly int? _unknown;

    /// <param name="ids">Ids by token.</param>
    /// <param name="tokens">Which tokens have a role.</param>
    /// <exception cref="CheckpointException">The blank is missing, or two tokens have one id.</exception>
    public CtcVocabulary(IReadOnlyDictionary<string, int> ids, CtcTokens tokens)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(tokens);
        _tokens = tokens;
        string?[] special = [tokens.Blank, tokens.Begin, tokens.End, tokens.Unknown, tokens.WordDelimiter];
        _ids = ids.Where(pair => pair.Key.Length > 0 && !special.Contains(pair.Key)).ToDictionary(StringComparer.Ordinal);
        _longest = _ids.Count == 0 ? 0 : _ids.Keys.Max(text => text.Length);
        VocabSize = ids.Count == 0 ? 0 : ids.Values.Max() + 1;
        _texts = new string?[VocabSize];
        foreach (var (text, id) in _ids)
        {
            if (_texts[id] is { } other)
                throw new CheckpointException($"The tokens '{other}' and '{text}' have the same id, {id}. Download the model again.");
            _texts[id] = text;
        }
        int? Find(string? token) => token is not null && ids.TryGetValue(token, out int id) ? id : null;
        Blank = Find(tokens.Blank)
            ?? throw new CheckpointException(
                $"The vocabulary has no token '{tokens.Blank}', the blank. Download all files of the model again.");
        (_delimiter, _unknown) = (Find(tokens.WordDelimiter), Find(tokens.Unknown));
        if (_delimiter is { } space) _texts[space] = tokens.Space;
    }

    public override int VocabSize { get; }

    /// <summary>The token that stands for no letter.</summary>
    public int Blank { get; }

    /// <summary>The token between words; null where there is none.</summary>
    internal int? Delimiter => _delimiter;

    /// <summary>Reads a model folder's vocabulary: of several languages', that of <c>target_lang</c>.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or a setting is not implemented.</exception>
    public static CtcVocabulary Load(string folder) => Load(folder, null);

    /// <summary>Reads a model folder's vocabulary: of several languages', that of <paramref name="language"/>.</summary>
    /// <inheritdoc cref="Load(string)"/>
    internal static CtcVocabulary Load(string folder, string? language)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        using var vocabulary = Open(folder);
        using var config = SettingsFile.OpenIfPresent(Path.Combine(folder, TokenizerName));
        var tokens = config is null ? new CtcTokens() : ReadTokens(config);
        var letters = AreOfLanguages(vocabulary)
            ? vocabulary.Section(language is not null && vocabulary.Has(language) ? language : DefaultOf(vocabulary, config))
            : vocabulary;
        int Id(JsonProperty letter) => letters.AsInteger(letter.Value, letter.Name, 0, MaxTokens - 1);
        return new CtcVocabulary(letters.Root.EnumerateObject().ToDictionary(letter => letter.Name, Id), tokens);
    }

    /// <summary>The languages that a folder's vocabulary has letters of, each its own; none where it has one vocabulary.</summary>
    internal static IReadOnlyList<string> Languages(string folder)
    {
        using var vocabulary = Open(folder);
        return AreOfLanguages(vocabulary) ? [.. vocabulary.Root.EnumerateObject().Select(property => property.Name)] : [];
    }

    /// <summary>The language that a folder of several is in; null where it has one vocabulary.</summary>
    internal static string? DefaultLanguage(string folder)
    {
        using var vocabulary = Open(folder);
        if (!AreOfLanguages(vocabulary)) return null;
        using var config = SettingsFile.OpenIfPresent(Path.Combine(folder, TokenizerName));
        return DefaultOf(vocabulary, config);
    }

    /// <summary>The token of a letter as it is written; null where the vocabulary has none.</summary>
    internal int? Find(string letter) => _ids.TryGetValue(letter, out int id) ? id : null;

    /// <summary>Letter by letter, as far as there are some; what has none is the unknown token, where there is one.</summary>
    public override int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length);
        for (int i = 0; i < text.Length;)
        {
            var (id, length) = char.IsWhiteSpace(text[i]) ? (_delimiter, 1) : Longest(text.AsSpan(i));
            i += length;
            if (id is { } known && !(known == _delimiter && ids.Count > 0 && ids[^1] == known)) ids.Add(known);
        }
        return [.. ids];
    }

    /// <summary>
    /// Letter by letter; one space where several meet. Equal neighbours are two letters: what is one was collapsed before.
    /// </summary>
    public override string Decode(ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder(ids.Length);
        bool isSpace = false;
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)_texts.Length || _texts[id] is not { } letter) continue;
            if (!(isSpace && id == _delimiter)) text.Append(letter);
            isSpace = id == _delimiter;
        }
        return _tokens.LowerCase ? text.ToString().ToLowerInvariant() : text.ToString();
    }

    // The case is the vocabulary's: English ones mostly have capitals alone.
    (int? Id, int Length) Longest(ReadOnlySpan<char> text)
    {
        for (int length = Math.Min(_longest, text.Length); length > 0; length--)
        {
            var piece = text[..length].ToString();
            bool isKnown = _ids.TryGetValue(piece, out int id)
                || _ids.TryGetValue(piece.ToUpperInvariant(), out id)
                || _ids.TryGetValue(piece.ToLowerInvariant(), out id);
            if (isKnown) return (id, length);
        }
        return (_unknown, char.IsHighSurrogate(text[0]) && text.Length > 1 ? 2 : 1);
    }

    static SettingsFile Open(string folder) => SettingsFile.Open(Path.Combine(folder, "vocab.json"), "lists the letters");

    static bool AreOfLanguages(SettingsFile vocabulary) =>
        vocabulary.Root.EnumerateObject().Any(property => property.Value.ValueKind == JsonValueKind.Object);

    static string DefaultOf(SettingsFile vocabulary, SettingsFile? config)
    {
        var languages = string.Join(", ", vocabulary.Root.EnumerateObject().Select(property => property.Name));
        var language = config?.OptionalText("target_lang") ?? throw new CheckpointException(
            $"'{vocabulary.Path}' has vocabularies of several languages ({languages}), and '{TokenizerName}' beside it has no " +
            "'target_lang' that says which. Add it, or download the model again.");
        return vocabulary.Has(language)
            ? language
            : throw config.Wrong("target_lang", $"a language of 'vocab.json': {languages}", language);
    }

    static CtcTokens ReadTokens(SettingsFile config)
    {
        if (config.OptionalText("tokenizer_class") is { } name and not ("Wav2Vec2CTCTokenizer" or "Wav2Vec2Tokenizer"))
            throw config.Wrong("tokenizer_class", "Wav2Vec2CTCTokenizer, the only one of its kind that is implemented", name);
        var absent = new CtcTokens();
        return new CtcTokens
        {
            Blank = Token(config, "pad_token") ?? absent.Blank,
            Begin = Token(config, "bos_token") ?? absent.Begin,
            End = Token(config, "eos_token") ?? absent.End,
            Unknown = Token(config, "unk_token") ?? absent.Unknown,
            WordDelimiter = Token(config, "word_delimiter_token") ?? absent.WordDelimiter,
            Space = config.OptionalText("replace_word_delimiter_char") ?? absent.Space,
            LowerCase = config.Flag("do_lower_case", absent: false),
        };
    }

    // Some are written with how they are to be told from text, which does not matter here.
    static string? Token(SettingsFile config, string key) =>
        config.Has(key) && config.Root.GetProperty(key).ValueKind == JsonValueKind.Object
            ? config.Section(key).OptionalText("content")
            : config.OptionalText(key);
}

/// <summary>Tokens of a <see cref="CtcVocabulary"/> with a role; the defaults are those of the format.</summary>
public sealed record CtcTokens
{
    /// <summary>The one that stands for no letter: the padding.</summary>
    public string Blank { get; init; } = "<pad>";

    public string Begin { get; init; } = "<s>";

    public string End { get; init; } = "</s>";

    public string Unknown { get; init; } = "<unk>";

    public string WordDelimiter { get; init; } = "|";

    /// <summary>What is written for <see cref="WordDelimiter"/>.</summary>
    public string Space { get; init; } = " ";

    /// <summary>Whether text is written in lower case, whatever the letters are.</summary>
    public bool LowerCase { get; init; }
}
