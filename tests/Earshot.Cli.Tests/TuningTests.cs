using System.Diagnostics;
using System.Text.Json;
using Earshot.Tests.Models;

namespace Earshot.Cli.Tests;

/// <summary>What <c>bench --tune</c> measures is kept beside the hub's cache, used when a model is loaded, and told of.</summary>
public sealed class TuningTests
{
    [Fact]
    public async Task What_is_measured_is_kept_used_told_and_left_out_on_request()
    {
        using var folder = new TemporaryFolder();
        var model = RandomModel.WriteTo(folder["models"]);
        string[] transcribe =
        [
            "transcribe", TestRecordings.Jfk, "-m", model, "--beam-size", "1", "--temperature", "0", "--threads", "2", "-f", "json",
        ];
        var tuned = await RunAsync(folder, ["bench", model, "--tune", "--threads", "2", "--json"]);
        Assert.True(tuned.ExitCode == ExitCode.Ok, tuned.Error);
        using (var report = JsonDocument.Parse(tuned.Output))
        {
            var line = report.RootElement[0];
            Assert.True(line.GetProperty("kept").GetBoolean());
            Assert.All(line.GetProperty("formats").EnumerateArray(), kind => Assert.Equal("plain", kind.GetProperty("saved").GetString()));
            Assert.DoesNotContain(folder.Path, tuned.Output, StringComparison.Ordinal);
        }
        var file = folder[Assert.Single(folder.Files(), name => name.StartsWith("cache/earshot/tuned/", StringComparison.Ordinal))];
        Assert.Equal("tuned", Choice(await RunAsync(folder, transcribe)));
        Assert.Equal("table", Choice(await RunAsync(folder, [.. transcribe, "--no-tune"])));
        // A damaged file counts as none, and is written anew.
        File.WriteAllText(file, "{\"key\":");
        var damaged = await RunAsync(folder, transcribe);
        Assert.Equal(("table", ""), (Choice(damaged), damaged.Error));
        Assert.Equal(ExitCode.Ok, (await RunAsync(folder, ["bench", model, "--tune", "--threads", "2"])).ExitCode);
        Assert.Contains("\"formats\"", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_that_cannot_be_written_is_one_line_and_no_failure()
    {
        using var folder = new TemporaryFolder();
        var model = RandomModel.WriteTo(folder["models"]);
        // A file in the folder's place: also for a superuser, whom no mode stops.
        folder.Write("cache/earshot", "no folder"u8);
        var run = await RunAsync(folder, ["bench", model, "--tune", "--threads", "1"]);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.StartsWith("earshot: what was measured is not kept: ", Assert.Single(
            run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Contains("By the table", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Threads_are_compared_in_one_run()
    {
        using var folder = new TemporaryFolder();
        var model = RandomModel.WriteTo(folder.Path);
        var run = await CommandRun.OfAsync(
            ["bench", model, "--weights", "f32", "--threads", "2,1", "--rounds", "1", "--tokens", "2", "--streams", "1", "--json"]);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        using var report = JsonDocument.Parse(run.Output);
        var results = report.RootElement.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal(["f32, 2 threads", "f32, 1 thread"], results.Select(result => result.GetProperty("name").GetString()));
        Assert.All(results[1].GetProperty("efficiency").EnumerateObject(), stage => Assert.Equal(1, stage.Value.GetDouble()));
        foreach (var stage in results[0].GetProperty("speedup").EnumerateObject())
        {
            Assert.Equal(
                stage.Value.GetDouble() / 2, results[0].GetProperty("efficiency").GetProperty(stage.Name).GetDouble(), 1e-9);
        }
        Assert.Equal(2, results[0].GetProperty("computed").GetProperty("threads").GetInt32());
        Assert.Equal("given", results[0].GetProperty("computed").GetProperty("choice").GetString());
    }

    static string? Choice(CommandRun run)
    {
        Assert.True(run.ExitCode == ExitCode.Ok, run.Error);
        using var transcript = JsonDocument.Parse(run.Output);
        return transcript.RootElement.GetProperty("computed").GetProperty("choice").GetString();
    }

    // The cache's place is the process' environment.
    static async Task<CommandRun> RunAsync(TemporaryFolder folder, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HF_HUB_CACHE"] = folder["cache/hub"];
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Earshot.Cli.dll"));
        foreach (var word in arguments) start.ArgumentList.Add(word);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new CommandRun(process.ExitCode, await output, error);
    }
}
