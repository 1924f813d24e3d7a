using System.Diagnostics;

namespace Earshot.Cli.Tests;

/// <summary>The program as a process of its own: what only a process has, such as signals and pipes.</summary>
public class ProcessTests
{
    [Fact]
    public async Task A_signal_ends_it_promptly_and_leaves_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGTERM.");
        using var folder = new TemporaryFolder();
        var recording = folder.Write("long.wav", Recordings.Repeat(TestRecordings.Jfk, times: 200));
        using var process = Start("transcribe", recording, "-m", TestModels.WhisperBase, "-o", folder["out.txt"], "--verbose");
        // The first line of --verbose: the model is loaded, and work begins.
        Assert.StartsWith("Loaded ", await process.StandardError.ReadLineAsync());
        using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"])) await kill.WaitForExitAsync();
        var rest = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(ExitCode.Terminated, process.ExitCode);
        Assert.Contains("earshot: cancelled.", rest);
        Assert.Equal(["long.wav"], folder.Files());
    }

    [Fact]
    public async Task A_reader_that_goes_away_ends_it_without_a_word()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGPIPE.");
        using var process = Start("inspect", "--random", "large-v3", "--tensors");
        process.StandardOutput.Close();
        Assert.Empty(await process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.Equal(ExitCode.BrokenPipe, process.ExitCode);
    }

    [Fact]
    public async Task Results_and_talk_go_to_streams_of_their_own()
    {
        using var process = Start("inspect", "--random", "nothing-known");
        var output = process.StandardOutput.ReadToEndAsync();
        Assert.StartsWith("earshot: No model is called", await process.StandardError.ReadToEndAsync());
        Assert.Empty(await output);
        await process.WaitForExitAsync();
        Assert.Equal(ExitCode.Model, process.ExitCode);
    }

    static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Earshot.Cli.dll"));
        foreach (var arg in args) start.ArgumentList.Add(arg);
        return Process.Start(start)!;
    }
}
