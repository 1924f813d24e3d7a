using System.Text.Json;
using Earshot.Tests.Models;

namespace Earshot.Cli.Tests;

public class TranscribeTests
{
    const string Said = "ask not what your country can do for you";

    [Fact]
    public async Task One_file_goes_to_standard_output()
    {
        var run = await TranscribeAsync(Jfk());
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains(Said, run.Output.ToLowerInvariant());
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task Standard_input_is_a_recording_too()
    {
        await using var recording = File.OpenRead(Jfk());
        var run = await CommandRun.OfAsync(["transcribe", "-", .. Fast()], recording);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains(Said, run.Output.ToLowerInvariant());
    }

    [Fact]
    public async Task A_defect_is_said_to_be_one_and_how_to_report_it()
    {
        using var broken = new BrokenStream();
        var run = await CommandRun.OfAsync(["transcribe", "-", .. Fast()], broken);
        Assert.Equal(ExitCode.Unexpected, run.ExitCode);
        Assert.StartsWith("earshot: unexpected InvalidOperationException: It broke.", run.Error);
        Assert.Contains("Please report it", run.Error);
        Assert.DoesNotContain("   at ", run.Error);
        using var again = new BrokenStream();
        Assert.Contains("   at ", (await CommandRun.OfAsync(["transcribe", "-", "--verbose", .. Fast()], again)).Error);
    }

    [Fact]
    public async Task Standard_input_that_is_a_terminal_is_refused()
    {
        using var error = new StringWriter();
        var terminal = new Terminal { Out = TextWriter.Null, Error = error, InputIsTerminal = true };
        Assert.Equal(ExitCode.Usage, await Application.RunAsync(["transcribe", "-"], terminal, CancellationToken.None));
        Assert.Contains("pipe a recording into it", error.ToString());
    }

    [Fact]
    public async Task Several_files_and_formats_become_files_and_a_bad_one_does_not_stop_them()
    {
        using var folder = new TemporaryFolder();
        var good = folder.Copy(Jfk(), "jfk.wav");
        var bad = folder.Write("bad.wav", "this is no recording at all"u8);
        var run = await TranscribeAsync(folder["*.wav"], folder["missing.flac"], "-f", "srt,txt", "-o", folder["out/"]);
        Assert.Equal(ExitCode.SomeFailed, run.ExitCode);
        Assert.Equal(["bad.wav", "jfk.wav", "out/jfk.srt", "out/jfk.txt"], folder.Files());
        Assert.Contains(Said, File.ReadAllText(folder["out/jfk.txt"]).ToLowerInvariant());
        Assert.StartsWith("1\n00:00:0", File.ReadAllText(folder["out/jfk.srt"]));
        Assert.Contains($"earshot: '{bad}': the content is text", run.Error);
        Assert.Contains($"earshot: '{folder["missing.flac"]}': no such file.", run.Error);
        Assert.Contains($"{good} → ", run.Error);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task An_existing_transcript_is_kept_and_the_recording_skipped()
    {
        using var folder = new TemporaryFolder();
        var recording = folder.Copy(Jfk(), "jfk.wav");
        folder.Write("jfk.txt", "mine"u8);
        // No model is needed to find out that nothing is to be done.
        var run = await CommandRun.OfAsync("transcribe", recording, "-o", folder["{name}.{ext}"], "-m", "no-such-model-anywhere");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("skipped", run.Error);
        Assert.Contains("--overwrite", run.Error);
        Assert.Equal("mine", File.ReadAllText(folder["jfk.txt"]));

        run = await TranscribeAsync(recording, "-o", folder["{name}.{ext}"], "--overwrite");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains(Said, File.ReadAllText(folder["jfk.txt"]).ToLowerInvariant());
    }

    [Fact]
    public async Task One_of_two_outputs_may_be_there_already()
    {
        using var folder = new TemporaryFolder();
        var recording = folder.Copy(Jfk(), "jfk.wav");
        folder.Write("jfk.txt", "mine"u8);
        var run = await TranscribeAsync(recording, "-o", folder["{name}.{ext}"], "-f", "txt", "-f", "srt");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("was kept", run.Error);
        Assert.Equal("mine", File.ReadAllText(folder["jfk.txt"]));
        Assert.Contains("-->", File.ReadAllText(folder["jfk.srt"]));
    }

    [Fact]
    public async Task Clips_limit_what_is_heard()
    {
        var run = await TranscribeAsync(Jfk(), "--clip", "0:03-0:07.6");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("ask not", run.Output.ToLowerInvariant());
        Assert.DoesNotContain("fellow", run.Output.ToLowerInvariant());
    }

    [Fact]
    public async Task The_model_in_the_box_is_taken_where_none_is_named()
    {
        var run = await CommandRun.OfAsync(
            "transcribe", Jfk(), "--beam-size", "1", "--temperature", "0", "--word-timestamps", "-f", "json", "--clip", "0-11,100-200");
        Assert.Equal(
            "is 11.0 s long: the clip from 1:40 on lies after its end, and nothing is transcribed for it.",
            run.AssertOneLine(ExitCode.Ok).Split("' ")[1]);
        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal("en", json.RootElement.GetProperty("language").GetString());
        var segments = json.RootElement.GetProperty("segments").EnumerateArray().ToList();
        var words = segments.SelectMany(segment => segment.GetProperty("words").EnumerateArray()).ToList();
        Assert.Equal(22, words.Count);
        Assert.All(words, word => Assert.InRange(word.GetProperty("end").GetDouble(), word.GetProperty("start").GetDouble(), 11));
        Assert.InRange(segments[^1].GetProperty("end").GetDouble(), 9, 11);
    }

    [Fact]
    public async Task The_language_is_told_by_the_model_in_the_box()
    {
        var run = await CommandRun.OfAsync("detect-language", Jfk());
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.StartsWith($"{Jfk()}\ten\tenglish\t0.", run.Output);
    }

    [Fact]
    public async Task Channels_are_told_apart()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("call.wav", Recordings.TwoChannels(Jfk(), switchAt: TimeSpan.FromSeconds(7.9)));
        var run = await TranscribeAsync(path, "--channel", "all", "-f", "vtt,json", "-o", folder["out/"]);
        Assert.True(run.ExitCode == ExitCode.Ok, run.Error);
        var vtt = File.ReadAllText(folder["out/call.vtt"]).ToLowerInvariant();
        Assert.Matches(@"<v channel 0>and so,? my fellow americans", vtt);
        Assert.Matches(@"<v channel 1>.*what you can do for your country", vtt);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["out/call.json"]));
        Assert.Equal([0, 1], json.RootElement.GetProperty("segments").EnumerateArray()
            .Select(segment => segment.GetProperty("channel").GetInt32()).Distinct());
        var right = await TranscribeAsync(path, "--channel", "right");
        Assert.DoesNotContain("americans", right.Output.ToLowerInvariant());
        Assert.DoesNotContain("channel", right.Output.ToLowerInvariant());
    }

    [Fact]
    public async Task A_place_that_takes_no_files_is_told_before_anything_is_transcribed()
    {
        Assert.SkipUnless(Directory.Exists("/proc/self"), "This system has no /proc.");
        var run = await CommandRun.OfAsync("transcribe", Jfk(), "-o", "/proc/x.srt", "-m", "no-such-model-anywhere");
        Assert.Equal("earshot: cannot write '/proc/x.srt': the folder '/proc' takes no new files.", run.AssertOneLine(ExitCode.SomeFailed));
    }

    [Fact]
    public async Task Many_channels_at_a_high_rate_are_heard()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("wide.wav", Recordings.Spread(Jfk(), channels: 8, times: 6));
        var run = await TranscribeAsync(path);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains(Said, run.Output.ToLowerInvariant());
    }

    [Fact]
    public async Task Quiet_says_nothing_but_failures()
    {
        using var folder = new TemporaryFolder();
        var run = await TranscribeAsync(Jfk(), folder["none.wav"], "-o", folder["{name}.txt"], "--quiet");
        Assert.Contains("no such file", run.AssertOneLine(ExitCode.SomeFailed));
        Assert.Equal(["jfk.txt"], folder.Files());
    }

    [Fact]
    public async Task Cancelling_stops_with_130_and_leaves_nothing_half_written()
    {
        using var folder = new TemporaryFolder();
        var recording = folder.Write("long.wav", Recordings.Repeat(Jfk(), times: 60));
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(1));
        var run = await CommandRun.OfAsync(
            ["transcribe", recording, "-o", folder["out.txt"], .. Fast()], cancellationToken: cancellation.Token);
        Assert.Equal("earshot: cancelled.", run.AssertOneLine(ExitCode.Cancelled));
        Assert.Equal(["long.wav"], folder.Files());
    }

    [Theory]
    [InlineData("transcribe", "give at least one recording")]
    [InlineData("transcribe a.wav -f docx", "--format is 'docx'")]
    [InlineData("transcribe a.wav b.wav -o one.txt", "cannot share the file 'one.txt'")]
    [InlineData("transcribe a.wav -l klingon", "Unknown language 'klingon'")]
    [InlineData("transcribe a.wav --clip 5-3", "--clip is '5-3'")]
    [InlineData("transcribe a.wav --clip 5-8 --vad", "--clip cannot be used with --vad")]
    [InlineData("transcribe a.wav --temperature 0,hot", "--temperature is '0,hot'")]
    [InlineData("transcribe a.wav --quantize int8 --precision f32", "exclude each other")]
    [InlineData("transcribe a.wav --weights int8 --precision f32", "--weights int8 and --precision f32 exclude each other")]
    [InlineData("transcribe a.wav --weights f32 --quantize nf4", "--weights f32 and --quantize nf4 exclude each other")]
    [InlineData("transcribe a.wav --weights f16", "--weights: 'f16' is nothing that weights are computed in; expected saved, fast, f32")]
    [InlineData("transcribe a.wav --weights int8,fc2", "--weights: 'fc2' is no exception")]
    [InlineData("quantize m -o out --to nf4 --outliers 6", "--outliers keeps columns beside int8; --to is nf4")]
    [InlineData("quantize m -o out --outliers 1", "--outliers is '1'; expected")]
    [InlineData("transcribe a.wav --max-line-count 2", "--max-line-count needs --max-line-width")]
    [InlineData("transcribe a.wav --logprob-threshold high", "or none")]
    [InlineData("transcribe a.wav --beam-size 0", "--beam-size is '0'; expected a whole number from 1 to 1024")]
    [InlineData("transcribe a.wav --channel both", "--channel is 'both'; expected a number from 0 to 63, left, right, all or mix")]
    [InlineData("transcribe a.wav --resume", "--resume goes on with files")]
    [InlineData("transcribe a.wav --isa sse2", "--isa is 'sse2'; expected one of portable")]
    [InlineData("transcribe a.wav --wrod-timestamps", "Did you mean '--word-timestamps'?")]
    public async Task Options_that_cannot_be_meant_are_refused(string commandLine, string expected)
    {
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.Contains(expected, run.AssertOneLine(ExitCode.Usage));
    }

    [Fact]
    public async Task An_English_model_neither_translates_nor_tells_languages()
    {
        using var folder = new TemporaryFolder();
        var model = RandomModel.WriteTo(folder.Path);
        var translate = await CommandRun.OfAsync("translate", Jfk(), "-m", model);
        Assert.Contains("cannot translate", translate.AssertOneLine(ExitCode.Model));
        var detect = await CommandRun.OfAsync("detect-language", Jfk(), "-m", model);
        Assert.Contains("English-only", detect.AssertOneLine(ExitCode.Model));
        var german = await CommandRun.OfAsync("transcribe", Jfk(), "-m", model, "-l", "German");
        Assert.Contains("German", german.AssertOneLine(ExitCode.Model), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Another_language_is_told_written_and_translated()
    {
        var dutch = TestRecordings.Path("nathalie-nl_rhasspy_1151.flac");
        var detect = await CommandRun.OfAsync("detect-language", dutch, "-m", Model());
        Assert.Matches(@"\tnl\tdutch\t0\.\d{4}\n$", detect.Output);
        string[] greedy = [dutch, "-m", Model(), "--beam-size", "1", "--temperature", "0"];
        Assert.Contains("Ja, vind je het gek", (await CommandRun.OfAsync(["transcribe", .. greedy])).Output);
        var translated = await CommandRun.OfAsync(["translate", "-l", "nl", .. greedy]);
        Assert.Contains("Do you think", translated.Output);
    }

    static string Jfk() => TestRecordings.Jfk;

    static string Model() => TestModels.WhisperBase;

    static string[] Fast() => ["-m", TestModels.WhisperBase, "--beam-size", "1", "--temperature", "0", "-l", "en"];

    static Task<CommandRun> TranscribeAsync(params string[] args) => CommandRun.OfAsync(["transcribe", .. args, .. Fast()]);

    sealed class BrokenStream : MemoryStream
    {
        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count) => throw new InvalidOperationException("It broke.");

        public override int Read(Span<byte> buffer) => throw new InvalidOperationException("It broke.");
    }
}
