using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests;

public class ReportTests
{
    const string Hostile = "<script>alert(1)</script> \"quoted\" 'it' & ]]> --> </p> \u0001 \ud800 =1+1";

    [Fact]
    public void A_system_is_summed_up_over_its_clips()
    {
        var system = EvaluationReport.Of(Sample()).Systems[0];
        Assert.Equal((6, 3, 0), (system.Clips, system.ScoredClips, system.FailedClips));
        var counts = system.Counts!.ToEditCounts();
        // English: 4 of 4 right, 1 of 3 substituted and 1 inserted; Chinese by character: 1 of 4 deleted.
        Assert.Equal(new EditCounts(9, 1, 1, 1), counts);
        Assert.Equal(3 / 11.0, system.ErrorRate!.Rate, 1e-12);
        Assert.InRange(system.ErrorRate.Rate, system.ErrorRate.Low, system.ErrorRate.High);
        Assert.Equal(0.25, system.CharacterErrorRate!.Rate, 1e-12);
        Assert.Equal(
            [("en", TextUnits.Words, 2), ("zh", TextUnits.Mixed, 1)],
            system.Languages.Select(language => (language.Language, language.Units, language.Clips)));
        Assert.Equal((12.0, 3.0, 4.0), (system.AudioDuration.TotalSeconds, system.ComputeTime.TotalSeconds, system.Speed));
        Assert.Equal((2, 1, 0.5, 30.0), (
            system.NonSpeech!.Clips, system.NonSpeech.ClipsWithWords, system.NonSpeech.HallucinationRate, system.NonSpeech.WordsPerMinute));
    }

    [Fact]
    public void Repetitions_are_counted_over_all_clips()
    {
        // 9 words have 6 runs of four, of which the last three came before.
        var system = EvaluationReport.Of(Runs.Run("A", "x", "k b c k b c k b c", "one")).Systems.Single();
        Assert.Equal(0.5, system.RepeatedNgramRate, 1e-12);
        Assert.Equal(3, system.LongestLoop);
    }

    [Fact]
    public void Speakers_can_be_drawn_together()
    {
        var run = Runs.Run("A", "red blue green pink", "red blue green pink", "red blue green pink", "red blue", "red blue");
        run = run with { Results = [.. run.Results.Select((result, i) => result with { Speaker = i < 2 ? "right" : "wrong" })] };
        RateInterval clips = EvaluationReport.Of(run).Systems[0].ErrorRate!,
            speakers = EvaluationReport.Of(run, new ReportOptions { ResampleBy = ResampleBy.Speaker }).Systems[0].ErrorRate!;
        Assert.Equal(clips.Rate, speakers.Rate);
        Assert.Equal((0, 0.5), (speakers.Low, speakers.High));
    }

    [Fact]
    public void The_json_report_is_a_run_that_can_be_read_again()
    {
        using var folder = new ScratchFolder();
        var report = EvaluationReport.Of(Sample());
        var path = folder.Write("report.json", JsonSerializer.Serialize(report, EvaluationJson.Readable.EvaluationReport));
        var run = EvaluationRun.Read(path);
        Assert.Equal(report.Results.Count, run.Results.Count);
        Assert.Equal(report.Systems[0].Counts, EvaluationReport.Of(run).Systems[0].Counts);
        Assert.True(RunComparison.Of(run, Sample(), new RegressionBudget { MaxErrorRateIncrease = 0 }).Passed);
        Assert.Contains(
            "no report of an evaluation",
            Assert.Throws<ManifestException>(() => EvaluationRun.Read(folder.Write("report.json", "{\"plan\": 5}"))).Message);
        Assert.Contains("no such run", Assert.Throws<ManifestException>(() => EvaluationRun.Read(folder["absent.json"])).Message);
    }

