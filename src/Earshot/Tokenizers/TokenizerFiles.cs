using System.Buffers.Text;
using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>What a tokenizer's files say, in whichever of the three formats they are.</summary>
sealed class TokenizerFiles
{
    /// <summary>More tokens than any vocabulary has; a limit on what an id can make us allocate.</summary>
    const int MaxTokens = 1 << 22;

    /// <summary>The longest text token, in bytes; GPT-2's longest has 128.</summary>
    const int MaxTokenLength = 1024;

    readonly string _source;
    readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> _special = new(StringComparer.Ordinal);

    // Two tokens with a space between them, which no token has.
    readonly List<string> _merges = [];

    TokenizerFiles(string source)
    {
        _source = source;
    }

    /// <summary>Hugging Face's <c>tokenizer.json</c>: vocabulary, merges and special tokens in one.</summary>
    public static WhisperTokenizer ReadTokenizerJson(SettingsFile json, int? vocabSize)
    {
        var files = new TokenizerFiles(json.Path);
        if (!json.Root.TryGetProperty("model", out var model) || model.ValueKind != JsonValueKind.Object)
            throw json.Wrong("model", "an object with 'vocab' and 'merges'", "nothing");
        if (model.TryGetProperty("type", out var type) && !(type.ValueKind == JsonValueKind.String && type.ValueEquals("BPE")))
            throw json.Wrong("model.type", "\"BPE\"", type.GetRawText());
        ReadVocabulary(json, Property(json, model, "vocab"), "model.vocab", files._vocabulary);
        foreach (var merge in json.Array(Property(json, model, "merges"), "model.merges")) files.ReadMerge(json, merge);
        if (json.Has("added_tokens"))
        {
            foreach (var token in json.Array(json.Root.GetProperty("added_tokens"), "added_tokens"))
                files.ReadAddedToken(json, token, null, "added_tokens");
        }
        return files.Build(vocabSize);
    }

    /// <summary>
    /// <c>vocab.json</c> and <c>merges.txt</c>, with the special tokens of <c>added_tokens.json</c> or <c>tokenizer_config.json</c> where
    /// these are there.
    /// </summary>
    public static WhisperTokenizer ReadVocabularyAndMerges(string folder, int? vocabSize)
    {
        using var vocabulary = SettingsFile.Open(Path.Combine(folder, "vocab.json"), "lists the tokens");
        using var added = SettingsFile.OpenIfPresent(Path.Combine(folder, "added_tokens.json"));
        using var config = SettingsFile.OpenIfPresent(Path.Combine(folder, "tokenizer_config.json"));
        var files = new TokenizerFiles(vocabulary.Path);
        ReadVocabulary(vocabulary, vocabulary.Root, "vocabulary", files._vocabulary);
        if (added is not null) ReadVocabulary(added, added.Root, "added tokens", files._special);
        if (config is not null && config.Has("added_tokens_decoder"))
            files.ReadAddedTokensDecoder(config, config.Root.GetProperty("added_tokens_decoder"));
        files.ReadMergesText(Path.Combine(folder, "merges.txt"));
        return files.Build(vocabSize);
    }

    /// <summary>OpenAI's ranks: a line for each token, its bytes in base64 and its id. Special tokens follow them.</summary>
    public static WhisperTokenizer ReadRanks(string path, ReadOnlySpan<byte> content, int? vocabSize)
    {
        var tokens = new List<byte[]>();
        int lineNumber = 0;
        foreach (var range in content.Split((byte)'\n'))
        {
            lineNumber++;
            var line = content[range].Trim(" \r"u8);
            if (line.IsEmpty) continue;
            int space = line.IndexOf((byte)' ');
            if (space < 0 || space > 2 * MaxTokenLength || !TryDecode(line[..space], out var token)
                || !Utf8Parser.TryParse(line[(space + 1)..], out int rank, out int read) || read != line.Length - space - 1
                || rank != tokens.Count)
            {
                throw new CheckpointException(
                    $"'{path}', line {lineNumber}: expected a token in base64, a space and the rank {tokens.Count}. " +
                    "Download the file again.");
            }
            tokens.Add(token);
        }
        var special = WhisperSpecialTokens.Create(WhisperSpecialTokens.Compute(tokens.Count, path, vocabSize), path, vocabSize);
        return new WhisperTokenizer(BytePairEncoding.FromRanks([.. tokens]), special);
    }

