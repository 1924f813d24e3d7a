using System.Text.Json;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

public class TranscriptWriterTests
{
    static readonly Transcript s_plain = new()
    {
        Info = new TranscriptionInfo { Language = "en", LanguageProbability = 1, Duration = TimeSpan.FromSeconds(3725.5) },
        Segments =
        [
            Segment(0, 0, 2.5, " Hello there."),
            Segment(1, 2.5, 4, " Tabs\tand --> \"arrows\", <b> & more."),
            Segment(2, 3723.045, 3725.5, " The end."),
        ],
    };

    static readonly Transcript s_words = new()
    {
        Info = s_plain.Info,
        Segments =
        [
            Segment(0, 0, 2.4, " One two three four.", (" One", 0, 0.5), (" two", 0.5, 1), (" three", 1, 1.5), (" four.", 1.7, 2.4)),
            Segment(1, 2.4, 3.5, " Five six.", (" Five", 2.4, 3), (" six.", 3, 3.5)),
            Segment(2, 7, 8, " Seven.", (" Seven.", 7, 8)),
        ],
    };

    [Fact]
    public void Text_is_a_line_a_segment() => Snapshot(s_plain, TranscriptFormat.Text, """
        Hello there.
        Tabs and --> "arrows", <b> & more.
        The end.

        """);

    [Fact]
    public void Srt_numbers_cues_and_always_has_hours() => Snapshot(s_plain, TranscriptFormat.Srt, """
        1
        00:00:00,000 --> 00:00:02,500
        Hello there.

        2
        00:00:02,500 --> 00:00:04,000
        Tabs	and -> "arrows", <b> & more.

        3
        01:02:03,045 --> 01:02:05,500
        The end.


        """);

    [Fact]
    public void Vtt_has_hours_where_there_are_any_and_escapes_markup() => Snapshot(s_plain, TranscriptFormat.Vtt, """
        WEBVTT

        00:00.000 --> 00:02.500
        Hello there.

        00:02.500 --> 00:04.000
        Tabs	and -> "arrows", &lt;b> &amp; more.

        01:02:03.045 --> 01:02:05.500
        The end.


        """);

    [Fact]
    public void Tsv_is_milliseconds_between_tabs() =>
        Snapshot(
            s_plain, TranscriptFormat.Tsv,
            "start\tend\ttext\n0\t2500\tHello there.\n2500\t4000\tTabs and --> \"arrows\", <b> & more.\n3723045\t3725500\tThe end.\n");

    [Fact]
    public void Csv_quotes_text() => Snapshot(s_plain, TranscriptFormat.Csv, """
        start,end,text
        0,2500,"Hello there."
        2500,4000,"Tabs and --> ""arrows"", <b> & more."
        3723045,3725500,"The end."

        """);

    [Fact]
    public void Lrc_counts_minutes_beyond_the_hour() => Snapshot(s_plain, TranscriptFormat.Lrc, """
        [00:00.00]Hello there.
        [00:02.50]Tabs and --> "arrows", <b> & more.
        [62:03.04]The end.

        """);

    [Fact]
    public void Audacity_labels_are_seconds() =>
        Snapshot(
            s_plain, TranscriptFormat.Audacity,
            "0.000\t2.500\tHello there.\n2.500\t4.000\tTabs and --> \"arrows\", <b> & more.\n3723.045\t3725.500\tThe end.\n");

    [Fact]
    public void Ctm_lists_words() => Snapshot(s_words, TranscriptFormat.Ctm, """
        talk A 0.00 0.50 One 0.90
        talk A 0.50 0.50 two 0.90
        talk A 1.00 0.50 three 0.90
        talk A 1.70 0.70 four. 0.90
        talk A 2.40 0.60 Five 0.90
        talk A 3.00 0.50 six. 0.90
        talk A 7.00 1.00 Seven. 0.90

        """, new TranscriptWriterOptions { Recording = "talk", Channel = "A" });

    [Fact]
    public void Ctm_without_words_says_what_to_do() =>
        Assert.Contains(
            "word timestamps", Assert.Throws<ArgumentException>(() => TranscriptWriter.ToText(s_plain, TranscriptFormat.Ctm)).Message);

    [Fact]
    public void Json_is_the_text_alone() =>
        Snapshot(s_words, TranscriptFormat.Json, "{\"text\":\"One two three four. Five six. Seven.\"}\n");

