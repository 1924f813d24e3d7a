using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Earshot.Cli.Tests.Evaluation;

public class EvalTests
{
    [Fact]
    public async Task A_run_writes_its_reports_and_goes_on_where_it_was()
    {
        using var folder = new TemporaryFolder();
        var manifest = Manifest(folder);
        string[] command =
        [
            "eval", manifest, "-m", Model(), "--setting", "greedy: --beam-size 1 --temperature 0", "--setting",
            "int8: --beam-size 1 --temperature 0 --quantize int8", "--precision", "auto", "-o", folder["run"],
        ];
        var run = await CommandRun.OfAsync([.. command, "--limit", "1"]);
        Assert.Equal("", run.Error.Replace($"Report: {Path.Combine(folder["run"], "report.html")}\n", ""));
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("whisper-base/greedy", run.Output);
        Assert.Contains("whisper-base/int8", run.Output);
        Assert.Equal(
            ["clips.csv", "report.html", "report.json", "report.md", "results.jsonl", "run.json", "run.lock", "systems.csv"],
            new DirectoryInfo(folder["run"]).EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal));
        var before = File.ReadAllLines(folder["run/results.jsonl"]);
        Assert.Equal(2, before.Length);

        run = await CommandRun.OfAsync([.. command, "--json", "--embed-audio"]);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Equal(before, File.ReadAllLines(folder["run/results.jsonl"])[..2]);
        using var report = JsonDocument.Parse(run.Output);
        var system = report.RootElement.GetProperty("systems")[0];
        Assert.Equal("--beam-size 1 --precision auto --temperature 0", system.GetProperty("system").GetProperty("settings").GetString());
        Assert.Equal((2, 1), (system.GetProperty("clips").GetInt32(), system.GetProperty("scored_clips").GetInt32()));
        Assert.Equal(0, system.GetProperty("error_rate").GetProperty("rate").GetDouble());
        Assert.InRange(system.GetProperty("peak_bytes").GetInt64(), 50_000_000, 8_000_000_000);
        Assert.Equal(1, system.GetProperty("non_speech").GetProperty("clips").GetInt32());
        Assert.Contains("data:audio/wav;base64,", File.ReadAllText(folder["run/report.html"]));