    /// <summary>
    /// The bytes of text tokens by id, as whisper.cpp's files have them; null where the size of the vocabulary is not one of OpenAI's own,
    /// so that nothing tells the special tokens. Files that were made of Hugging Face's folders have a few words more or less.
    /// </summary>
    /// <exception cref="CheckpointException">Too many are missing.</exception>
    public static WhisperTokenizer? OfWords(byte[][] words, int vocabSize, string source)
    {
        const int english = 50_256, multilingual = 50_257, leastMultilingual = 51_865, mayMiss = 16;
        if (vocabSize < leastMultilingual - 1) return null;
        int count = vocabSize < leastMultilingual ? english : multilingual;
        if (words.Length < count - mayMiss)
            throw new CheckpointException(
                $"'{source}' lists {words.Length} tokens; expected {count} in a vocabulary of {vocabSize}. Convert the model again.");
        byte[][] tokens = [.. words.Take(count), .. Enumerable.Repeat(Array.Empty<byte>(), Math.Max(0, count - words.Length))];
        var special = WhisperSpecialTokens.Create(WhisperSpecialTokens.Compute(count, source, vocabSize), source, vocabSize);
        return new WhisperTokenizer(BytePairEncoding.FromRanks(tokens), special);
    }

    /// <summary>
    /// CTranslate2's <c>vocabulary.json</c> or, older, <c>vocabulary.txt</c>: all tokens in the order of their ids, without merges; null
    /// where the folder has neither.
    /// </summary>
    /// <exception cref="CheckpointException">The file is damaged.</exception>
    public static WhisperTokenizer? ReadWordList(string folder, int? vocabSize)
    {
        if (WordListFile.Find(folder) is not var (path, words)) return null;
        var files = new TokenizerFiles(path);
        for (int id = 0; id < words.Count; id++)
        {
            if (words[id].StartsWith("<|", StringComparison.Ordinal) && words[id].EndsWith("|>", StringComparison.Ordinal))
                files._special.TryAdd(words[id], id);
            else
                files._vocabulary.TryAdd(words[id], id);
        }
        var special = WhisperSpecialTokens.Create(files._special, path, vocabSize);
        return new WhisperTokenizer(BytePairEncoding.FromRanks(files.TextTokens(special.EndOfText)), special);
    }

    static bool TryDecode(ReadOnlySpan<byte> base64, out byte[] token)
    {
        token = [];
        // The multilingual file has one token without bytes, written as a lone '='.
        if (base64.SequenceEqual("="u8)) return true;
        var buffer = new byte[Base64.GetMaxDecodedFromUtf8Length(base64.Length)];
        if (Base64.DecodeFromUtf8(base64, buffer, out _, out int written) != System.Buffers.OperationStatus.Done) return false;
        token = buffer[..written];
        return true;
    }

    static JsonElement Property(SettingsFile json, JsonElement owner, string key) =>
        owner.TryGetProperty(key, out var value) ? value : throw json.Wrong($"model.{key}", "there", "nothing");

    static void ReadVocabulary(SettingsFile json, JsonElement value, string key, Dictionary<string, int> into)
    {
        if (value.ValueKind != JsonValueKind.Object) throw json.Wrong(key, "an object of ids by token", value.GetRawText());
        foreach (var property in value.EnumerateObject())
            into[property.Name] = json.AsInteger(property.Value, $"{key}: {property.Name}", 0, MaxTokens - 1);
    }

    void ReadMerge(SettingsFile json, JsonElement merge)
    {
        // Written "a b" until 2024 and ["a", "b"] since.
        string text = merge.ValueKind switch
        {
            JsonValueKind.String => merge.GetString()!,
            JsonValueKind.Array =>
                string.Join(' ', merge.EnumerateArray().Select(part => part.ValueKind == JsonValueKind.String ? part.GetString() : "")),
            _ => "",
        };
        _merges.Add(IsMerge(text) ? text : throw json.Wrong("model.merges", "pairs of tokens", merge.GetRawText()));
    }

    static bool IsMerge(string text) =>
        text.IndexOf(' ', StringComparison.Ordinal) is var space and > 0 && space < text.Length - 1 && text.LastIndexOf(' ') == space;

