using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>Rules of writing, one by one.</summary>
public sealed class TextRulesTests
{
    [Theory]
    [InlineData("zh", "今天 天气 很 好", "今天天气很好")]
    [InlineData("zh", "我 用 Windows 系统", "我用 Windows 系统")] // foreign words keep theirs
    [InlineData("ja", "今日 は いい 天気 です", "今日はいい天気です")]
    [InlineData("ja", "カタ カナ 𠮷 野 家", "カタカナ𠮷野家")]
    [InlineData("ko", "오늘 날씨가 좋아요 .", "오늘 날씨가 좋아요.")]
    [InlineData("th", "สวัสดี ครับ", "สวัสดี ครับ")] // spaces part phrases
    [InlineData("en", "So  it   is , he said .", "So it is, he said.")]
    [InlineData("en", "it is .5 or 3 , 4", "it is .5 or 3, 4")]
    [InlineData("fr", "Vraiment ? Oui , oui !", "Vraiment ? Oui, oui !")]
    [InlineData("de", "Ja ! Nein ?", "Ja! Nein?")]
    [InlineData(null, " So it is", " So it is")] // the space before a segment stays
    public void Spacing(string? language, string text, string expected) => Check(new() { Spacing = true }, language, text, expected);

    [Theory]
    [InlineData("zh", "你好,今天好吗?好.", "你好，今天好吗？好。")]
    [InlineData("zh", "圆周率是3.14,对吧", "圆周率是3.14,对吧")] // after a number and a foreign word as it is
    [InlineData("ja", "はい,そうです.", "はい、そうです。")]
    [InlineData("ja", "あの...はい", "あの...はい")]
    [InlineData("yue", "好!", "好！")]
    [InlineData("ko", "네，그래요。", "네,그래요.")]
    [InlineData("ar", "هل تسمعني? نعم, أسمعك; شكرا.", "هل تسمعني؟ نعم، أسمعك؛ شكرا.")]
    [InlineData("fa", "خوبی?", "خوبی؟")]
    [InlineData("ur", "کیا حال ہے? ٹھیک.", "کیا حال ہے؟ ٹھیک۔")]
    [InlineData("ar", "٣,٥ و 3,5", "٣,٥ و 3,5")]
    [InlineData("he", "מה שלומך?", "מה שלומך?")]
    [InlineData("en", "So it is, is it?", "So it is, is it?")]
    [InlineData(null, "你好,", "你好,")]
    public void Punctuation(string? language, string text, string expected) =>
        Check(new() { Punctuation = true }, language, text, expected);

    [Theory]
    [InlineData("ar", "مَرْحَبًا", "مرحبا")]
    [InlineData("ar", "كتـــاب", "كتاب")]
    [InlineData("he", "שָׁלוֹם עֲלֵיכֶם", "שלום עליכם")]
    [InlineData("he", "בֵּית־סֵפֶר", "בית־ספר")] // the hyphen is no point
    [InlineData("ar", "\u202bأهلا\u202c\u200f", "أهلا")]
    [InlineData("en", "naïve café", "naïve café")]
    public void Marks(string language, string text, string expected) => Check(new() { StripMarks = true }, language, text, expected);

    [Theory]
    [InlineData(DigitForm.Ascii, "ar", "عام ٢٠٢٦", "عام 2026")]
    [InlineData(DigitForm.Ascii, "zh", "２０２６年", "2026年")]
    [InlineData(DigitForm.Ascii, "hi", "१२", "12")]
    [InlineData(DigitForm.Ascii, null, "๑๒", "12")]
    [InlineData(DigitForm.Native, "ar", "عام 2026", "عام ٢٠٢٦")]
    [InlineData(DigitForm.Native, "fa", "2026", "۲۰۲۶")]
    [InlineData(DigitForm.Native, "th", "12", "๑๒")]
    [InlineData(DigitForm.Native, "en", "٤2", "42")]
    public void Digits(DigitForm form, string? language, string text, string expected) =>
        Check(new() { Digits = form }, language, text, expected);

    [Theory]
    [InlineData(TextCasing.Sentence, "en", "AND SO I SAID. IT'S TRUE, I'M SURE", "And so I said. It's true, I'm sure")]
    [InlineData(TextCasing.Sentence, "en", "visit example.com. it is I", "Visit example.com. It is I")]
    [InlineData(TextCasing.Sentence, "en", "\"so!\" he said", "\"So!\" He said")]
    [InlineData(TextCasing.Sentence, "nl", "IJS IS KOUD. IJ", "IJs is koud. IJ")]
    [InlineData(TextCasing.Sentence, "tr", "İYİ AKŞAMLAR. ISPARTA", "İyi akşamlar. Isparta")]
    [InlineData(TextCasing.Sentence, "tr", "iyi", "İyi")]
    [InlineData(TextCasing.Lower, "tr", "ISPARTA", "ısparta")]
    [InlineData(TextCasing.Lower, "en", "ISPARTA", "isparta")]
    [InlineData(TextCasing.Lower, "el", "ΟΔΟΣ ΣΑΣ", "οδος σας")]
    [InlineData(TextCasing.Upper, "tr", "istanbul", "İSTANBUL")]
    [InlineData(TextCasing.Upper, "de", "schön", "SCHÖN")]
    public void Casing(TextCasing casing, string language, string text, string expected) =>
        Check(new() { Casing = casing }, language, text, expected);

