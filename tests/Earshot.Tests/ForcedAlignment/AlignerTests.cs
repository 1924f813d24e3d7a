using System.Text.Json;
using Earshot.ForcedAlignment;
using Earshot.Tests.Recognition;
using Earshot.Transcription;

namespace Earshot.Tests.ForcedAlignment;

/// <summary>Texts aligned with what a CTC model hears, of which every position is known.</summary>
public sealed class AlignerTests
{
    [Fact]
    public async Task Words_get_the_times_of_their_letters()
    {
        var script = new ScriptedLetters().Pause(40).Say("ASK").Pause(20).Say("NOT").Say("WHAT").Pause(70).Say("YOUR").Pause(30);
        var alignment = await AlignAsync(script, "Ask not what\nyour.");
        Assert.Equal(AlignmentVerdict.Matches, alignment.Verdict);
        Assert.Equal(["Ask", " not", " what", " your."], alignment.Words.Select(word => word.Text));
        foreach (var (word, said) in alignment.Words.Zip(script.Words))
        {
            Assert.Equal(said.Start * 0.02, word.Start.TotalSeconds, 0.021);
            Assert.Equal(said.End * 0.02, word.End.TotalSeconds, 0.021);
            Assert.InRange(word.Score!.Value, 0.9f, 1);
            Assert.Equal(said.Text, string.Concat(word.Characters.Select(character => character.Text)), ignoreCase: true);
            Assert.Equal((word.Start, word.End), (word.Characters[0].Start, word.Characters[^1].End));
        }
        Assert.Equal(["Ask not what", " your."], alignment.Segments.Select(segment => segment.Text));
        Assert.Empty(alignment.SpeechWithoutText);
        Assert.Empty(alignment.WordsWithoutSpeech);
    }

    [Theory]
    [InlineData(5, 3_000)]
    [InlineData(6, 20_000)]
    public async Task Long_recordings_keep_their_times(int seed, int positions)
    {
        var script = ScriptedLetters.Random(seed, positions);
        var alignment = await AlignAsync(script, script.Text);
        Assert.Equal(AlignmentVerdict.Matches, alignment.Verdict);
        Assert.Equal(script.Words.Count, alignment.Words.Count);
        foreach (var (word, said) in alignment.Words.Zip(script.Words))
        {
            Assert.Equal(said.Start * 0.02, word.Start.TotalSeconds, 0.021);
            Assert.Equal(said.End * 0.02, word.End.TotalSeconds, 0.021);
        }
    }

    [Fact]
    public async Task Capitals_apostrophes_and_composed_letters_make_no_difference()
    {
        var script = new ScriptedLetters().Pause(10).Say("DON'T").Pause(9).Say("CAFE").Pause(8).Say("STRASSE").Pause(5);
        var plain = await AlignAsync(script, "DON'T CAFE STRASSE");
        foreach (var text in (string[])["don’t café straße", "Don't cafe\u0301 Straße", "DONʼT CAFÉ, (STRASSE)!"])
        {
            var alignment = await AlignAsync(script, text);
            Assert.Equal(plain.Words.Select(word => (word.Start, word.End)), alignment.Words.Select(word => (word.Start, word.End)));
            Assert.Equal(text, string.Concat(alignment.Words.Select(word => word.Text)));
        }
    }

