using System.Text.Json;
using Earshot.Tests.Models;

namespace Earshot.Cli.Tests;

public class QuantizeAndBenchTests
{
    [Fact]
    public async Task A_quantised_model_is_smaller_and_still_writes()
    {
        using var folder = new TemporaryFolder();
        var model = RandomModel.WriteTo(folder.Path);
        var target = Path.Combine(folder.Path, "int8");
        var run = await CommandRun.OfAsync(["quantize", model, "-o", target, "--keep", "conv"]);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        // Four projections and two feed-forward products a layer, four more in the decoder's, and the token table.
        Assert.Matches(@": 2\.\d+ MB → 1\.\d+ MB \(\d\d %\), 33 matrices as int8", run.Output);
        var heard = await CommandRun.OfAsync(["transcribe", TestRecordings.Jfk, "-m", target, "--beam-size", "1", "--temperature", "0"]);
        Assert.Equal(ExitCode.Ok, heard.ExitCode);
    }

    [Fact]
    public async Task Columns_that_stand_out_are_kept_and_told_of_and_weights_are_computed_as_wished()
    {
        using var folder = new TemporaryFolder();
        var model = RandomModel.WriteTo(folder.Path);
        var target = Path.Combine(folder.Path, "int8");
        // Random columns differ by little, but some are over this.
        var run = await CommandRun.OfAsync(["quantize", model, "-o", target, "--to", "int8", "--outliers", "1.02"]);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Matches(
            @"33 matrices as int8-outliers, \d+ tensors kept\s+[1-9]\d* columns of [1-9]\d* matrices stand out and are kept as they are\.",
            run.Output);
        var inspected = await CommandRun.OfAsync(["inspect", target, "--tensors"]);
        Assert.Contains("int8-outliers", inspected.Output, StringComparison.Ordinal);
        foreach (var weights in (string[])["saved", "fast", "f32", "int8,fc2=bf16", "nf4"])
        {
            var heard = await CommandRun.OfAsync(
                ["transcribe", TestRecordings.Jfk, "-m", target, "--beam-size", "1", "--temperature", "0", "--weights", weights]);
            Assert.Equal(ExitCode.Ok, heard.ExitCode);
        }
    }

    [Fact]
    public async Task An_existing_folder_is_not_overwritten()
    {
        using var folder = new TemporaryFolder();
        var run = await CommandRun.OfAsync(["quantize", TestModels.WhisperBase, "-o", folder.Path]);
        Assert.Equal(ExitCode.Model, run.ExitCode);
        Assert.Contains("exists already", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task A_benchmark_prints_every_stage_for_programs()
    {
        using var folder = new TemporaryFolder();
        var model = RandomModel.WriteTo(folder.Path);
        var run = await CommandRun.OfAsync(
            ["bench", model, "--weights", "f32,int8", "--rounds", "1", "--tokens", "2", "--streams", "2", "--json"]);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        using var report = JsonDocument.Parse(run.Output);
        var results = report.RootElement.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal(["f32", "int8"], results.Select(result => result.GetProperty("name").GetString()));
        Assert.All(results, result => Assert.Equal(5, result.GetProperty("stages").GetArrayLength()));
        Assert.True(results[1].GetProperty("weight_bytes").GetInt64() < 0.3 * results[0].GetProperty("weight_bytes").GetInt64());
        Assert.True(report.RootElement.GetProperty("read_gigabytes_per_second").GetDouble() > 0);
    }

    [Theory]
    [InlineData("bench --random tiny --weights f16", "--weights has 'f16'")]
    [InlineData("bench --random huge", "No model is called 'huge'")]
    [InlineData("bench", "give a model's folder or name, or --random SHAPE")]
    public async Task What_cannot_be_measured_is_said(string commandLine, string expected)
    {
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.NotEqual(ExitCode.Ok, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }
}