    [Fact]
    public void What_follows_changes_no_word_that_was_written()
    {
        var random = new Random(7);
        string[] words =
        [
            " AND", " I", " said", ",", ".", "...", " 3", ".5", "你", "好", " 吗", "?", " はい", "٣", " هل", "مَ", " ij", "İ", "Σ",
            " ", "  x", "¿qué", "\"",
        ];
        string?[] languages = ["en", "zh", "ja", "ar", "nl", "tr", "el", "fr", null];
        for (int round = 0; round < 2000; round++)
        {
            var rules = new TextRules
            {
                Spacing = random.Next(2) == 0,
                Punctuation = random.Next(2) == 0,
                StripMarks = random.Next(2) == 0,
                Digits = (DigitForm)random.Next(3),
                Casing = (TextCasing)random.Next(4),
            };
            var language = languages[random.Next(languages.Length)];
            string[] said = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => words[random.Next(words.Length)])];
            var whole = Rewritten(rules, language, said);
            int cut = random.Next(said.Length);
            Assert.Equal(whole[..cut], Rewritten(rules, language, said[..cut]));
        }
    }

    [Fact]
    public void A_text_that_goes_on_begins_no_sentence()
    {
        var rules = new TextRules { Casing = TextCasing.Sentence };
        Assert.Equal(" went. On", new TextRewriter(rules, continues: true).Next(" WENT. ON", "en"));
        Assert.Equal(" Went. On", new TextRewriter(rules).Next(" WENT. ON", "en"));
    }

    [Theory]
    [InlineData("none", false)]
    [InlineData("auto", true)]
    public void Rules_are_named(string names, bool any) => Assert.Equal(any ? TextRules.Auto : null, TextRules.Parse(names));

    [Fact]
    public void All_names_are_known_and_others_are_told()
    {
        foreach (var name in TextRules.Names) Assert.NotEqual(new TextRules(), TextRules.Parse(name));
        Assert.Equal(
            new TextRules { Spacing = true, Punctuation = true, Digits = DigitForm.Ascii, Casing = TextCasing.Lower },
            TextRules.Parse("auto, digits=ascii,casing=lower"));
        Assert.Contains("'x'", Assert.Throws<FormatException>(() => TextRules.Parse("auto,x")).Message, StringComparison.Ordinal);
        var twice = Assert.Throws<FormatException>(() => TextRules.Parse("casing=lower,casing=upper"));
        Assert.Contains("two forms", twice.Message, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => TextRules.Parse(""));
    }

    [Fact]
    public async Task Words_joined_stay_their_segment_s_text()
    {
        var segments = new[]
        {
            Segment("zh", "你好 ,", "你", "好", " ,"),
            Segment("zh", " 今天 好", " 今天", " 好"),
            Segment("en", " so it is .", "something else"),
        };
        var rewritten = new List<Segment>();
        await foreach (var segment in Stream(segments).Rewritten(TextRules.Auto, false, TestContext.Current.CancellationToken))
            rewritten.Add(segment);
        Assert.Equal(["你好，", "今天好", " so it is."], rewritten.Select(segment => segment.Text));
        Assert.Equal(["你", "好", "，"], rewritten[0].Words!.Select(word => word.Text));
        Assert.Equal(segments[0].Words!.Select(word => word.Start), rewritten[0].Words!.Select(word => word.Start));

        static async IAsyncEnumerable<Segment> Stream(IEnumerable<Segment> segments)
        {
            foreach (var segment in segments)
            {
                await Task.Yield();
                yield return segment;
            }
        }
    }

    static Segment Segment(string language, string text, params string[] words) => new()
    {
        Text = text,
        Language = language,
        Words = [.. words.Select((word, i) => new Word(word, TimeSpan.FromSeconds(i), TimeSpan.FromSeconds(i + 1), 1))],
    };

    static string[] Rewritten(TextRules rules, string? language, string[] words)
    {
        var rewriter = new TextRewriter(rules);
        return [.. words.Select(word => rewriter.Next(word, language))];
    }

    static void Check(TextRules rules, string? language, string text, string expected) =>
        Assert.Equal(expected, new TextRewriter(rules).Next(text, language));
}
