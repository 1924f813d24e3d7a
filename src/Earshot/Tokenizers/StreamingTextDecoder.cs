using System.Text;

namespace Earshot.Tokenizers;

/// <summary>Decodes tokens as they come, giving text only when its characters are complete; not for several threads at once.</summary>
public sealed class StreamingTextDecoder
{
    readonly WhisperTokenizer _tokenizer;
    readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    char[] _chars = new char[64];

    public StreamingTextDecoder(WhisperTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
    }

    /// <summary>The characters that a token completes, often none; special tokens add nothing.</summary>
    public string Append(int token) => _tokenizer.IsSpecial(token) ? "" : Convert(_tokenizer.TokenBytes(token), flush: false);

    /// <summary>Ends the text: an unfinished character becomes U+FFFD. The next token begins a new text.</summary>
    public string Flush() => Convert([], flush: true);

    string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        int count = _decoder.GetCharCount(bytes, flush);
        if (_chars.Length < count) _chars = new char[count];
        return new string(_chars, 0, _decoder.GetChars(bytes, _chars, flush));
    }
}
