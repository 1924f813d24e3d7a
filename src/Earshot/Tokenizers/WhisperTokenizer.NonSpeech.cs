namespace Earshot.Tokenizers;

public sealed partial class WhisperTokenizer
{
    // Annotations and speaker tags use these; sentences hardly do. (openai/whisper tokenizer.py, non_speech_tokens.)
    static readonly string[] s_symbols =
    [
        .. "\"#()*+/:;<=>@[\\]^_`{|}~「」『』".Select(c => c.ToString()),
        "<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", "(\"", "((", "))", "(((", ")))", "[[", "]]", "{{", "}}", "♪♪", "♪♪♪",
    ];

    // Where one of these takes several tokens, its first is that of U+2640 to U+267F, all of which may go.
    const string MusicSigns = "♩♪♫♬♭♮♯";

    int[] FindNonSpeechTokens()
    {
        // A hyphen or an apostrophe is fine inside a word, but not before one.
        var tokens = new SortedSet<int> { Encode(" -")[0], Encode(" '")[0] };
        foreach (var symbol in s_symbols.Concat(MusicSigns.Select(c => c.ToString())))
        {
            bool isMusic = symbol.Length == 1 && MusicSigns.Contains(symbol[0]);
            foreach (var text in (ReadOnlySpan<string>)[symbol, " " + symbol])
            {
                var encoded = Encode(text);
                if (encoded.Length == 1 || isMusic) tokens.Add(encoded[0]);
            }
        }
        return [.. tokens];
    }
}
