namespace Earshot.Tokenizers;

/// <summary>Which expression cuts text into the pieces that merges never cross.</summary>
enum SplitPattern { None, Gpt2, Qwen2, Llama3 }

/// <summary>
/// How a family of models cuts text before it merges: an expression, and whether each digit is cut out first, so that the expression sees
/// what is between digits as texts of their own.
/// </summary>
readonly record struct TextSplitter(SplitPattern Pattern, bool IsolatesDigits = false)
{
    // As they stand in tokenizer.json.
    const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // The names under which GGUF files know them.
    static readonly Dictionary<string, TextSplitter> s_byName = new(StringComparer.Ordinal)
    {
        ["gpt-2"] = new(SplitPattern.Gpt2),
        ["gpt2"] = new(SplitPattern.Gpt2),
        ["smollm"] = new(SplitPattern.Gpt2, IsolatesDigits: true),
        ["starcoder"] = new(SplitPattern.Gpt2, IsolatesDigits: true),
        ["qwen2"] = new(SplitPattern.Qwen2),
        ["deepseek-r1-qwen"] = new(SplitPattern.Qwen2),
        ["llama-bpe"] = new(SplitPattern.Llama3),
        ["llama3"] = new(SplitPattern.Llama3),
        ["llama-v3"] = new(SplitPattern.Llama3),
    };

    public static IEnumerable<string> Names => s_byName.Keys;

    public static TextSplitter? ByName(string name) => s_byName.TryGetValue(name, out var splitter) ? splitter : null;

    public static SplitPattern? ByExpression(string expression) => expression switch
    {
        Gpt2 => SplitPattern.Gpt2,
        Qwen2 => SplitPattern.Qwen2,
        Llama3 => SplitPattern.Llama3,
        _ => null,
    };

    /// <summary>The pieces of a text, in order; together they are the text.</summary>
    public Pieces Split(ReadOnlySpan<char> text) => new(this, text);

    int PieceLength(ReadOnlySpan<char> text) => Pattern switch
    {
        SplitPattern.Gpt2 => PreTokenizer.PieceLength(text),
        SplitPattern.Qwen2 => PreTokenizer.PieceLength(text, digits: 1),
        SplitPattern.Llama3 => PreTokenizer.PieceLength(text, digits: 3),
        _ => text.Length,
    };

    public ref struct Pieces(TextSplitter splitter, ReadOnlySpan<char> text)
    {
        readonly TextSplitter _splitter = splitter;
        // What is left of the part between two digits, and what comes after it.
        ReadOnlySpan<char> _part = splitter.IsolatesDigits ? default : text;
        ReadOnlySpan<char> _rest = splitter.IsolatesDigits ? text : default;

        public ReadOnlySpan<char> Current { get; private set; }

        public readonly Pieces GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_part.IsEmpty)
            {
                if (_rest.IsEmpty) return false;
                if (PreTokenizer.NumberLength(_rest) is > 0 and var number)
                {
                    Current = _rest[..number];
                    _rest = _rest[number..];
                    return true;
                }
                int length = PreTokenizer.LengthWithoutNumbers(_rest);
                _part = _rest[..length];
                _rest = _rest[length..];
            }
            int piece = _splitter.PieceLength(_part);
            Current = _part[..piece];
            _part = _part[piece..];
            return true;
        }
    }
}