    [Fact]
    public void The_page_is_well_formed_and_loads_nothing_from_elsewhere()
    {
        var html = HtmlReport.Write(EvaluationReport.Of(Sample(), new ReportOptions { PublishedDataset = "LibriSpeech test-clean" }));
        var page = Parse(html);
        var addresses = page.Descendants().Attributes().Where(attribute => attribute.Name.LocalName is "src" or "href")
            .Where(attribute => attribute.Parent!.Name.LocalName != "a").Select(attribute => attribute.Value).ToList();
        Assert.NotEmpty(addresses);
        Assert.All(addresses, address => Assert.DoesNotContain(":", address));
        Assert.Empty(page.Descendants("link"));
        Assert.DoesNotContain("@import", html);
        Assert.DoesNotContain("url(", html);
        Assert.Single(page.Descendants("script"));
        Assert.Equal(2, page.Descendants("figure").Count(figure => figure.Parent!.Attribute("class")?.Value == "figures"));
        // Everything that has an id is there once, and what points at an id finds it.
        var ids = page.Descendants().Attributes("id").Select(id => id.Value).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.All(page.Descendants().Attributes("aria-labelledby"), label => Assert.Contains(label.Value, ids));
    }

    [Fact]
    public void Hostile_text_stays_text_wherever_it_stands()
    {
        var clip = Runs.Clip(Hostile, Hostile);
        var system = new SystemDescription { Name = Hostile, Model = Hostile, Settings = Hostile, Device = Hostile };
        var plan = Runs.Plan(Runs.Manifest(clip), system) with { Name = Hostile };
        var result = Runs.Result(Hostile, Hostile, Hostile, Hostile + " " + Hostile, language: null) with
        {
            Speaker = Hostile,
            Audio = $"../{Hostile}.wav",
            Language = Hostile,
        };
        var html = HtmlReport.Write(EvaluationReport.Of(new EvaluationRun(plan, [result])));
        var page = Parse(html);
        Assert.Single(page.Descendants("script"));
        Assert.Contains("<script>alert(1)</script>", page.Descendants("h1").Single().Value);
        Assert.Contains("<script>alert(1)</script>", page.Descendants("dd").Last().Value);
        Assert.DoesNotContain("<script>alert", html);
        var failed = new EvaluationRun(plan, [result with { Error = Hostile, Counts = null }]);
        Assert.Single(Parse(HtmlReport.Write(EvaluationReport.Of(failed))).Descendants("script"));
        Assert.DoesNotContain("<script", MarkdownReport.Write(EvaluationReport.Of(new EvaluationRun(plan, [result]))));
    }

    [Fact]
    public void Differing_words_are_marked()
    {
        var page = Parse(HtmlReport.Write(EvaluationReport.Of(Sample())));
        var first = page.Descendants("article").Single(article => article.Attribute("data-id")!.Value == "b").Descendants("p")
            .First(p => p.Attribute("class")!.Value == "diff");
        Assert.Equal(["night"], first.Descendants("del").Select(word => word.Value));
        Assert.Equal(["knight", "then"], first.Descendants("ins").Select(word => word.Value));
        Assert.Equal("good nightknight all then", first.Value);
    }

    [Fact]
    public void Recordings_can_be_put_into_the_page()
    {
        using var folder = new ScratchFolder();
        folder.Write("a.wav", "RIFF");
        var page = Parse(HtmlReport.Write(EvaluationReport.Of(Sample()), new HtmlReportOptions { EmbedAudioFrom = folder.Path }));
        Assert.Contains(page.Descendants("audio").Attributes("src"), source => source.Value == "data:audio/wav;base64,UklGRg==");
        // What is not there, or is no recording by its name, is linked to.
        Assert.Contains(page.Descendants("audio").Attributes("src"), source => source.Value == "b.wav");
    }

