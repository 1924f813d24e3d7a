using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Tests.Models;

namespace Earshot.Cli.Tests;

public sealed class ModelsTests : IDisposable
{
    const string EndpointVariable = "HF_ENDPOINT";

    readonly TemporaryFolder _cache = new();
    readonly string? _endpoint = Environment.GetEnvironmentVariable(EndpointVariable);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(EndpointVariable, _endpoint);
        _cache.Dispose();
    }

    [Fact]
    public async Task A_model_is_pulled_listed_and_removed()
    {
        using var hub = new FakeHub();
        Environment.SetEnvironmentVariable(EndpointVariable, hub.Endpoint.ToString());

        var pull = await RunAsync("pull", "org/model");
        Assert.True(pull.ExitCode == ExitCode.Ok, pull.Error);
        var folder = pull.Output.Trim();
        Assert.Equal(hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Contains("model.safetensors  3.00 MB", pull.Error);

        var again = await RunAsync("pull", "org/model");
        Assert.Equal(folder, again.Output.Trim());
        Assert.Contains("is here already", again.Error);

        using (var list = JsonDocument.Parse((await RunAsync("list", "--json")).Output))
        {
            var model = Assert.Single(list.RootElement.EnumerateArray(), model => model.GetProperty("where").GetString() == "cache");
            Assert.Equal("org/model", model.GetProperty("name").GetString());
            Assert.Equal("ready", model.GetProperty("state").GetString());
            Assert.True(model.GetProperty("is_complete").GetBoolean());
        }
        Assert.Contains("org/model", (await RunAsync("list")).Output);

        var unasked = await RunAsync("remove", "org/model");
        Assert.Contains("--yes", unasked.AssertOneLine(ExitCode.Usage));
        var removed = await RunAsync("remove", "org/model", "--yes");
        Assert.Equal(ExitCode.Ok, removed.ExitCode);
        Assert.Contains("3.00 MB freed", removed.Error);
        Assert.DoesNotContain(_cache.Files(), file => file.EndsWith("safetensors", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_box_and_the_hub_are_listed_beside_an_empty_cache()
    {
        var run = await RunAsync("list");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Matches(@"base .*in the box .*MB .*ready", run.Output);
        Assert.Matches(@"openai/whisper-large-v3-turbo .*turbo.* on the hub .*≈ 1.62 GB .*can be pulled", run.Output);
        Assert.Contains("earshot models pull", run.Error);
        using var json = JsonDocument.Parse((await RunAsync("list", "--json")).Output);
        Assert.All(json.RootElement.EnumerateArray(), model => Assert.NotEqual("cache", model.GetProperty("where").GetString()));
        var boxed = Assert.Single(json.RootElement.EnumerateArray(), model => model.GetProperty("name").GetString() == "base");
        Assert.Equal(("box", "ready"), (boxed.GetProperty("where").GetString(), boxed.GetProperty("state").GetString()));
        Assert.True(Directory.Exists(boxed.GetProperty("folder").GetString()));
        Assert.Contains(
            json.RootElement.EnumerateArray(),
            model => model.GetProperty("short_names").EnumerateArray().Any(name => name.GetString() == "tiny"));
    }

    [Fact]
    public async Task The_model_in_the_box_needs_no_pulling_and_is_not_removed()
    {
        // Nothing is there to answer.
        Environment.SetEnvironmentVariable(EndpointVariable, "http://127.0.0.1:1");
        var pull = await RunAsync("pull", "base");
        Assert.Equal(ExitCode.Ok, pull.ExitCode);
        Assert.True(Directory.Exists(pull.Output.Trim()));
        Assert.Contains("is the model in the box: there is nothing to download", pull.Error);
        var show = await RunAsync("show", "base");
        Assert.Equal(ExitCode.Ok, show.ExitCode);
        Assert.Contains("99", show.Output);
        Assert.Contains("came with the program", (await RunAsync("remove", "base", "--yes")).AssertOneLine(ExitCode.Model));
    }

    [Theory]
    [InlineData("remove openai/whisper-tiny --yes")]
    [InlineData("show openai/whisper-tiny")]
    [InlineData("pull not//a-name")]
    public async Task A_model_that_is_not_there_is_exit_code_3(string command) =>
        Assert.Contains(command.Split(' ')[1], (await RunAsync(command.Split(' '))).AssertOneLine(ExitCode.Model));

    [Fact]
    public async Task A_model_is_shown_with_what_it_can_do()
    {
        var folder = TestModels.WhisperBase;
        var run = await RunAsync("show", folder);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Matches(@"languages +99\n", run.Output);
        Assert.Contains("72,593,920", run.Output);
        Assert.Contains(".safetensors", run.Output);
        using var json = JsonDocument.Parse((await RunAsync("show", folder, "--json")).Output);
        Assert.Equal(99, json.RootElement.GetProperty("languages").GetInt32());
        using var temporary = new TemporaryFolder();
        Assert.Contains("English only", (await RunAsync("show", RandomModel.WriteTo(temporary.Path))).Output);
    }

    [Fact]
    public void Short_names_stand_for_names_on_the_hub()
    {
        Assert.Equal("openai/whisper-large-v3-turbo", ModelNames.Full("turbo"));
        Assert.Equal("openai/whisper-small", ModelNames.Full("SMALL"));
        Assert.Equal("base", ModelNames.Full("base"));
        Assert.Equal("somebody/model", ModelNames.Full("somebody/model"));
    }

    Task<CommandRun> RunAsync(params string[] args) => CommandRun.OfAsync(["models", .. args, "--cache", _cache.Path]);
}
