using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests.Metrics;

/// <summary>
/// The behaviour of the reference's own tests (openai/whisper, tests/test_normalizer.py), and cases run through the reference.
/// </summary>
public class EnglishTextNormalizerTests
{
    [Theory]
    [InlineData("two", "2")]
    [InlineData("thirty one", "31")]
    [InlineData("five twenty four", "524")]
    [InlineData("nineteen ninety nine", "1999")]
    [InlineData("twenty nineteen", "2019")]
    [InlineData("two point five million", "2500000")]
    [InlineData("four point two billions", "4200000000s")]
    [InlineData("200 thousand", "200000")]
    [InlineData("200 thousand dollars", "$200000")]
    [InlineData("$20 million", "$20000000")]
    [InlineData("€52.4 million", "€52400000")]
    [InlineData("£77 thousands", "£77000s")]
    [InlineData("two double o eight", "2008")]
    [InlineData("three thousand twenty nine", "3029")]
    [InlineData("forty three thousand two hundred sixty", "43260")]
    [InlineData("forty three thousand two hundred and sixty", "43260")]
    [InlineData("nineteen fifties", "1950s")]
    [InlineData("thirty first", "31st")]
    [InlineData("thirty three thousand and three hundred and thirty third", "33333rd")]
    [InlineData("three billion", "3000000000")]
    [InlineData("millions", "1000000s")]
    [InlineData("july third twenty twenty", "july 3rd 2020")]
    [InlineData("august twenty sixth twenty twenty one", "august 26th 2021")]
    [InlineData("3 14", "3 14")]
    [InlineData("3.14", "3.14")]
    [InlineData("3 point 2", "3.2")]
    [InlineData("3 point 14", "3.14")]
    [InlineData("fourteen point 4", "14.4")]
    [InlineData("two point two five dollars", "$2.25")]
    [InlineData("two hundred million dollars", "$200000000")]
    [InlineData("$20.1 million", "$20100000")]
    [InlineData("ninety percent", "90%")]
    [InlineData("seventy six per cent", "76%")]
    [InlineData("double oh seven", "007")]
    [InlineData("double zero seven", "007")]
    [InlineData("nine one one", "911")]
    [InlineData("nine double one", "911")]
    [InlineData("one triple oh one", "10001")]
    [InlineData("two thousandth", "2000th")]
    [InlineData("thirty two thousandth", "32000th")]
    [InlineData("minus 500", "-500")]
    [InlineData("positive twenty thousand", "+20000")]
    [InlineData("two dollars and seventy cents", "$2.70")]
    [InlineData("3 cents", "¢3")]
    [InlineData("$0.36", "¢36")]
    [InlineData("three euros and sixty five cents", "€3.65")]
    [InlineData("three and a half million", "3500000")]
    [InlineData("forty eight and a half dollars", "$48.5")]
    [InlineData("b747", "b 747")]
    [InlineData("10 th", "10th")]
    [InlineData("10th", "10th")]
    public void Numbers_are_written_as_the_reference_tests_say(string spoken, string expected)
    {
        Assert.Equal(expected, new EnglishTextNormalizer().Normalize(spoken));
        Assert.Equal(expected, EnglishNumbers.Normalize(spoken));
    }

    [Theory]
    [InlineData("mobilisation", "mobilization")]
    [InlineData("cancelation", "cancellation")]
    [InlineData("Let's", "let us")]
    [InlineData("he's like", "he is like")]
    [InlineData("she's been like", "she has been like")]
    [InlineData("10km", "10 km")]
    [InlineData("10mm", "10 mm")]
    [InlineData("RC232", "rc 232")]
    [InlineData("Mr. Park visited Assoc. Prof. Kim Jr.", "mister park visited associate professor kim junior")]
    public void Texts_are_written_as_the_reference_tests_say(string text, string expected) =>
        Assert.Equal(expected, new EnglishTextNormalizer().Normalize(text));