    [Fact]
    public void Rows_of_csv_are_quoted_and_no_formulas()
    {
        var run = Runs.Run("A", "a \"b\", c\nd", "=HYPERLINK(\"x\")", "-1", " spaced", "plain");
        var csv = CsvReport.Clips(EvaluationReport.Of(run));
        Assert.Contains("\"a \"\"b\"\", c\nd\"", csv);
        Assert.Contains(",\"'=HYPERLINK(\"\"x\"\")\",", csv);
        Assert.Contains(",'-1,", csv);
        Assert.Contains(",\" spaced\",", csv);
        Assert.Contains(",plain,", csv);
        var systems = CsvReport.Systems(EvaluationReport.Of(Sample())).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, systems.Length);
        Assert.All(systems, row => Assert.Equal(systems[0].Count(c => c == ','), row.Count(c => c == ',')));
    }

    [Fact]
    public void Markdown_reads_as_approved() =>
        Approved(MarkdownReport.Write(EvaluationReport.Of(Sample())), "sample-report.md");

    [Fact]
    public void Published_figures_stand_apart_and_their_data_set_must_be_known()
    {
        var report = EvaluationReport.Of(Sample(), new ReportOptions { PublishedDataset = "librispeech TEST-clean" });
        Assert.True(report.Published![0].IsOwn);
        Assert.Equal("openai/whisper-tiny.en", report.Published[0].System);
        Assert.DoesNotContain(report.Systems, system => report.Published.Any(row => row.System == system.System.Name));
        Assert.Contains("expected one of", Assert.Throws<ManifestException>(
            () => EvaluationReport.Of(Sample(), new ReportOptions { PublishedDataset = "nowhere" })).Message);
    }

    [Theory]
    [InlineData(0.2, 0.2)]
    [InlineData(1, 30)]
    [InlineData(0.001, 5000)]
    [InlineData(14.2, 14.9)]
    public void Axes_have_marks_in_order_within_their_range(double least, double most)
    {
        foreach (var axis in (ChartAxis[])[ChartAxis.Logarithmic([least, most], 0, 100), ChartAxis.Linear(most, 100, 0)])
        {
            Assert.InRange(axis.Ticks.Count, 2, 10);
            Assert.Equal(axis.Ticks.Order(), axis.Ticks);
            Assert.All(axis.Ticks, tick => Assert.InRange(axis.Place(tick), 0, 100));
            Assert.InRange(axis.Place(most), 0, 100);
        }
    }

    /// <summary>Two systems; English, Chinese, silence, and a clip that is only timed.</summary>
    static EvaluationRun Sample()
    {
        (string Clip, string? Reference, string First, string Second, string Language)[] rows =
        [
            ("a", "Hello there, my friend.", "hello there my friend", "hello there", "en"),
            ("b", "good night all", "Good knight all then", "good night all", "en"),
            ("c", "今天很好", "今天好", "今天很好", "zh"),
            ("d", "", "Thank you.", "", "en"),
            ("e", " ", "[music]", "", "en"),
            ("f", null, "whatever | it *is*", "whatever", "en"),
        ];
        var first = new SystemDescription
        {
            Name = "tiny/beam",
            Model = "openai/whisper-tiny.en",
            Settings = "--beam-size 5",
            ModelBytes = 79_339_130,
            Languages = 1,
        };
        var second = new SystemDescription { Name = "base", Model = "openai/whisper-base", ModelBytes = 1_450_000_000, Languages = 99 };
        var clips = rows.Select(row => Runs.Clip(row.Clip, row.Reference) with { Language = row.Language }).ToArray();
        return new EvaluationRun(Runs.Plan(Runs.Manifest(clips), first, second),
        [
            .. rows.Select(row => Runs.Result("tiny/beam", row.Clip, row.Reference, row.First, 0.5, row.Language)),
            .. rows.Select(
                row => Runs.Result("base", row.Clip, row.Reference, row.Second, 1.25, row.Language) with { PeakBytes = 512_000_000 }),
        ]);
    }

    static XDocument Parse(string html)
    {
        using var reader = XmlReader.Create(new StringReader(html), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        return XDocument.Load(reader);
    }

    /// <summary>Compares with a file that a reader has checked; EARSHOT_UPDATE_SNAPSHOTS writes it anew.</summary>
    static void Approved(string actual, string name, [CallerFilePath] string caller = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(caller)!, "snapshots", name);
        if (Environment.GetEnvironmentVariable("EARSHOT_UPDATE_SNAPSHOTS") is { Length: > 0 })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, actual);
        }
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
