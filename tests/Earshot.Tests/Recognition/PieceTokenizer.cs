using System.Text;
using Earshot.Tokenizers;

namespace Earshot.Tests.Recognition;

/// <summary>Pieces of words by their texts.</summary>
internal sealed class PieceTokenizer(string[] texts) : Tokenizer
{
    public override int VocabSize => texts.Length;

    public override int[] Encode(string text) => Array.IndexOf(texts, text) is >= 0 and var id ? [id] : [];

    public override string Decode(ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder();
        foreach (int id in ids) text.Append(texts[id]);
        return text.ToString();
    }
}
