namespace Earshot.Tokenizers;

/// <summary>Byte-level byte-pair encoding, as GPT-2, Qwen, SmolLM and Llama 3 have it.</summary>
sealed class BytePairTokenizer(
    BytePairEncoding encoding, TextSplitter splitter, bool normalizes, TextTokenizerSettings settings)
    : TextTokenizer(settings, encoding.Count)
{
    internal override string Normalize(string text) => normalizes ? UnicodeNormalization.ComposeCanonically(text) : text;

    internal override void EncodeText(string text, bool isFirst, List<int> ids)
    {
        var encoder = new BytePairEncoding.Encoder(encoding);
        foreach (var piece in splitter.Split(text)) encoder.Encode(piece, ids);
    }

    private protected override ReadOnlySpan<byte> ModelTokenBytes(int id) => id < encoding.Count ? encoding.TokenBytes(id) : [];
}
