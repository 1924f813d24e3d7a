using System.Text;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>Whisper's tokens: text by byte-pair encoding, and the special tokens that carry language, task and times.</summary>
public sealed partial class WhisperTokenizer : ByteTokenizer
{
    static readonly TimeSpan s_timestampStep = TimeSpan.FromMilliseconds(20);

    readonly BytePairEncoding _encoding;
    readonly WhisperSpecialTokens _special;
    readonly Dictionary<string, int> _tokenOfLanguage = new(StringComparer.Ordinal);
    readonly Dictionary<int, string> _languageOfToken = [];
    readonly Lazy<int[]> _nonSpeechTokens;

    internal WhisperTokenizer(BytePairEncoding encoding, WhisperSpecialTokens special)
    {
        _encoding = encoding;
        _special = special;
        _nonSpeechTokens = new(FindNonSpeechTokens);
        foreach (var (token, code) in special.Languages)
        {
            _tokenOfLanguage.TryAdd(code, token);
            _languageOfToken.Add(token, code);
        }
        Languages = [.. special.Languages.Select(l => l.Code)];
    }

    internal BytePairEncoding TextTokens => _encoding;

    internal WhisperSpecialTokens SpecialTokens => _special;

    public int StartOfTranscript => _special.StartOfTranscript;

    /// <summary>The first token that is not text.</summary>
    public int EndOfText => _special.EndOfText;

    public int StartOfPrevious => _special.StartOfPrevious;
    public int StartOfLm => _special.StartOfLm;
    public int NoSpeech => _special.NoSpeech;
    public int NoTimestamps => _special.NoTimestamps;
    public int Transcribe => _special.Transcribe;
    public int Translate => _special.Translate;

    /// <summary>The timestamp of 0.00 s; each token after it is 0.02 s later.</summary>
    public int TimestampBegin => _special.TimestampBegin;

    /// <summary>How many ids there are, timestamps included.</summary>
    public override int VocabSize => _special.VocabSize;

    /// <summary>Whether the vocabulary is the one of the multilingual models; the English-only models have one text token less.</summary>
    public bool IsMultilingual => EndOfText > 50256;

    /// <summary>The codes of the languages, in the order of their tokens. English-only vocabularies have them too, unused.</summary>
    public IReadOnlyList<string> Languages { get; }

    /// <summary>Tokens that stand for sounds, music or speaker tags rather than speech: the reference's default list to suppress.</summary>
    public int[] NonSpeechTokens => [.. _nonSpeechTokens.Value];

    /// <summary>The token of a language, given by code or English name.</summary>
    /// <exception cref="ModelException">There is no such language, or this vocabulary lacks it.</exception>
    public int LanguageToken(string code)
    {
        ArgumentNullException.ThrowIfNull(code);
        if (_tokenOfLanguage.TryGetValue(code, out int token)) return token;
        var known = WhisperLanguages.Parse(code);
        return _tokenOfLanguage.TryGetValue(known, out token)
            ? token
            : throw new ModelException(
                $"This model's vocabulary has no token for {WhisperLanguages.NameOf(known)} ({known}); " +
                $"it knows {Languages.Count} languages. Use a newer model, such as large-v3.");
    }

    /// <summary>The code of a language token; null for any other token.</summary>
    public string? LanguageOf(int token) => _languageOfToken.GetValueOrDefault(token);

    public bool IsTimestamp(int id) => _special.IsTimestamp(id);

    /// <summary>Whether a token is anything but text; timestamps are special too.</summary>
    public override bool IsSpecial(int id) => id >= EndOfText;

    /// <summary>The time that a timestamp token stands for, from the start of its window.</summary>
    public TimeSpan TimeOf(int timestamp)
    {
        if (!IsTimestamp(timestamp)) throw new ArgumentOutOfRangeException(nameof(timestamp), timestamp, "The token is not a timestamp.");
        return (timestamp - TimestampBegin) * s_timestampStep;
    }

    /// <summary>The timestamp token nearest to a time from 0 to 30 s.</summary>
    public int TimestampToken(TimeSpan time)
    {
        int token = TimestampBegin + (int)Math.Clamp(Math.Round(time / s_timestampStep), -1, _special.TimestampCount);
        return IsTimestamp(token) ? token : throw new ArgumentOutOfRangeException(nameof(time), time, "Timestamps go from 0 to 30 s.");
    }

