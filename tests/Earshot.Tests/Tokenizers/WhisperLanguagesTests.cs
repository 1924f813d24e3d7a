namespace Earshot.Tokenizers;

public class WhisperLanguagesTests
{
    [Theory]
    [InlineData("en", "en")]
    [InlineData("English", "en")]
    [InlineData(" EN-us ", "en")]
    [InlineData("zh_TW", "zh")]
    [InlineData("mandarin", "zh")]
    [InlineData("iw", "he")]
    [InlineData("Haitian Creole", "ht")]
    [InlineData("cantonese", "yue")]
    public void Knows_codes_names_and_regions(string text, string code) => Assert.Equal(code, WhisperLanguages.Parse(text));

    [Theory]
    [InlineData("englsh", "english (en)")]
    [InlineData("ukranian", "ukrainian (uk)")]
    [InlineData("portu", "portuguese (pt)")]
    public void An_unknown_language_is_answered_with_near_ones(string text, string near)
    {
        var error = Assert.Throws<ModelException>(() => WhisperLanguages.Parse(text));
        Assert.Contains(near, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("klingon")]
    [InlineData("-")]
    public void An_unknown_language_without_near_ones_is_refused(string text)
    {
        Assert.DoesNotContain(
            "Did you mean", Assert.Throws<ModelException>(() => WhisperLanguages.Parse(text)).Message, StringComparison.Ordinal);
        Assert.Null(WhisperLanguages.NameOf(text));
    }

    [Fact]
    public void There_are_100_languages_and_cantonese_is_the_last()
    {
        Assert.Equal(100, WhisperLanguages.Codes.Count);
        Assert.Equal(100, WhisperLanguages.Codes.Distinct().Count());
        Assert.Equal("yue", WhisperLanguages.Codes[99]);
        Assert.All(WhisperLanguages.Codes, code => Assert.Equal(code, WhisperLanguages.Parse(WhisperLanguages.NameOf(code)!)));
    }
}
