using System.Text.Json;

namespace Earshot.Cli.Tests;

/// <summary><c>--route</c> and <c>--text-rules</c>.</summary>
public sealed class RouteTests
{
    [Fact]
    public async Task The_choice_is_told_and_stands_in_the_result()
    {
        using var folder = new TemporaryFolder();
        var table = folder.Write("table.json", """
            {
              "format": "earshot-routing-1", "groups": { "asian": ["zh", "ja"] },
              "models": [{ "model": "nobody/nothing" }, { "model": "base", "languages": ["asian"] }, { "model": "base" }]
            }
            """u8);
        var run = await CommandRun.OfAsync(
            "transcribe", Recordings.Jfk, "--route", table, "-v", "-f", "json", "--beam-size", "1", "--text-rules", "casing=upper");
        Assert.True(run.ExitCode == ExitCode.Ok, run.Error);
        Assert.Matches(@"is routed to base: english \(heard in 3 s, [01]\.\d\d\); the only one that can", run.Error);
        Assert.Contains("nobody/nothing is not here", run.Error);
        using var json = JsonDocument.Parse(run.Output);
        Assert.Contains("ASK NOT WHAT YOUR COUNTRY", json.RootElement.GetProperty("text").GetString());
        var route = json.RootElement.GetProperty("route");
        Assert.Equal(("base", "en"), (route.GetProperty("model").GetString(), route.GetProperty("language").GetString()));
        Assert.Equal("is not for en", route.GetProperty("others")[1].GetProperty("why").GetString());
    }

    [Fact]
    public async Task A_table_without_a_model_that_can_fails_one_file_with_a_reason()
    {
        using var folder = new TemporaryFolder();
        var table = folder.Write(
            "table.json", """{ "format": "earshot-routing-1", "models": [{ "model": "base", "languages": ["ja"] }] }"""u8);
        var run = await CommandRun.OfAsync("transcribe", Recordings.Jfk, "--route", table, "--language", "de");
        Assert.Contains(
            "No model of the routing table can transcribe german: base is not for de", run.AssertOneLine(ExitCode.SomeFailed));
    }

    [Theory]
    [InlineData("--model", "--route", "auto", "--model", "base")]
    [InlineData("--draft", "--route", "auto", "--draft", "tiny")]
    [InlineData("There is no routing table", "--route", "/nowhere/table.json")]
    [InlineData("There is no text rule 'x'", "--text-rules", "auto,x")]
    public async Task Options_that_cannot_be_are_refused(string what, params string[] options) => Assert.Contains(
        what, (await CommandRun.OfAsync(["transcribe", Recordings.Jfk, .. options])).AssertOneLineAfter("Try '", ExitCode.Usage));

    [Fact]
    public async Task Standard_input_needs_a_language() => Assert.Contains(
        "give --language", (await CommandRun.OfAsync("transcribe", "-", "--route", "auto")).AssertOneLine(ExitCode.Usage));
}
