using System.Globalization;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>The tokens of Whisper that are not text: where each stands, and how each is written.</summary>
sealed class WhisperSpecialTokens
{
    /// <summary>Timestamps from 0.00 to 30.00 s in steps of 0.02 s, of all published models.</summary>
    const int UsualTimestamps = 1501;

    const string StartName = "<|startoftranscript|>";

    // <|endoftext|> and <|startoftranscript|> before the languages; six tokens after them.
    const int OthersCount = 2 + 6 + UsualTimestamps;

    readonly Dictionary<int, byte[]> _written = [];
    readonly List<(int Token, string Code)> _languages = [];

    WhisperSpecialTokens(IReadOnlyDictionary<string, int> names, string source)
    {
        int Required(params ReadOnlySpan<string> spellings)
        {
            foreach (var spelling in spellings)
            {
                if (names.TryGetValue(spelling, out int token)) return token;
            }
            throw new CheckpointException(
                $"'{source}' has no token '{spellings[0]}', which every Whisper tokenizer has. Point to the files of a Whisper model.");
        }

        EndOfText = Required("<|endoftext|>");
        StartOfTranscript = Required(StartName);
        Translate = Required("<|translate|>");
        Transcribe = Required("<|transcribe|>");
        StartOfLm = Required("<|startoflm|>");
        StartOfPrevious = Required("<|startofprev|>");
        NoSpeech = Required("<|nospeech|>", "<|nocaptions|>");
        NoTimestamps = Required("<|notimestamps|>");
        // Older files end at <|notimestamps|>; the timestamps follow all the same.
        TimestampBegin = names.GetValueOrDefault("<|0.00|>", NoTimestamps + 1);
        TimestampCount = CountTimestamps(names);
        VocabSize = Math.Max(TimestampBegin + TimestampCount, names.Values.Max() + 1);
        foreach (var (name, token) in names) Add(name, token, source);
        _languages.Sort();
    }

    public int EndOfText { get; }
    public int StartOfTranscript { get; }
    public int Translate { get; }
    public int Transcribe { get; }
    public int StartOfLm { get; }
    public int StartOfPrevious { get; }
    public int NoSpeech { get; }
    public int NoTimestamps { get; }
    public int TimestampBegin { get; }
    public int VocabSize { get; }

    /// <summary>Timestamps in steps of 0.02 s from 0 on: as many as are listed, or the usual number where at most the first is.</summary>
    public int TimestampCount { get; }

    /// <summary>Language tokens with their codes as this project writes them, in the order of the tokens.</summary>
    public IReadOnlyList<(int Token, string Code)> Languages => _languages;

    /// <summary>
    /// Special tokens as a file names them; where it names only the end of the text, the others follow as in OpenAI's own vocabularies.
    /// </summary>
    /// <exception cref="CheckpointException">A token is missing, or two share an id.</exception>
    public static WhisperSpecialTokens Create(IReadOnlyDictionary<string, int> names, string source, int? vocabSize)
    {
        if (!names.ContainsKey(StartName) && names.TryGetValue("<|endoftext|>", out int endOfText))
            names = Compute(endOfText, source, vocabSize);
        return new WhisperSpecialTokens(names, source);
    }

    /// <summary>
    /// The special tokens that follow <paramref name="endOfText"/> text tokens, with 99 languages unless the size of the vocabulary tells
    /// otherwise.
    /// </summary>
    public static Dictionary<string, int> Compute(int endOfText, string source, int? vocabSize)
    {
        int languages = vocabSize is int size ? size - endOfText - OthersCount : 99;
        if (languages < 1 || languages > WhisperLanguages.Codes.Count)
            throw new CheckpointException(
                $"'{source}' has {endOfText} text tokens; with a vocabulary of {vocabSize}, that leaves {languages} languages; " +
                $"expected 1 to {WhisperLanguages.Codes.Count}. The tokenizer belongs to another model.");
        string[] order =
        [
            "<|endoftext|>", StartName,
            .. WhisperLanguages.Codes.Take(languages).Select(code => $"<|{code}|>"),
            "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
        ];
        return order.Select((name, i) => (name, i)).ToDictionary(p => p.name, p => endOfText + p.i, StringComparer.Ordinal);
    }

    public bool IsTimestamp(int token) => token >= TimestampBegin && token < TimestampBegin + TimestampCount;

    /// <summary>How a token is written, such as <c>&lt;|0.42|&gt;</c>; nothing for an id that is not in use.</summary>
    public ReadOnlySpan<byte> Written(int token)
    {
        if (_written.TryGetValue(token, out var bytes)) return bytes;
        return IsTimestamp(token) ? Encoding.UTF8.GetBytes(WriteTimestamp(token)) : [];
    }

    /// <summary>All tokens with a name of their own, by id; of the usual timestamps the first alone.</summary>
    public IEnumerable<(int Token, ReadOnlyMemory<byte> Name)> Named() =>
        _written.Where(pair => !IsTimestamp(pair.Key) || pair.Key == TimestampBegin || TimestampCount != UsualTimestamps)
            .OrderBy(pair => pair.Key)
            .Select(pair => (pair.Key, (ReadOnlyMemory<byte>)pair.Value));

    /// <summary>A timestamp token as the reference writes it.</summary>
    public string WriteTimestamp(int token) => TimestampName(token - TimestampBegin);

    static string TimestampName(int step) => string.Create(CultureInfo.InvariantCulture, $"<|{step * 0.02:F2}|>");

    static int CountTimestamps(IReadOnlyDictionary<string, int> names)
    {
        int count = 0;
        while (names.ContainsKey(TimestampName(count))) count++;
        return count > 1 ? count : UsualTimestamps;
    }

    void Add(string name, int token, string source)
    {
        if (!_written.TryAdd(token, Encoding.UTF8.GetBytes(name)))
            throw new CheckpointException(
                $"'{source}' gives the id {token} to both '{Encoding.UTF8.GetString(_written[token])}' and '{name}'. Download it again.");
        if (token <= StartOfTranscript || token >= Translate || name.Length is < 6 or > 7) return;
        var code = name[2..^2];
        if (name.StartsWith("<|", StringComparison.Ordinal) && name.EndsWith("|>", StringComparison.Ordinal))
            _languages.Add((token, WhisperLanguages.TryParse(code, out var known) ? known : code));
    }
}