    /// <summary>The tokens of a text. Special tokens are not recognised: what looks like one is text like any other.</summary>
    public override int[] Encode(string text) => _encoding.Encode(text);

    /// <summary>The text of tokens, without special tokens and timestamps; bytes that are not UTF-8 become U+FFFD.</summary>
    public override string Decode(ReadOnlySpan<int> ids) => Decode(ids, timestamps: false);

    /// <summary>The text of tokens with timestamps written as <c>&lt;|1.08|&gt;</c>, without other special tokens.</summary>
    public string DecodeWithTimestamps(ReadOnlySpan<int> ids) => Decode(ids, timestamps: true);

    /// <summary>The bytes of a text token, which need not be whole characters; of a special token, those of its written form.</summary>
    public override ReadOnlySpan<byte> TokenBytes(int id)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)id, (uint)VocabSize, nameof(id));
        return IsSpecial(id) ? _special.Written(id) : _encoding.TokenBytes(id);
    }

    string Decode(ReadOnlySpan<int> ids, bool timestamps)
    {
        var bytes = new List<byte>(ids.Length * 5);
        foreach (int id in ids)
        {
            if (!IsSpecial(id) || timestamps && IsTimestamp(id)) bytes.AddRange(TokenBytes(id));
        }
        return Encoding.UTF8.GetString(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
    }

    /// <summary>
    /// Reads the tokenizer of a model folder: <c>vocabulary.bin</c>, else <c>tokenizer.json</c>, else <c>vocab.json</c> with
    /// <c>merges.txt</c>, else a <c>.tiktoken</c> file.
    /// </summary>
    /// <param name="vocabSize">The model's vocabulary, which tells the number of languages where no file does.</param>
    /// <exception cref="CheckpointException">The files are missing or damaged.</exception>
    public static WhisperTokenizer Load(string folder, int? vocabSize = null) =>
        LoadIfPresent(folder, vocabSize)
        ?? throw new CheckpointException(
            $"'{folder}' has no tokenizer: expected '{VocabularyFile.FileName}', or 'tokenizer.json', or 'vocab.json' with 'merges.txt', " +
            $"or '{RanksFor(vocabSize)}'. Download the model again.");

    /// <summary>As <see cref="Load"/>, but null where the folder has no tokenizer.</summary>
    /// <exception cref="CheckpointException">A file is damaged.</exception>
    public static WhisperTokenizer? LoadIfPresent(string folder, int? vocabSize = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (Path.Combine(folder, VocabularyFile.FileName) is var compact && File.Exists(compact))
            return VocabularyFile.Read(compact, vocabSize);
        using (var json = SettingsFile.OpenIfPresent(Path.Combine(folder, "tokenizer.json")))
        {
            if (json is not null) return TokenizerFiles.ReadTokenizerJson(json, vocabSize);
        }
        if (File.Exists(Path.Combine(folder, "vocab.json"))) return TokenizerFiles.ReadVocabularyAndMerges(folder, vocabSize);
        return Path.Combine(folder, RanksFor(vocabSize)) is var ranks && File.Exists(ranks) ? LoadTiktoken(ranks, vocabSize) : null;
    }

    public override bool TryWriteCompact(string folder)
    {
        using var stream = File.Create(Path.Combine(folder, VocabularyFile.FileName));
        VocabularyFile.Write(stream, this);
        return true;
    }

    /// <summary>
    /// Reads OpenAI's ranks, <c>gpt2.tiktoken</c> or <c>multilingual.tiktoken</c>; the special tokens are computed, for 99 languages unless
    /// <paramref name="vocabSize"/> tells otherwise.
    /// </summary>
    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    public static WhisperTokenizer LoadTiktoken(string path, int? vocabSize = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] content;
        try
        {
            content = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}', which lists the tokenizer's ranks: {e.Message}", e);
        }
        return TokenizerFiles.ReadRanks(path, content, vocabSize);
    }

    static string RanksFor(int? vocabSize) => vocabSize < 51865 ? "gpt2.tiktoken" : "multilingual.tiktoken";
}