    void ReadAddedToken(SettingsFile json, JsonElement token, int? id, string key)
    {
        if (token.ValueKind != JsonValueKind.Object
            || !token.TryGetProperty("content", out var content) || content.ValueKind != JsonValueKind.String)
        {
            throw json.Wrong(key, "objects with 'content'", token.GetRawText());
        }
        id ??= token.TryGetProperty("id", out var number)
            ? json.AsInteger(number, key, 0, MaxTokens - 1)
            : throw json.Wrong(key, "objects with 'id'", token.GetRawText());
        _special[content.GetString()!] = id.Value;
    }

    void ReadAddedTokensDecoder(SettingsFile json, JsonElement value)
    {
        const string key = "added_tokens_decoder";
        if (value.ValueKind != JsonValueKind.Object) throw json.Wrong(key, "an object of tokens by id", value.GetRawText());
        foreach (var property in value.EnumerateObject())
        {
            if (!int.TryParse(property.Name, System.Globalization.NumberStyles.None, null, out int id) || id >= MaxTokens)
                throw json.Wrong(key, "an object of tokens by id", property.Name);
            ReadAddedToken(json, property.Value, id, key);
        }
    }

    void ReadMergesText(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}', which lists the tokenizer's merges: {e.Message}", e);
        }
        for (int i = 0; i < lines.Length; i++)
        {
            if (i == 0 && lines[i].StartsWith("#version", StringComparison.Ordinal) || lines[i].Length == 0) continue;
            if (!IsMerge(lines[i]))
                throw new CheckpointException(
                    $"'{path}', line {i + 1}: expected two tokens with a space between them. Download the file again.");
            _merges.Add(lines[i]);
        }
    }

    WhisperTokenizer Build(int? vocabSize)
    {
        if (!_special.ContainsKey("<|endoftext|>") && _vocabulary.TryGetValue("<|endoftext|>", out int end))
            _special["<|endoftext|>"] = end;
        var special = WhisperSpecialTokens.Create(_special, _source, vocabSize);
        var tokens = TextTokens(special.EndOfText);
        return new WhisperTokenizer(BytePairEncoding.FromMerges(tokens, MergesById(special.EndOfText)), special);
    }

    byte[][] TextTokens(int count)
    {
        // Checked before the allocation: as many tokens as ids.
        if (_vocabulary.Count < count)
        {
            throw new CheckpointException(
                $"'{_source}' has {_vocabulary.Count} tokens; expected one for each id below that of '<|endoftext|>', " +
                $"{count}. Download it again.");
        }
        var tokens = new byte[count][];
        foreach (var (text, id) in _vocabulary)
        {
            if (id >= count) continue;
            if (tokens[id] is not null)
                throw new CheckpointException($"'{_source}' gives the id {id} to two tokens, one of them '{text}'. Download it again.");
            tokens[id] = ByteLevelAlphabet.ToBytes(text) is { Length: <= MaxTokenLength } bytes
                ? bytes
                : throw new CheckpointException(
                    $"'{_source}': token {id} is longer than {MaxTokenLength} bytes or not written in GPT-2's byte alphabet. " +
                    "Whisper's tokenizers are.");
        }
        int missing = Array.IndexOf(tokens, null);
        return missing < 0 ? tokens : throw new CheckpointException($"'{_source}' has no token with the id {missing}. Download it again.");
    }

    List<(int Left, int Right, int Merged)> MergesById(int count)
    {
        var ids = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        int IdOf(ReadOnlySpan<char> token) => ids.TryGetValue(token, out int id) && id < count
            ? id
            : throw new CheckpointException(
                $"'{_source}': a merge uses '{token[..Math.Min(token.Length, 100)]}', which is not in the vocabulary. " +
                "The files belong to different tokenizers.");

        var merges = new List<(int, int, int)>(_merges.Count);
        foreach (var merge in _merges)
        {
            int space = merge.IndexOf(' ', StringComparison.Ordinal);
            var left = merge.AsSpan(0, space);
            var right = merge.AsSpan(space + 1);
            merges.Add((IdOf(left), IdOf(right), IdOf(string.Concat(left, right))));
        }
        return merges;
    }
}
