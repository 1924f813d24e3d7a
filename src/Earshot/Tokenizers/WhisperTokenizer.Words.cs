using System.Runtime.InteropServices;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>A word, with the space before it, and the tokens that spell it.</summary>
public sealed record WordTokens(string Text, IReadOnlyList<int> Tokens);

public sealed partial class WhisperTokenizer
{
    // Python's string.punctuation, of which a word's text is compared with any part, as the reference does.
    const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /// <summary>
    /// Words by spaces, or by characters in languages written without them; a special token is a word of its own.
    /// No character is split: where one takes several tokens, they stay together.
    /// </summary>
    /// <exception cref="ModelException">There is no such language.</exception>
    public IReadOnlyList<WordTokens> SplitToWords(ReadOnlySpan<int> ids, string language)
    {
        var characters = SplitToCharacters(ids);
        return WhisperLanguages.Parse(language) is "zh" or "ja" or "th" or "lo" or "my" or "yue" ? characters : JoinBySpaces(characters);
    }

    /// <summary>The shortest runs of tokens that begin and end between characters.</summary>
    List<WordTokens> SplitToCharacters(ReadOnlySpan<int> ids)
    {
        var bytes = new List<byte>(ids.Length * 5);
        foreach (int id in ids) bytes.AddRange(TokenBytes(id));
        var words = new List<WordTokens>();
        var rest = (ReadOnlySpan<byte>)CollectionsMarshal.AsSpan(bytes);
        int first = 0, length = 0, boundary = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            length += TokenBytes(ids[i]).Length;
            while (boundary < length)
            {
                Rune.DecodeFromUtf8(rest[boundary..], out _, out int size);
                boundary += size;
            }
            if (boundary > length) continue;
            words.Add(new WordTokens(Encoding.UTF8.GetString(rest[..length]), ids[first..(i + 1)].ToArray()));
            rest = rest[length..];
            (first, length, boundary) = (i + 1, 0, 0);
        }
        return words;
    }

    List<WordTokens> JoinBySpaces(List<WordTokens> pieces)
    {
        var words = new List<WordTokens>();
        bool joinable = false;
        foreach (var piece in pieces)
        {
            bool special = IsSpecial(piece.Tokens[0]);
            bool begins = special || piece.Text.StartsWith(' ') || Punctuation.Contains(piece.Text.Trim(), StringComparison.Ordinal);
            if (begins || !joinable)
            {
                words.Add(piece);
            }
            else
            {
                words[^1] = new WordTokens(words[^1].Text + piece.Text, [.. words[^1].Tokens, .. piece.Tokens]);
            }
            joinable = !special;
        }
        return words;
    }
}
