
namespace Earshot.Evaluation.Tests;

public class RunFolderTests
{
    static readonly EvaluationManifest Manifest = Runs.Manifest(Runs.Clip("1", "one two"), Runs.Clip("2", ""));
    static readonly EvaluationPlan Plan = Runs.Plan(Manifest, new SystemDescription { Name = "A", Settings = "--beam-size 1" });

    [Fact]
    public void Results_come_back_as_they_were_added()
    {
        using var folder = new ScratchFolder();
        var result = Runs.Result("A", "1", "one two", "one – „zwei“ \u2028 <b>") with
        {
            FirstText = TimeSpan.FromMilliseconds(12.345),
            Speaker = "s",
        };
        using (var run = RunFolder.Open(folder.Path, Plan)) run.Add(result);
        var read = RunFolder.Read(folder.Path).Results.Single();
        Assert.Equal(result.Times, read.Times);
        Assert.Equal(result with { Times = read.Times }, read);
        Assert.Equal(Plan.Started, RunFolder.Read(folder.Path).Plan.Started);
    }

    [Fact]
    public void A_line_that_an_interruption_cut_off_is_dropped()
    {
        using var folder = new ScratchFolder();
        using (var run = RunFolder.Open(folder.Path, Plan))
        {
            run.Add(Runs.Result("A", "1", "one two", "one"));
            run.Add(Runs.Result("A", "2", "", ""));
        }
        var file = folder["results.jsonl"];
        var whole = File.ReadAllText(file);
        for (int cut = 1; cut < 40; cut += 7)
        {
            File.WriteAllText(file, whole[..^cut]);
            Assert.Single(RunFolder.Read(folder.Path).Results);
            using var run = RunFolder.Open(folder.Path, Plan);
            Assert.Null(run.Find("A", "2"));
            run.Add(Runs.Result("A", "2", "", "again"));
            Assert.Equal("again", RunFolder.Read(folder.Path).Of("A")[1].Text);
        }
    }

    [Fact]
    public void A_damaged_line_is_refused_with_file_and_line()
    {
        using var folder = new ScratchFolder();
        using (var run = RunFolder.Open(folder.Path, Plan)) run.Add(Runs.Result("A", "1", "one two", "one"));
        File.AppendAllText(folder["results.jsonl"], "{\"system\": 5}\n");
        var refused = Assert.Throws<ManifestException>(() => RunFolder.Read(folder.Path));
        Assert.StartsWith($"'{folder["results.jsonl"]}', line 2: the result is damaged", refused.Message);
        Assert.Throws<ManifestException>(() => RunFolder.Open(folder.Path, Plan));
        folder.Write("run.json", "{");
        Assert.Contains("the run is damaged", Assert.Throws<ManifestException>(() => RunFolder.Read(folder.Path)).Message);
    }

    [Fact]
    public void Only_the_same_run_is_gone_on_with()
    {
        using var folder = new ScratchFolder();
        RunFolder.Open(folder.Path, Plan).Dispose();
        var other = Plan with { Systems = [Plan.Systems[0] with { Settings = "--beam-size 5" }] };
        Assert.Contains(
            "set as '--beam-size 1', now it is '--beam-size 5'",
            Assert.Throws<ManifestException>(() => RunFolder.Open(folder.Path, other)).Message);
        Assert.Contains("other rules", Assert.Throws<ManifestException>(
            () => RunFolder.Open(folder.Path, Plan with { Scoring = new ScoringOptions { Normalizer = NormalizerChoice.None } })).Message);
        Assert.Contains(
            "a run over 'made up'",
            Assert.Throws<ManifestException>(() => RunFolder.Open(folder.Path, Plan with { Name = "other" })).Message);
        using var more = RunFolder.Open(
            folder.Path, Plan with { Systems = [new SystemDescription { Name = "B" }], Started = DateTimeOffset.MaxValue });
        Assert.Equal(["A", "B"], more.Plan.Systems.Select(system => system.Name));
        Assert.Equal(Plan.Started, more.Plan.Started);
    }

    [Fact]
    public void Two_processes_do_not_write_to_one_run()
    {
        using var folder = new ScratchFolder();
        using var first = RunFolder.Open(folder.Path, Plan);
        Assert.Contains(
            "Does another evaluation run there?", Assert.Throws<ManifestException>(() => RunFolder.Open(folder.Path, Plan)).Message);
    }

    [Fact]
    public void Damaged_results_are_read_or_refused_and_nothing_else()
    {
        using var folder = new ScratchFolder();
        using (var run = RunFolder.Open(folder.Path, Plan))
        {
            run.Add(Runs.Result("A", "1", "one two", "one"));
            run.Add(Runs.Result("A", "2", "", "two"));
        }
        var random = new Random(12);
        var whole = File.ReadAllBytes(folder["results.jsonl"]);
        for (int i = 0; i < 400; i++)
        {
            byte[] bytes = [.. whole];
            for (int change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(folder["results.jsonl"], bytes);
            try
            {
                var run = RunFolder.Read(folder.Path);
                HtmlReport.Write(EvaluationReport.Of(run, new ReportOptions { Resampling = new() { Resamples = 2 } }));
            }
            catch (ManifestException e)
            {
                Assert.Contains("results.jsonl", e.Message);
            }
        }
    }
}
