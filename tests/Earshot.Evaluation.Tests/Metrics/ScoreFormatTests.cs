using System.Text;
using Earshot.Evaluation.Metrics;
using static Earshot.Evaluation.Tests.Metrics.MetricsBuilders;

namespace Earshot.Evaluation.Tests.Metrics;

public class ScoreFormatTests
{
    [Fact]
    public void Reads_rttm_and_passes_over_other_types_and_comments()
    {
        // The first line is the example of dscore's documentation.
        var turns = Rttm.Read(new StringReader(
            """
            SPEAKER CMU_20020319-1400_d01_NONE 1 130.430000 2.350 <NA> <NA> juliet <NA> <NA>
            ;; a comment

            SPKR-INFO CMU 1 <NA> <NA> <NA> unknown juliet <NA>
            SPEAKER CMU 2 0 1e1 <NA> <NA> tbc <NA>
            """), "x.rttm");

        Assert.Equal(
            [
                new SpeakerTurn
                {
                    Session = "CMU_20020319-1400_d01_NONE",
                    Channel = "1",
                    Start = Seconds("130.43"),
                    End = Seconds("132.78"),
                    Speaker = "juliet",
                },
                new SpeakerTurn { Session = "CMU", Channel = "2", Start = TimeSpan.Zero, End = TimeSpan.FromSeconds(10), Speaker = "tbc" },
            ],
            turns);
    }

