using System.Text;
using Earshot.Tokenizers;

namespace Earshot.Tests.Decoding;

/// <summary>Tokenizers of real shape and little text: a token for each byte, then one for each of some words.</summary>
internal static class SmallTokenizer
{
    static readonly string[] s_words =
    [
        " alpha", " bravo", " charlie", " delta", " echo", " foxtrot", " golf", " hotel", " india", " juliet",
        " kilo", " lima", " mike", " november", " oscar", " papa", " quebec", " romeo", " sierra", " tango",
    ];

    /// <summary>English-only: 276 text tokens, the end at 276.</summary>
    public static WhisperTokenizer English { get; } = Create(256 + s_words.Length);

    static readonly Lazy<WhisperTokenizer> s_multilingual = new(() => Create(50257));

    /// <summary>Multilingual, as the reference tells it: by the number of text tokens, most of them unused.</summary>
    public static WhisperTokenizer Multilingual => s_multilingual.Value;

    /// <summary>The token of one of the words, counted from 0.</summary>
    public static int Word(int index) => 256 + index;

    public static string TextOf(int index) => s_words[index];

    static WhisperTokenizer Create(int textTokens)
    {
        var tokens = new byte[textTokens][];
        for (int id = 0; id < textTokens; id++)
        {
            tokens[id] = id < 256 ? [(byte)id] : Encoding.UTF8.GetBytes(id - 256 < s_words.Length ? s_words[id - 256] : $" word{id}");
        }
        return new WhisperTokenizer(
            BytePairEncoding.FromMerges(tokens, []),
            WhisperSpecialTokens.Create(WhisperSpecialTokens.Compute(textTokens, "test", null), "test", null));
    }
}