    [Fact]
    public void Json_with_segments_is_that_of_whispers_own_command_line()
    {
        using var json = JsonDocument.Parse(
            TranscriptWriter.ToText(s_words, TranscriptFormat.Json, new TranscriptWriterOptions { JsonSegments = true }));
        var root = json.RootElement;
        Assert.Equal(["text", "segments", "language"], root.EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ("One two three four. Five six. Seven.", "en"),
            (root.GetProperty("text").GetString(), root.GetProperty("language").GetString()));
        var segment = root.GetProperty("segments")[1];
        Assert.Equal(
            ["id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob", "words"],
            segment.EnumerateObject().Select(p => p.Name));
        Assert.Equal("""{"word":" Five","start":2.4,"end":3,"probability":0.9}""", segment.GetProperty("words")[0].GetRawText());
        using var plain = JsonDocument.Parse(
            TranscriptWriter.ToText(s_plain, TranscriptFormat.Json, new TranscriptWriterOptions { JsonSegments = true }));
        Assert.False(plain.RootElement.GetProperty("segments")[0].TryGetProperty("words", out _));
    }

    [Fact]
    public void Verbose_json_has_the_fields_that_clients_read()
    {
        using var json = JsonDocument.Parse(TranscriptWriter.ToText(s_words, TranscriptFormat.VerboseJson));
        var root = json.RootElement;
        Assert.Equal(["task", "language", "duration", "text", "segments", "words"], root.EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ("transcribe", "english", 3725.5),
            (root.GetProperty("task").GetString(), root.GetProperty("language").GetString(), root.GetProperty("duration").GetDouble()));
        var segment = root.GetProperty("segments")[1];
        Assert.Equal(
            ["id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"],
            segment.EnumerateObject().Select(p => p.Name));
        Assert.Equal((1, 3000, 2.4, 3.5), (segment.GetProperty("id").GetInt32(), segment.GetProperty("seek")
            .GetInt64(), segment.GetProperty("start").GetDouble(), segment.GetProperty("end").GetDouble()));
        Assert.Equal(" Five six.", segment.GetProperty("text").GetString());
        Assert.Equal("""{"word":"Five","start":2.4,"end":3}""", root.GetProperty("words")[4].GetRawText());
    }

    [Fact]
    public void Verbose_json_without_words_has_none_and_keeps_letters()
    {
        var transcript = s_plain with { Segments = [Segment(0, 0, 1, " naïve 日本 \"x\"")] };
        var text = TranscriptWriter.ToText(transcript, TranscriptFormat.VerboseJson);
        Assert.DoesNotContain("\"words\"", text);
        Assert.Contains("naïve 日本 \\\"x\\\"", text);
    }

    [Fact]
    public void Words_keep_to_their_segments() => Snapshot(s_words, TranscriptFormat.Vtt, """
        WEBVTT

        00:00.000 --> 00:02.400
        One two three four.

        00:02.400 --> 00:03.500
        Five six.

        00:07.000 --> 00:08.000
        Seven.


        """);

    [Fact]
    public void Few_words_a_line_make_more_cues() => Snapshot(s_words, TranscriptFormat.Srt, """
        1
        00:00:00,000 --> 00:00:01,500
        One two three

        2
        00:00:01,700 --> 00:00:02,400
        four.

        3
        00:00:02,400 --> 00:00:03,500
        Five six.

        4
        00:00:07,000 --> 00:00:08,000
        Seven.


        """, new TranscriptWriterOptions { MaxWordsPerLine = 3 });

    [Fact]
    public void Narrow_lines_break_within_a_segment() => Snapshot(s_words, TranscriptFormat.Srt, """
        1
        00:00:00,000 --> 00:00:02,400
        One two
        three
        four.

        2
        00:00:02,400 --> 00:00:03,500
        Five six.

        3
        00:00:07,000 --> 00:00:08,000
        Seven.


        """, new TranscriptWriterOptions { MaxLineWidth = 9 });

    [Fact]
    public void Limited_lines_flow_across_segments_and_break_at_long_pauses() => Snapshot(s_words, TranscriptFormat.Srt, """
        1
        00:00:00,000 --> 00:00:03,000
        One two three
        four. Five

        2
        00:00:03,000 --> 00:00:03,500
        six.

        3
        00:00:07,000 --> 00:00:08,000
        Seven.


        """, new TranscriptWriterOptions { MaxLineWidth = 13, MaxLineCount = 2 });