    [Fact]
    public async Task What_cannot_be_spelled_keeps_its_place()
    {
        var script = new ScriptedLetters().Pause(10);
        foreach (var word in (string[])["ASK", "NOT", "NINETEEN", "WHAT", "POUNDS", "CAN", "DO"]) script.Say(word);
        script.Pause(9);
        var alignment = await AlignAsync(script, "ask not 1961, what £13.60 — can ... do");
        Assert.Equal(["ask", " not", " 1961,", " what", " £13.60", " —", " can", " ...", " do"], alignment.Words.Select(word => word.Text));
        Assert.Equal([2, 4, 5, 7], alignment.Words.Index().Where(word => word.Item.Score is null).Select(word => word.Index));
        CheckOrder(alignment);
        foreach (var (at, said) in new[] { (0, 0), (1, 1), (3, 3), (6, 5), (8, 6) })
            Assert.Equal(script.Words[said].Start * 0.02, alignment.Words[at].Start.TotalSeconds, 0.021);
        // What stands for anything takes all of its neighbours but one position.
        Assert.InRange(alignment.Words[2].Start.TotalSeconds, (script.Words[1].End - 2) * 0.02, script.Words[2].Start * 0.02 + 0.05);
        var transcript = alignment.ToTranscript();
        Assert.Contains("1961", TranscriptWriter.ToText(transcript, TranscriptFormat.Srt), StringComparison.Ordinal);
        Assert.Contains("£13.60", TranscriptWriter.ToText(transcript, TranscriptFormat.Srt), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_of_punctuation_stop_nothing()
    {
        var script = new ScriptedLetters().Say("ASK").Say("NOT").Pause(50).Say("WHAT");
        var text = $"...\nAsk not\n♪\n\n—\nwhat\n{new string('!', 300)}\n";
        var alignment = await AlignAsync(script, text);
        Assert.Equal(
            ["...", " Ask not", " ♪", " —", " what", " " + new string('!', 300)], alignment.Segments.Select(segment => segment.Text));
        CheckOrder(alignment);
        var refused = await Assert.ThrowsAsync<ModelException>(() => AlignAsync(script, " ... \n —"));
        Assert.Contains("no words", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("日本語のテキスト。")]
    [InlineData("今天天气很好")]
    [InlineData("สวัสดีครับ")]
    [InlineData("مرحبا بالعالم")]
    public async Task A_script_that_the_model_does_not_write_is_refused(string text)
    {
        var refused = await Assert.ThrowsAsync<ModelException>(() => AlignAsync(new ScriptedLetters().Say("WORD"), text));
        Assert.Contains("script", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("日本語abcのテキスト。また\n明日")]
    [InlineData("今天2024年天气很好，OK。")]
    [InlineData("สวัสดีครับ ทุกคน")]
    [InlineData("Ask not\u00A0what  your\tcountry")]
    public void Texts_come_back_unchanged(string text)
    {
        var units = TextUnits.Of(text);
        Assert.Equal(text.Replace("\n", "", StringComparison.Ordinal), string.Concat(units.Select(unit => unit.Text)));
        Assert.All(units, unit => Assert.NotEqual("", unit.Word));
    }

    [Fact]
    public async Task Speech_that_is_not_in_the_text_is_told()
    {
        var script = new ScriptedLetters().Pause(600).Say("ASK").Say("NOT").Say("WHAT").Pause(100);
        int said = script.Positions;
        var random = new Random(2);
        while (script.Positions < said + 3000)
            script.Say(string.Concat(Enumerable.Range(0, 5).Select(_ => (char)('A' + random.Next(26))))).Pause(random.Next(8));
        var alignment = await AlignAsync(script, "ask not what");
        Assert.Equal(AlignmentVerdict.MatchesInParts, alignment.Verdict);
        Assert.Equal(script.Words[2].End * 0.02, alignment.Words[2].End.TotalSeconds, 0.021);
        Assert.Equal(12, alignment.Words[0].Start.TotalSeconds, 0.021);
        Assert.InRange(alignment.SpeechWithoutText.Sum(range => range.Duration.TotalSeconds), 55, 61);
    }

    [Fact]
    public async Task Words_that_are_not_said_are_told()
    {
        var script = ScriptedLetters.Random(11, 1500);
        var other = await AlignAsync(script, ScriptedLetters.Random(12, 1000).Text);
        Assert.Equal(AlignmentVerdict.DoesNotMatch, other.Verdict);
        Assert.InRange(other.WordsWithoutSpeech.Count, other.Words.Count * 0.6, other.Words.Count);
        CheckOrder(other);

        var said = new ScriptedLetters().Say("ASK").Say("NOT").Pause(200).Say("YOU").Say("CAN").Say("DO").Pause(30);
        var more = await AlignAsync(said, "ask not whatever you can do");
        Assert.Equal((AlignmentVerdict.MatchesInParts, 2), (more.Verdict, Assert.Single(more.WordsWithoutSpeech)));
        await Assert.ThrowsAsync<ModelException>(() => AlignAsync(said, string.Concat(Enumerable.Repeat("word ", 500))));
    }

    [Fact]
    public async Task Formats_hold_every_word_in_order()
    {
        var script = new ScriptedLetters().Pause(10).Say("ASK").Say("NOT").Pause(4);
        var alignment = await AlignAsync(script, "Ask \"not\" 7");
        using var json = JsonDocument.Parse(AlignmentWriter.ToJson(alignment));
        var words = json.RootElement.GetProperty("segments")[0].GetProperty("words");
        Assert.Equal(["Ask", " \"not\"", " 7"], words.EnumerateArray().Select(word => word.GetProperty("word").GetString()));
        Assert.True(words[2].GetProperty("guessed").GetBoolean());
        Assert.False(words[2].TryGetProperty("score", out _));
        Assert.Equal("matches", json.RootElement.GetProperty("verdict").GetString());
        Assert.Equal(3, words[1].GetProperty("characters").GetArrayLength());

        var grid = AlignmentWriter.ToTextGrid(alignment);
        Assert.Contains("text = \"\"\"not\"\"\"", grid, StringComparison.Ordinal);
        Assert.Equal(3, grid.Split("class = \"IntervalTier\"").Length - 1);
        CheckTiers(grid, alignment.Duration.TotalSeconds);
    }

    // Each tier begins at 0, has no gap, and ends with the recording.
    static void CheckTiers(string grid, double end)
    {
        foreach (var tier in grid.Split("    item [")[1..])
        {
            var times = tier.Split('\n').Where(line => line.StartsWith("            x", StringComparison.Ordinal))
                .Select(line => double.Parse(line.Split('=')[1], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
            Assert.Equal((0, end), (times[0], times[^1]));
            for (int i = 1; i + 1 < times.Length; i += 2) Assert.Equal(times[i], times[i + 1]);
        }
    }

    static void CheckOrder(TextAlignment alignment)
    {
        Assert.All(alignment.Words, word => Assert.True(word.Start < word.End, word.ToString()));
        Assert.All(alignment.Words.Zip(alignment.Words.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start, $"{pair}"));
        Assert.InRange(alignment.Words[0].Start, TimeSpan.Zero, alignment.Duration);
        Assert.True(alignment.Words[^1].End <= alignment.Duration);
    }

    static async Task<TextAlignment> AlignAsync(ScriptedLetters script, string text)
    {
        using var runtime = script.Open();
        using var aligner = new Aligner(runtime.Recognizer);
        return await aligner.AlignAsync(new MemorySamples(script.Samples(80)), text);
    }
}
