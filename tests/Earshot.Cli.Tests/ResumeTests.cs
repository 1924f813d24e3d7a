namespace Earshot.Cli.Tests;

/// <summary>A run that is stopped keeps what is finished, and the same command goes on from there.</summary>
public class ResumeTests
{
    // Two windows of speech, and a little of a third.
    const int Times = 6;

    [Fact]
    public async Task What_is_finished_is_kept_and_gone_on_with()
    {
        using var folder = new TemporaryFolder();
        var recording = Recordings.Repeat(Recordings.Jfk, Times);
        string[] command =
        [
            "transcribe", "-", "-f", "srt,vtt,json,tsv,ctm", "-m", TestModels.WhisperBase, "--beam-size", "1", "--temperature", "0", "-l",
            "en",
        ];

        // The first window is done when the second, which ends beyond 60 s, is read.
        using var cancellation = new CancellationTokenSource();
        var stopped = await CommandRun.OfAsync(
            [.. command, "-o", folder["talk.{ext}"]], new CancellingStream(recording, 45 * 32_000, cancellation), cancellation.Token);
        Assert.Equal(ExitCode.Cancelled, stopped.ExitCode);
        Assert.Contains("--resume goes on from there", stopped.Error);
        Assert.EndsWith("earshot: cancelled.\n", stopped.Error);
        Assert.Equal(
            ["talk.partial.ctm", "talk.partial.json", "talk.partial.resume", "talk.partial.srt", "talk.partial.tsv", "talk.partial.vtt"],
            folder.Files());

        var whole = await CommandRun.OfAsync([.. command, "-o", folder["whole/talk.{ext}"]], new MemoryStream(recording));
        Assert.Equal(ExitCode.Ok, whole.ExitCode);
        var partial = File.ReadAllText(folder["talk.partial.srt"]);
        Assert.StartsWith(partial, File.ReadAllText(folder["whole/talk.srt"]));
        Assert.Contains("fellow", partial);

        // Neither another recording nor other settings.
        var other = await CommandRun.OfAsync([.. command, "-o", folder["talk.{ext}"], "--resume"], new MemoryStream(Louder(recording)));
        Assert.Contains(
            "is not the recording that was transcribed before", other.AssertOneLineAfter("going on after", ExitCode.SomeFailed));
        var longer = await CommandRun.OfAsync(
            [.. command, "-o", folder["talk.{ext}"], "--resume"], new MemoryStream(Recordings.Repeat(Recordings.Jfk, 2)));
        Assert.Contains("another one, of another length", longer.AssertOneLine(ExitCode.SomeFailed));
        var settings = await CommandRun.OfAsync(
            [.. command, "-o", folder["talk.{ext}"], "--resume", "--seed", "3"], new MemoryStream(recording));
        Assert.Contains("seed was 0, and is 3", settings.AssertOneLine(ExitCode.SomeFailed));

        var resumed = await CommandRun.OfAsync([.. command, "-o", folder["talk.{ext}"], "--resume"], new MemoryStream(recording));
        Assert.True(resumed.ExitCode == ExitCode.Ok, resumed.Error);
        Assert.Contains("going on after", resumed.Error);
        foreach (var ending in new[] { "srt", "vtt", "json", "tsv", "ctm" })
            Assert.Equal(File.ReadAllText(folder[$"whole/talk.{ending}"]), File.ReadAllText(folder[$"talk.{ending}"]));
        Assert.DoesNotContain(folder.Files(), file => file.Contains("partial", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_damaged_file_is_refused_and_none_is_a_beginning()
    {
        using var folder = new TemporaryFolder();
        string[] command =
        [
            "transcribe", Recordings.Jfk, "-o", folder["talk.txt"], "-m", TestModels.WhisperBase, "--beam-size", "1", "--temperature", "0",
            "-l", "en", "--resume",
        ];
        foreach (var content in new[] { "", "{", "[]", "{\"version\":1}", "{\"version\":9,\"settings\":{},\"tracks\":[]}" })
        {
            File.WriteAllText(folder["talk.partial.resume"], content);
            Assert.Contains("talk.partial.resume' is damaged", (await CommandRun.OfAsync(command)).AssertOneLine(ExitCode.SomeFailed));
        }
        File.Delete(folder["talk.partial.resume"]);
        Assert.Equal(ExitCode.Ok, (await CommandRun.OfAsync(command)).ExitCode);
        Assert.Equal(["talk.txt"], folder.Files());
    }

    static byte[] Louder(byte[] wav)
    {
        byte[] louder = [.. wav];
        louder[Recordings.HeaderLength + 40_000] ^= 4;
        return louder;
    }

    /// <summary>A stream whose reader presses Ctrl-C when it has come so far.</summary>
    sealed class CancellingStream(byte[] content, long at, CancellationTokenSource cancellation) : MemoryStream(content)
    {
        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = base.Read(buffer, offset, count);
            if (Position > at) cancellation.Cancel();
            return read;
        }
    }
}
