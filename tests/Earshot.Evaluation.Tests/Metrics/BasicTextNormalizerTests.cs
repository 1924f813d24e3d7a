using Earshot.Evaluation.Metrics;
using Earshot.Tokenizers;

namespace Earshot.Evaluation.Tests.Metrics;

public class BasicTextNormalizerTests
{
    // What openai/whisper's BasicTextNormalizer gives, run on these texts: diacritics kept, and removed.
    [Theory]
    [InlineData("Ça va, l’été?", "ça va l été", "ca va l ete")]
    [InlineData("  ÅNGSTRÖM ", "ångström", "angstrom")]
    [InlineData("İstanbul", "i stanbul", "istanbul")]
    [InlineData("ΟΔΟΣ", "οδος", "οδος")]
    [InlineData("हिन्दी", "ह न द", "ह नद")]
    [InlineData("日本語、です。", "日本語 です", "日本語 てす")]
    [InlineData("[x] (y) z", "z", "z")]
    [InlineData("ﬁn²", "fin2", "fin2")]
    [InlineData("don't stop", "don t stop", "don t stop")]
    public void Texts_come_out_as_from_the_reference(string text, string kept, string removed)
    {
        Assert.Equal(kept, new BasicTextNormalizer().Normalize(text));
        Assert.Equal(removed, new BasicTextNormalizer { RemoveDiacritics = true }.Normalize(text));
    }

    [Fact]
    public void Marks_of_words_can_be_kept() =>
        // NFKC takes the Thai am (U+0E33) apart.
        Assert.Equal("हिन्दी ก\u0E4D\u0E32ลัง", new BasicTextNormalizer { KeepMarks = true }.Normalize("हिन्दी, กำลัง"));

    [Fact]
    public void Letters_can_be_split() =>
        Assert.Equal("今 天 o k", new BasicTextNormalizer { SplitLetters = true }.Normalize("今天 OK!"));

    [Theory]
    [InlineData("\u1E9B\u0323", "\u1E69")]              // UAX 15, figure 6: long s with dots
    [InlineData("\uFB01", "fi")]
    [InlineData("\u0041\u030A", "\u00C5")]
    [InlineData("\u1112\u1161\u11AB", "\uD55C")]        // jamo compose
    [InlineData("\u0065\u0301\u0323", "\u1EB9\u0301")]  // marks are put in order first
    [InlineData("\u0958", "\u0915\u093C")]              // excluded from composition
    public void Composition_follows_uax_15(string text, string expected)
    {
        Assert.Equal(expected, UnicodeNormalization.Compose(text));
        Assert.Equal(UnicodeNormalization.Decompose(text), UnicodeNormalization.Decompose(expected));
    }

    [Theory]
    [InlineData("e\u0301 \uFB01 \u2460", "\u00E9 \uFB01 \u2460")]
    [InlineData("\u212B\u2126", "\u00C5\u03A9")]       // singletons
    [InlineData("\u1112\u1161\u11AB", "\uD55C")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("\u00E9\u02FF", "\u00E9\u02FF")]
    public void Canonical_composition_leaves_compatibility_forms(string text, string expected) =>
        Assert.Equal(expected, UnicodeNormalization.ComposeCanonically(text));

    [Fact]
    public void Half_a_surrogate_pair_is_a_symbol() =>
        Assert.Equal("a b 𠮷", new BasicTextNormalizer().Normalize("a\uD83Db 𠮷\uDE00"));
}