    // What the reference gives, run on these texts (white space at the ends dropped).
    [Theory]
    [InlineData("", "")]
    [InlineData("   ", "")]
    [InlineData("Hello,   WORLD!\t\n", "hello world")]
    [InlineData("[laughter] well <unk> (coughs) yes", "well yes")]
    [InlineData("()", "")]
    [InlineData("um, uh... hmm", ".")]
    [InlineData("hummus", "hummus")]
    [InlineData("the cat's mat", "the cat is mat")]
    [InlineData("the cats' mat", "the cats mat")]
    [InlineData("I ' m here", "i m here")]
    [InlineData("I'd've gone", "i would have gone")]
    [InlineData("won't can't ain't", "will not can not aint")]
    [InlineData("y'all wanna", "you all want to")]
    [InlineData("St. John's", "saint john is")]
    [InlineData("Dr. Who", "doctor who")]
    [InlineData("$1", "one")]
    [InlineData("one dollar", "one")]
    [InlineData("1,000,000 people", "1000000 people")]
    [InlineData("10,5", "105")]
    [InlineData("twenty-one", "21")]
    [InlineData("one hundred and one", "101")]
    [InlineData("a hundred", "a 100")]
    [InlineData("nine point five percent", "9.5%")]
    [InlineData("50 %", "50")]
    [InlineData("0.5", "0.5")]
    [InlineData("zero point five", "0.5")]
    [InlineData("0 point five", ".5")]
    [InlineData("ninth nineth", "ninth 9th")]
    [InlineData("21st century", "21st century")]
    [InlineData("the 1990s", "the 1990s")]
    [InlineData("5 pounds and 3 cents", "£5.03")]
    [InlineData("café naïve", "cafe naive")]
    [InlineData("Œuvre straße Łódź", "oeuvre strasse lodz")]
    [InlineData("½ cup", "one 2 cup")]
    [InlineData("２０ ﬁsh", "20 fish")]
    [InlineData("colour of aluminium", "color of aluminum")]
    [InlineData("cancelled travelling", "canceled traveling")]
    [InlineData("U.S.A.", "u s a")]
    [InlineData("e-mail", "e mail")]
    [InlineData("192.168.0.1", "192.168.0 one")]
    [InlineData("three and a half", "3.5")]
    [InlineData("and a half", "")]
    [InlineData("one two three", "123")]
    [InlineData("ten ten", "1010")]
    [InlineData("two thousand and twenty six", "2026")]
    [InlineData("oh seven hundred", "700")]
    [InlineData("double trouble", "double trouble")]
    [InlineData("minus one", "-one")]
    [InlineData("C#", "c")]
    [InlineData("日本語", "日本語")]
    [InlineData("half past five", "half past 5")]
    [InlineData("per cent", "per cent")]
    public void Edge_cases_come_out_as_from_the_reference(string text, string expected) =>
        Assert.Equal(expected, new EnglishTextNormalizer().Normalize(text));

    // What the leaderboard's own normaliser of August 2026 gives.
    [Theory]
    [InlineData("ah, eh... the cat", "the cat")]
    [InlineData("the cat's mat", "the cat s mat")]
    [InlineData("it's John's", "it is john s")]
    [InlineData("wi-fi and e-mail", "wifi and email")]
    [InlineData("B B C 5 G", "bbc5g")]
    [InlineData("a b", "a b")]
    [InlineData("a b c", "abc")]
    [InlineData("all right, OK", "alright okay")]
    [InlineData("Stephen and Katherine", "steven and catherine")]
    [InlineData("kay etcetera", "okay etc")]
    [InlineData("archaeology", "archeology")]
    [InlineData("flyer", "flier")]
    [InlineData("7 a.m.", "7 am")]
    [InlineData("um uhuh", "")]
    public void Leaderboard_rules_come_out_as_from_the_leaderboard(string text, string expected) =>
        Assert.Equal(expected, new EnglishTextNormalizer(EnglishRules.OpenAsrLeaderboard).Normalize(text));

    [Fact]
    public void Long_texts_of_opening_brackets_take_no_long_time()
    {
        var brackets = new string('(', 200_000) + new string('<', 200_000);

        Assert.Equal("", new EnglishTextNormalizer().Normalize(brackets));
    }

    [Fact]
    public void Numbers_of_very_many_digits_are_left_as_written()
    {
        var digits = new string('7', 300_000);

        Assert.Equal(digits + " 1000000", new EnglishTextNormalizer().Normalize(digits + " million"));
    }
}
