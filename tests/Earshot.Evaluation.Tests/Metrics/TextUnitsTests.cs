using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests.Metrics;

public class TextUnitsTests
{
    [Theory]
    [InlineData(TextUnits.Words, "  a  b\tc\n", "a|b|c")]
    [InlineData(TextUnits.Words, "", "")]
    [InlineData(TextUnits.Characters, " ab  c ", "a|b| |c")]
    [InlineData(TextUnits.Characters, "𠮷é", "𠮷|é")]
    [InlineData(TextUnits.Graphemes, "今 天 ok", "今|天|o|k")]
    [InlineData(TextUnits.Graphemes, "กำลัง", "กำ|ลั|ง")]
    [InlineData(TextUnits.Mixed, "我用iPhone打电话", "我|用|iPhone|打|电|话")]
    [InlineData(TextUnits.Mixed, "play 周杰伦 的 song now", "play|周|杰|伦|的|song|now")]
    [InlineData(TextUnits.Mixed, "テレビ を見る 24時間", "テ|レ|ビ|を|見|る|24|時|間")]
    [InlineData(TextUnits.Mixed, "한국어 단어", "한국어|단어")]
    [InlineData(TextUnits.Mixed, "𠮷野家", "𠮷|野|家")]
    [InlineData(TextUnits.Mixed, "မြန်မာ ok", "မြ|န်|မ|ာ|ok")] // UAX 29 lets the Myanmar aa stand alone
    public void Texts_are_cut_into_units(TextUnits units, string text, string expected) =>
        Assert.Equal(expected, string.Join('|', units.Split(text)));

    [Theory]
    [InlineData("zh", TextUnits.Mixed)]
    [InlineData("zh-TW", TextUnits.Mixed)]
    [InlineData("YUE", TextUnits.Mixed)]
    [InlineData("ja_JP", TextUnits.Mixed)]
    [InlineData("thai", TextUnits.Mixed)]
    [InlineData("km", TextUnits.Mixed)]
    [InlineData("ko", TextUnits.Words)]
    [InlineData("en", TextUnits.Words)]
    [InlineData(null, TextUnits.Words)]
    public void The_language_chooses_the_unit(string? language, TextUnits expected) =>
        Assert.Equal(expected, TextUnitsExtensions.ForLanguage(language));

    [Theory]
    [InlineData("zh", "今天天气很好", "今天天汽很好", 1, 6)]
    [InlineData("zh", "打开 WiFi 设置", "打开wifi设置", 1, 5)]  // the Latin word is one unit, wrong by its case
    [InlineData("en", "good morning", "good mourning", 1, 2)]
    public void A_languages_units_are_scored(string language, string reference, string hypothesis, int errors, int length)
    {
        var scorer = new TextScorer(new TextScoringOptions { Units = TextUnitsExtensions.ForLanguage(language) });
        var counts = scorer.Score(reference, hypothesis).Counts;

        Assert.Equal((errors, length), (counts.Errors, counts.ReferenceLength));
    }

    [Theory]
    [InlineData("en-US", "Mr. Smith isn't here", "mister smith is not here", 0)]
    [InlineData("english", "colour", "color", 0)]
    [InlineData("de", "Schöne Grüße!", "schöne grüße", 0)]
    [InlineData("th", "กำลัง", "กาลัง", 1)]       // the mark counts
    [InlineData("ja", "東京、です。", "東京です", 0)]
    [InlineData(null, "A, b", "a b", 0)]
    public void The_customary_options_of_a_language_normalise_it(string? language, string reference, string hypothesis, int errors) =>
        Assert.Equal(errors, new TextScorer(TextScoringOptions.ForLanguage(language)).Score(reference, hypothesis).Counts.Errors);
}
