using Earshot.Live;
using Earshot.Recognition;

namespace Earshot.Tests.Live;

public class GuardTests
{
    [Fact]
    public void A_loop_that_looks_at_one_place_is_cut_after_its_first_round()
    {
        var words = Said("so this is", 0.3).Concat(Stuck("very good very good very good very good", 1)).ToList();
        Assert.Equal(5, LoopGuard.Sound([], words));
    }

    [Fact]
    public void What_is_said_again_and_again_stays()
    {
        Assert.Equal(6, LoopGuard.Sound([], Said("no no no no no no", 0.25)));
        Assert.Equal(9, LoopGuard.Sound([], Said("row your boat row your boat row your boat", 0.2)));
    }

    [Fact]
    public void A_settled_phrase_that_is_read_once_more_is_left_out()
    {
        var settled = Said("she had been out", 0.3);
        // The copy looks where the phrase was said.
        Assert.Equal(0, LoopGuard.Sound(settled, Said("she had been out", 0.3)));
        Assert.Equal(0, LoopGuard.Sound(settled, Said("she had been", 0.3)));
        // Said once more, it is further on.
        Assert.Equal(4, LoopGuard.Sound(settled, [.. Said("she had been out", 0.3).Select(word => Later(word, 2))]));
        Assert.Equal(2, LoopGuard.Sound(settled, Said("she had", 0.3)));
    }

    [Fact]
    public void Text_copied_from_the_prompt_is_known_by_six_tokens_in_a_row()
    {
        int[] prompt = [.. Enumerable.Range(100, 20)];
        Assert.True(EchoGuard.IsEcho(prompt, [Word(7), Word(104, 105, 106), Word(107, 108, 109)]));
        Assert.False(EchoGuard.IsEcho(prompt, [Word(7), Word(104, 105, 106), Word(107, 108), Word(110)]));
        Assert.False(EchoGuard.IsEcho([], [Word(104, 105, 106), Word(107, 108, 109)]));
    }

    [Theory]
    [InlineData(" Hello,", " hello", true)]
    [InlineData(" it's", " its", true)]
    [InlineData(" ÄHNLICH", " ähnlich.", true)]
    [InlineData(" cat", " cats", false)]
    [InlineData(",", ".", false)]
    [InlineData(",", ",", true)]
    [InlineData("", " a", false)]
    public void Words_are_the_same_by_what_is_spoken(string a, string b, bool same)
    {
        Assert.Equal(same, SpokenForm.Same(a, b));
        Assert.Equal(same, SpokenForm.Same(b, a));
    }

    [Fact]
    public void A_short_piece_does_not_change_a_language_that_is_sure()
    {
        var tracker = Sure("de");
        Assert.Equal("de", tracker.Choose(Detected("en", 0.95f), 1.5));
        // The next turn confirms what the one before seemed to say.
        tracker.BeginTurn();
        Assert.Equal("en", tracker.Choose(Detected("en", 0.9f), 1.2));
    }

    [Fact]
    public void Three_seconds_of_another_language_change_it_at_once()
    {
        Assert.Equal("en", Sure("de").Choose(Detected("en", 0.9f), 3));
        Assert.Equal("de", Sure("de").Choose(Detected("en", 0.7f), 6));
    }

    [Fact]
    public void A_language_that_was_given_is_never_asked_for()
    {
        var tracker = new LanguageTracker("de", true);
        Assert.False(tracker.Asks(5, true));
        Assert.Equal("de", tracker.Current);
    }

    static LanguageTracker Sure(string language)
    {
        var tracker = new LanguageTracker(null, true);
        Assert.True(tracker.Asks(0.5, false));
        tracker.Choose(Detected(language, 0.99f), 4);
        tracker.BeginTurn();
        return tracker;
    }

    static LanguageDetection Detected(string language, float probability) => new(language, probability, new Dictionary<string, float>());

    static List<HeardWord> Said(string text, double each) => [.. text.Split(' ').Select((word, i) =>
        new HeardWord($" {word}", [i], i * each, (i + 1) * each, ((i + 1) * each) - 0.05, 0.9f))];

    static HeardWord Later(HeardWord word, double by) =>
        word with { Start = word.Start + by, End = word.End + by, Attended = word.Attended + by };

    static HeardWord Word(params int[] tokens) => new(" word", tokens, 0, 0, 0, 1);

    static IEnumerable<HeardWord> Stuck(string text, double at) =>
        text.Split(' ').Select((word, i) => new HeardWord($" {word}", [i], at, at + 0.02, at, 0.3f));
}