    [Fact]
    public void Each_word_is_underlined_while_it_is_said() =>
        Snapshot(s_words with { Segments = [s_words.Segments[0]] }, TranscriptFormat.Srt, """
        1
        00:00:00,000 --> 00:00:00,500
        <u>One</u> two three four.

        2
        00:00:00,500 --> 00:00:01,000
        One <u>two</u> three four.

        3
        00:00:01,000 --> 00:00:01,500
        One two <u>three</u> four.

        4
        00:00:01,500 --> 00:00:01,700
        One two three four.

        5
        00:00:01,700 --> 00:00:02,400
        One two three <u>four.</u>


        """, new TranscriptWriterOptions { HighlightWords = true });

    [Fact]
    public void Languages_without_spaces_get_none()
    {
        var transcript = s_plain with { Segments = [Segment(0, 0, 1, "今日は", ("今日", 0, 0.5), ("は", 0.5, 1))] };
        Assert.Contains("\n今日は\n", TranscriptWriter.ToText(transcript, TranscriptFormat.Srt));
        Assert.Contains("\"text\":\"今日は今日は\"", TranscriptWriter.ToText(
            transcript with { Segments = [transcript.Segments[0], transcript.Segments[0]] }, TranscriptFormat.Json));
    }

    [Fact]
    public void Nothing_said_is_a_valid_file()
    {
        var nothing = s_plain with { Segments = [] };
        Assert.Equal("", TranscriptWriter.ToText(nothing, TranscriptFormat.Srt));
        Assert.Equal("WEBVTT\n\n", TranscriptWriter.ToText(nothing, TranscriptFormat.Vtt));
        Assert.Equal("start\tend\ttext\n", TranscriptWriter.ToText(nothing, TranscriptFormat.Tsv));
        Assert.Equal("{\"text\":\"\"}\n", TranscriptWriter.ToText(nothing, TranscriptFormat.Json));
    }

    [Fact]
    public void Cues_are_written_as_soon_as_they_are_complete()
    {
        using var output = new StringWriter();
        var writer = TranscriptWriter.Create(TranscriptFormat.Srt, output);
        writer.Write(s_plain.Segments[0]);
        Assert.Contains("Hello there.", output.ToString());
        writer.Write(s_words.Segments[0]);
        writer.Write(s_words.Segments[1]);
        Assert.Contains("four.", output.ToString());
        Assert.DoesNotContain("Five", output.ToString());
    }

    [Fact]
    public void Formats_have_names()
    {
        foreach (var name in TranscriptFormats.Names)
            Assert.Equal(name, TranscriptFormats.Names[(int)TranscriptFormats.Parse(name.ToUpperInvariant())]);
        Assert.Equal(Enum.GetValues<TranscriptFormat>().Length, TranscriptFormats.Names.Count);
        Assert.Contains("verbose_json", Assert.Throws<ArgumentException>(() => TranscriptFormats.Parse("docx")).Message);
        Assert.Throws<ArgumentException>(
            () => TranscriptWriter.Create(TranscriptFormat.Srt, TextWriter.Null, new TranscriptWriterOptions { MaxLineWidth = 0 }));
    }

    [Fact]
    public async Task Files_are_never_half_written()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            var path = Path.Combine(folder, "talk.txt");
            await TranscriptWriter.WriteFileAsync(path, s_plain, TranscriptFormat.Text);
            var before = await File.ReadAllTextAsync(path);
            await Assert.ThrowsAsync<ArgumentException>(() => TranscriptWriter.WriteFileAsync(path, s_plain, TranscriptFormat.Ctm));
            Assert.Equal(before, await File.ReadAllTextAsync(path));
            Assert.Equal([path], Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static void Snapshot(Transcript transcript, TranscriptFormat format, string expected, TranscriptWriterOptions? options = null) =>
        Assert.Equal(expected.ReplaceLineEndings("\n"), TranscriptWriter.ToText(transcript, format, options));

    static Segment Segment(int id, double start, double end, string text, params (string Text, double Start, double End)[] words) => new()
    {
        Id = id,
        Seek = TimeSpan.FromSeconds(30 * id),
        Start = TimeSpan.FromSeconds(start),
        End = TimeSpan.FromSeconds(end),
        Text = text,
        Tokens = [50364, 1, 2],
        AvgLogprob = -0.25f,
        CompressionRatio = 1.5f,
        Words = words.Length == 0
            ? null
            : [.. words.Select(w => new Word(w.Text, TimeSpan.FromSeconds(w.Start), TimeSpan.FromSeconds(w.End), 0.9f))],
    };
}