        run = await CommandRun.OfAsync(command);
        Assert.Contains("All clips are done already", run.Error);
        run = await CommandRun.OfAsync("eval", manifest, "-m", Model(), "--setting", "greedy: --beam-size 2", "-o", folder["run"]);
        Assert.Contains("now it is '--beam-size 2'", run.AssertOneLine(ExitCode.SomeFailed));
    }

    [Fact]
    public async Task A_clip_that_is_no_recording_fails_alone()
    {
        using var folder = new TemporaryFolder();
        folder.Write("bad.wav", "this is no recording at all"u8);
        folder.Copy(TestRecordings.Jfk, "jfk.wav");
        folder.Write("set.jsonl", "{\"audio\": \"bad.wav\", \"text\": \"x\"}\n{\"audio\": \"jfk.wav\"}"u8);
        var run = await CommandRun.OfAsync(
            "eval", folder["set.jsonl"], "-m", Model(), "--beam-size", "1", "--temperature", "0", "-o", folder["run"], "--quiet");
        Assert.Contains("whisper-base, bad.wav: '", run.AssertOneLine(ExitCode.SomeFailed));
        Assert.Equal(2, File.ReadAllLines(folder["run/results.jsonl"]).Length);
        Assert.Contains("failed", File.ReadAllText(folder["run/report.html"]));
    }

    [Theory]
    [InlineData("eval", "give a manifest", ExitCode.Usage)]
    [InlineData("eval none.jsonl", "there is no such manifest", ExitCode.SomeFailed)]
    [InlineData("eval {set} --setting greedy", "expected a name, a colon and options", ExitCode.Usage)]
    [InlineData("eval {set} --setting a:--output=x", "no option of transcribe's that says how", ExitCode.Usage)]
    [InlineData("eval {set} --setting a:--beam-size=0", "the setting 'a': --beam-size is '0'", ExitCode.Usage)]
    [InlineData("eval {set} --setting a: --setting a:", "two systems would be called 'base/a'", ExitCode.Usage)]
    [InlineData("eval {set} --repeat 0", "--repeat is '0'", ExitCode.Usage)]
    [InlineData("eval compare {set} {set}", "no report of an evaluation", ExitCode.SomeFailed)]
    [InlineData("eval report nowhere", "'nowhere' is no run", ExitCode.SomeFailed)]
    [InlineData("eval score -r a.rttm -y b.rttm", "'a.rttm': no such file", ExitCode.Usage)]
    [InlineData("eval score -r {set} -y {set}", "expected .rttm, .stm, .json (SegLST) or .ctm", ExitCode.Usage)]
    [InlineData("eval text -r none.txt -y none.txt", "there is no such file", ExitCode.SomeFailed)]
    public async Task What_cannot_be_meant_is_refused_in_one_line(string commandLine, string expected, int exitCode)
    {
        using var folder = new TemporaryFolder();
        var set = folder.Write("set.jsonl", "{\"audio\": \"a.wav\"}"u8);
        var run = await CommandRun.OfAsync(
            [.. commandLine.Split(' ').Select(word => word.Replace("{set}", set, StringComparison.Ordinal))]);
        Assert.Contains(expected, run.AssertOneLine(exitCode));
    }

    [Fact]
    public async Task Comparing_fails_where_the_second_run_is_worse()
    {
        using var folder = new TemporaryFolder();
        var (before, after) = (Run(folder, "before", "red blue green pink", 1), Run(folder, "after", "red blue green", 1.3));
        var same = await CommandRun.OfAsync("eval", "compare", before, before, "--max-wer-increase", "0", "--max-slowdown", "1");
        Assert.Equal(ExitCode.Ok, same.ExitCode);
        Assert.Contains("kept: the budget", same.Output);

        var worse = await CommandRun.OfAsync("eval", "compare", before, after, "--max-slowdown", "1.2");
        Assert.Equal(ExitCode.SomeFailed, worse.ExitCode);
        Assert.Contains("exceeded: the error rate rose by 25.00 points", worse.Output);
        Assert.Contains("exceeded: it takes 1.30 times as long", worse.Output);
        Assert.Contains(
            "  a: 0 → 1 errors\n    reference  red blue green pink\n    before     red blue green pink\n    after      red blue green\n",
            worse.Output);
        Assert.Equal(
            ExitCode.Ok,
            (await CommandRun.OfAsync("eval", "compare", before, after, "--max-wer-increase", "25", "--max-slowdown", "1.3")).ExitCode);

        var json = await CommandRun.OfAsync("eval", "compare", before, after, "--json");
        Assert.False(JsonDocument.Parse(json.Output).RootElement.GetProperty("passed").GetBoolean());
        Assert.Contains(
            "has no system 'x'",
            (await CommandRun.OfAsync("eval", "compare", before, after, "--system-after", "x")).AssertOneLine(ExitCode.SomeFailed));
    }

    [Fact]
    public async Task Texts_are_scored_as_they_are_or_normalised()
    {
        using var folder = new TemporaryFolder();
        var said = folder.Write("said.txt", "Hello, world!\nhow are you\n"u8);
        var written = folder.Write("written.txt", "hello world\nhow are we two\n"u8);
        var run = await CommandRun.OfAsync("eval", "text", "-r", said, "-y", written, "--json");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        using (var scores = JsonDocument.Parse(run.Output))
        {
            // Two substituted in the first, one substituted and one inserted in the second, of five words.
            Assert.Equal(0.8, scores.RootElement.GetProperty("wer").GetDouble(), 1e-12);
            Assert.Equal(
                (2, 5), (scores.RootElement.GetProperty("texts").GetInt32(), scores.RootElement.GetProperty("reference_words").GetInt32()));
        }
        run = await CommandRun.OfAsync(
            "eval", "text", "--reference", said, "--hypothesis", written, "--normalizer", "english", "--alignment");
        Assert.Contains("WER    40.00 %", run.Output);
        Assert.Contains("2 texts, 5 words: 4 right, 1 substituted, 0 deleted, 1 inserted", run.Output);
        Assert.StartsWith("2\nREF:", run.Output);
    }

    [Fact]
    public async Task Speakers_are_scored_by_the_files_that_are_given()
    {
        using var folder = new TemporaryFolder();
        var reference = folder.Write(
            "r.rttm", "SPEAKER m 1 0.0 10.0 <NA> <NA> A <NA> <NA>\nSPEAKER m 1 10.0 10.0 <NA> <NA> B <NA> <NA>\n"u8);
        var found = folder.Write("h.rttm", "SPEAKER m 1 0.0 12.0 <NA> <NA> x <NA> <NA>\nSPEAKER m 1 12.0 8.0 <NA> <NA> y <NA> <NA>\n"u8);
        var run = await CommandRun.OfAsync("eval", "score", "-r", reference, "-y", found);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("DER full         10.00 %", run.Output);
        Assert.Contains("DER fair", run.Output);
        Assert.Contains("DER forgiving", run.Output);
        Assert.Contains("JER", run.Output);

        var uem = folder.Write("m.uem", "m 1 0.0 10.0\n"u8);
        run = await CommandRun.OfAsync("eval", "score", "-r", reference, "-y", found, "--uem", uem);
        Assert.Contains("DER full          0.00 %", run.Output);

        var said = folder.Write("r.stm", "m 1 A 0.0 2.0 one two\nm 1 B 2.0 4.0 three four\n"u8);
        var written = folder.Write(
            "h.json",
            """
            [{"session_id":"m","speaker":"x","start_time":0,"end_time":2,"words":"one two three"},
             {"session_id":"m","speaker":"y","start_time":2,"end_time":4,"words":"four"}]
            """u8);
        run = await CommandRun.OfAsync("eval", "score", "-r", said, "-y", written, "--orc", "--json");
        using var rates = JsonDocument.Parse(run.Output);
        var byName = rates.RootElement.EnumerateArray()
            .ToDictionary(rate => rate.GetProperty("name").GetString()!, rate => rate.GetProperty("rate").GetDouble());
        Assert.Equal((0.5, 0.5, 0.5, 0.0), (byName["cpWER"], byName["tcpWER"], byName["ORC-WER"], byName["WER"]));
        Assert.Equal(0, byName["DER full"]);

        var words = folder.Write("h.ctm", "m 1 0.0 0.5 one\nm 1 1.0 0.5 two\nm 1 2.0 0.5 three\n"u8);
        run = await CommandRun.OfAsync("eval", "score", "-r", said, "-y", words);
        Assert.Contains("WER              25.00 %", run.Output);
        Assert.DoesNotContain("cpWER", run.Output);
        run = await CommandRun.OfAsync("eval", "score", "-r", reference, "-y", words);
        Assert.Contains("nothing in common to score", run.AssertOneLine(ExitCode.Usage));
    }

    static string Model() => TestModels.WhisperBase;

    /// <summary>The president's words, and two seconds of silence.</summary>
    static string Manifest(TemporaryFolder folder)
    {
        folder.Copy(TestRecordings.Jfk, "jfk.wav");
        var silence = new byte[44 + 64_000];
        "RIFF"u8.CopyTo(silence);
        BitConverter.TryWriteBytes(silence.AsSpan(4), silence.Length - 8);
        "WAVEfmt "u8.CopyTo(silence.AsSpan(8));
        BitConverter.TryWriteBytes(silence.AsSpan(16), 16);
        BitConverter.TryWriteBytes(silence.AsSpan(20), (short)1);
        BitConverter.TryWriteBytes(silence.AsSpan(22), (short)1);
        BitConverter.TryWriteBytes(silence.AsSpan(24), 16_000);
        BitConverter.TryWriteBytes(silence.AsSpan(28), 32_000);
        BitConverter.TryWriteBytes(silence.AsSpan(32), (short)2);
        BitConverter.TryWriteBytes(silence.AsSpan(34), (short)16);
        "data"u8.CopyTo(silence.AsSpan(36));
        BitConverter.TryWriteBytes(silence.AsSpan(40), 64_000);
        folder.Write("silence.wav", silence);
        const string Said =
            "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country.";
        return folder.Write("set.jsonl", Encoding.UTF8.GetBytes($$"""
            {"audio": "jfk.wav", "text": "{{Said}}", "language": "en"}
            {"audio": "silence.wav", "text": ""}
            """));
    }

    /// <summary>A finished run of one clip.</summary>
    static string Run(TemporaryFolder folder, string name, string text, double seconds)
    {
        folder.Write($"{name}/run.json", """
            {"version": 1, "name": "set", "manifest": "set.jsonl", "started": "2026-01-01T00:00:00+00:00",
             "machine": {"processor": "p", "cores": 1, "system": "s", "runtime": "r"},
             "systems": [{"name": "A"}], "scoring": {"normalizer": "Auto", "language": "en"}, "clips": ["a"]}
            """u8);
        var time = seconds.ToString(CultureInfo.InvariantCulture);
        folder.Write(
            $"{name}/results.jsonl", Encoding.UTF8.GetBytes(
                $$"""{"system":"A","clip":"a","audio":"a.wav","reference":"red blue green pink","text":"{{text}}","times":[{{time}}]}""" +
                "\n"));
        return folder[name];
    }
}