    [Theory]
    [InlineData("SPEAKER f 1 0 1 <NA> <NA> a", "9 or 10 fields, got 8")]
    [InlineData("SPEKER f 1 0 1 <NA> <NA> a <NA> <NA>", "SPEKER")]
    [InlineData("SPEAKER f 1 x 1 <NA> <NA> a <NA> <NA>", "the start in seconds, got 'x'")]
    [InlineData("SPEAKER f 1 0 -1 <NA> <NA> a <NA> <NA>", "the duration must lie between")]
    [InlineData("SPEAKER f 1 0 NaN <NA> <NA> a <NA> <NA>", "the duration in seconds, got 'NaN'")]
    [InlineData("SPEAKER f 1 0 1e99 <NA> <NA> a <NA> <NA>", "the duration")]
    public void A_malformed_rttm_line_is_refused_with_its_place(string line, string problem)
    {
        var exception = Assert.Throws<ScoreFormatException>(() => Rttm.Read(new StringReader(";; first\n" + line), "x.rttm"));

        Assert.StartsWith("x.rttm, line 2: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
        Assert.Equal(2, exception.Line);
    }

    [Fact]
    public void Reads_uem()
    {
        var region = Assert.Single(Uem.Read(new StringReader("S01 1 60.001 79.003\n"), "x.uem"));

        Assert.Equal(("S01", "1", Seconds("60.001"), Seconds("79.003")), (region.Session, region.Channel, region.Start, region.End));
        Assert.Throws<ScoreFormatException>(() => Uem.Read(new StringReader("S01 1 79 60"), "x.uem"));
        Assert.Throws<ScoreFormatException>(() => Uem.Read(new StringReader("S01 79 60"), "x.uem"));
    }

    [Fact]
    public void Reads_ctm_with_and_without_confidence()
    {
        var words = Ctm.Read(new StringReader("rec1 0 10 2 Hello 0.5\nrec1 0 12 .5 World\nrec1 0 13 1 x NA"), "x.ctm");

        Assert.Equal(["Hello", "World", "x"], words.Select(word => word.Word));
        Assert.Equal([0.5, null, null], words.Select(word => word.Confidence));
        Assert.Equal(Seconds("12.5"), words[1].End);
        Assert.Throws<ScoreFormatException>(() => Ctm.Read(new StringReader("rec1 0 10 2"), "x.ctm"));
        Assert.Throws<ScoreFormatException>(() => Ctm.Read(new StringReader("rec1 0 10 2 a b"), "x.ctm"));
    }

    [Fact]
    public void Reads_stm_with_labels_and_empty_texts()
    {
        var segments = Stm.Read(
            new StringReader("rec1 0 A 10 20 <o,f0,male> Hello  World\nrec1 0 A 20 21\nrec1 0 A 21 22 <unk> <b c>\nrec1 0 A 22 23 <b c> d"),
            "x.stm");

        Assert.Equal(["Hello  World", "", "<b c>", "<b c> d"], segments.Select(segment => segment.Words));
        Assert.Equal(["o,f0,male", null, "unk", null], segments.Select(segment => segment.Labels));
        Assert.Throws<ScoreFormatException>(() => Stm.Read(new StringReader("rec1 0 A 10"), "x.stm"));
        Assert.Throws<ScoreFormatException>(() => Stm.Read(new StringReader("rec1 0 A 20 10 x"), "x.stm"));
    }

    [Fact]
    public void Reads_seglst_with_times_as_numbers_or_strings()
    {
        var segments = SegLst.Read(
            Utf8("""[{"session_id":"S1","speaker":"P1","start_time":"1.5","end_time":2.25,"words":"hi","extra":{}}]"""), "x.json");

        Assert.Equal(
            [new TranscriptSegment { Session = "S1", Speaker = "P1", Start = Seconds("1.5"), End = Seconds("2.25"), Words = "hi" }],
            segments);
    }

    [Theory]
    [InlineData("{}", "line 1")]
    [InlineData("[\n{]", "line 2")]
    [InlineData("""[{"session_id":"S1"}]""", "segment 1: lacks the member 'start_time'")]
    [InlineData("""[{"session_id":"S1","speaker":"P","start_time":-1,"end_time":2,"words":""}]""", "segment 1")]
    [InlineData("""[{"session_id":"S1","speaker":"P","start_time":3,"end_time":2,"words":""}]""", "before the start_time")]
    [InlineData("""[{"session_id":"S1","speaker":[],"start_time":1,"end_time":2,"words":""}]""", "'speaker' to be a string")]
    [InlineData("[3]", "segment 1: expected an object")]
    public void Malformed_seglst_is_refused_with_its_place(string json, string problem)
    {
        var exception = Assert.Throws<ScoreFormatException>(() => SegLst.Read(Utf8(json), "x.json"));

        Assert.StartsWith("x.json, ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Seglst_with_broken_unicode_is_refused()
    {
        const string Escape = """[{"session_id":"\uD800","speaker":"P","start_time":1,"end_time":2,"words":""}]""";
        byte[] bytes =
        [
            .. Encoding.UTF8.GetBytes("[{\"session_id\":\""), 0xFF,
            .. Encoding.UTF8.GetBytes("\",\"speaker\":\"P\",\"start_time\":1,\"end_time\":2,\"words\":\"\"}]"),
        ];

        Assert.Throws<ScoreFormatException>(() => SegLst.Read(Utf8(Escape), "x.json"));
        Assert.Throws<ScoreFormatException>(() => SegLst.Read(new MemoryStream(bytes), "x.json"));
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        var folder = Directory.CreateTempSubdirectory("earshot-metrics");
        try
        {
            string At(string name) => Path.Combine(folder.FullName, name);
            var turns = Turns("A 0 1.25; B 0.1234567 3");
            var regions = Regions("0 10; 12 20.5");
            var segments = Segments("A 0 1 hello world; B 1 2.5 yes");
            var words =
                new[] { new TimedWord { Session = "s", Start = Seconds("1"), End = Seconds("1.5"), Word = "hé", Confidence = 0.25 } };
            Rttm.Write(At("a.rttm"), turns);
            Uem.Write(At("a.uem"), regions);
            Stm.Write(At("a.stm"), segments);
            SegLst.Write(At("a.json"), segments);
            Ctm.Write(At("a.ctm"), words);

            Assert.Equal(turns, Rttm.Read(At("a.rttm")));
            Assert.Equal(regions, Uem.Read(At("a.uem")));
            Assert.Equal(segments, Stm.Read(At("a.stm")));
            Assert.Equal(segments, SegLst.Read(At("a.json")));
            Assert.Equal(words, Ctm.Read(At("a.ctm")));
            Assert.Equal(5, folder.GetFiles().Length);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_name_that_would_break_the_line_is_not_written()
    {
        Assert.Throws<ArgumentException>(() => Rttm.Write(new StringWriter(), [Turns("A 0 1")[0] with { Speaker = "a b" }]));
    }

    [Fact]
    public void Reads_the_recordings_own_rttm()
    {
        var turns = Rttm.Read(TestData.Require("audio/two-speakers.rttm"));

        Assert.NotEmpty(turns);
        Assert.Equal(0, new DiarizationScorer().Score(turns, turns).Total.ErrorRate);
    }

    [Fact]
    public void Random_bytes_are_read_or_refused()
    {
        var random = new Random(11);
        const string Alphabet = "SPEAKER fx 1 0.5 2 <NA> ;;[]{}\":,\n\t-9e";
        for (var round = 0; round < 3000; round++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(80)).Select(_ => Alphabet[random.Next(Alphabet.Length)])]);
            foreach (Action read in new Action[]
            {
                () => Rttm.Read(new StringReader(text), "x"), () => Uem.Read(new StringReader(text), "x"),
                () => Ctm.Read(new StringReader(text), "x"), () => Stm.Read(new StringReader(text), "x"),
                () => SegLst.Read(Utf8(text), "x"),
            })
            {
                try
                {
                    read();
                }
                catch (ScoreFormatException exception)
                {
                    Assert.StartsWith("x, ", exception.Message, StringComparison.Ordinal);
                }
            }
        }
    }

    static MemoryStream Utf8(string text) => new(Encoding.UTF8.GetBytes(text));
}
