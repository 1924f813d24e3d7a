using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Earshot.Cli.Tests;

/// <summary><c>generate</c> and <c>chat</c>, over the reference's small model and SmolLM2.</summary>
public sealed class LanguageModelTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    static string Tiny => TestData.Require("goldens/qwen2-tiny/tied");

    static string Smol => TestData.Require("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");

    [Fact]
    public async Task A_text_is_continued_the_same_way_as_text_and_as_json()
    {
        string[] how = ["--max-tokens", "12", "--temperature", "0", "--weights", "f32"];
        var text = await CommandRun.OfAsync(["generate", Tiny, "The meeting", .. how]);
        Assert.Equal((ExitCode.Ok, ""), (text.ExitCode, text.Error));
        var json = await CommandRun.OfAsync(["generate", Tiny, "-", "--json", .. how], Input("The meeting\n"));
        using var report = JsonDocument.Parse(json.Output);
        Assert.Equal(text.Output, report.RootElement.GetProperty("text").GetString() + "\n");
        Assert.Equal("length", report.RootElement.GetProperty("finish").GetString());
        Assert.Equal(12, report.RootElement.GetProperty("tokens").GetInt32());
        var told = await CommandRun.OfAsync(["generate", Tiny, "The meeting", "--seed", "7", "--max-tokens", "3", "-v"]);
        Assert.Contains("3 generated; seed 7; ended by length.", told.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_piped_in_is_one_question()
    {
        var run = await CommandRun.OfAsync(["chat", Smol, "--max-tokens", "40", "-v"], Input("What is the\ncapital of France?\n"));
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("Paris", run.Output, StringComparison.Ordinal);
        Assert.Contains("matrices of Q4_1", run.Error, StringComparison.Ordinal);
        Assert.Contains("are computed as they are stored", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chat_remembers_begins_anew_and_forgets_its_oldest_turns()
    {
        // A short context, in which two questions fit and three do not.
        foreach (var file in Directory.EnumerateFiles(Tiny))
            if (Path.GetExtension(file) != ".npy") _folder.Write(Path.GetFileName(file), File.ReadAllBytes(file));
        var config = File.ReadAllText(_folder["config.json"]);
        File.WriteAllText(_folder["config.json"], config.Replace(
            "\"max_position_embeddings\": 32768", "\"max_position_embeddings\": 100", StringComparison.Ordinal));
        string[] command =
            ["chat", _folder.Path, "--chat-format", "chatml", "--system", "Short.", "--max-tokens", "8", "--temperature", "0", "-v"];

        var run = await TalkAsync(command, $"a\nb\n\n/new\na\n{new string('x', 300)}\nc\nd\ne\n/exit\nnever\n");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        int[] prompts = [.. run.Error.Split('\n').Where(line => line.Contains("tokens of prompt", StringComparison.Ordinal))
            .Select(line => int.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture))];
        Assert.Equal(6, prompts.Length);
        Assert.True(prompts[1] > prompts[0], "The second question comes with the first.");
        Assert.Equal(prompts[0], prompts[2]);
        Assert.All(prompts, tokens => Assert.InRange(tokens, 1, 92));
        Assert.Contains("The chat begins anew.", run.Error, StringComparison.Ordinal);
        Assert.Contains("The context of 100 tokens is full: the oldest 2 turns", run.Error, StringComparison.Ordinal);
        Assert.Contains("room for 100", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("<|im", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_is_held_to_a_schema_an_expression_or_choices()
    {
        string[] how = ["--weights", "f32", "--max-tokens", "60", "--temperature", "0"];
        const string schema = """{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}""";
        _folder.Write("schema.json", Encoding.UTF8.GetBytes(schema));
        var json = await CommandRun.OfAsync(
            ["chat", Tiny, "--chat-format", "chatml", "--json-schema", _folder["schema.json"], .. how], Input("Hello"));
        Assert.Equal(ExitCode.Ok, json.ExitCode);
        Assert.Equal(JsonValueKind.Number, JsonDocument.Parse(json.Output).RootElement.GetProperty("a").ValueKind);
        string[] moods = ["--choice", "good", "--choice", "bad"];
        var choice = await CommandRun.OfAsync(["generate", Tiny, "The", .. moods, "--json", "--logprobs", "2", .. how]);
        using var report = JsonDocument.Parse(choice.Output);
        Assert.Contains(report.RootElement.GetProperty("text").GetString(), (string[])["good", "bad"]);
        Assert.Equal("stop", report.RootElement.GetProperty("finish").GetString());
        var logprobs = report.RootElement.GetProperty("logprobs");
        Assert.Equal(report.RootElement.GetProperty("tokens").GetInt32(), logprobs.GetArrayLength());
        Assert.Equal(2, logprobs[0].GetProperty("top").GetArrayLength());
        var regex = await CommandRun.OfAsync(["generate", Tiny, "The", "--regex", @"\d\d:\d\d", "--draft", Tiny, .. how]);
        Assert.Matches(@"^\d\d:\d\d\n$", regex.Output);

        async Task<string> WrongAsync(params string[] more) =>
            (await CommandRun.OfAsync(["generate", Tiny, "x", .. more])).AssertOneLine(ExitCode.Usage);
        Assert.Contains("keyword 'not'", await WrongAsync("--json-schema", """{"not": {}}"""), StringComparison.Ordinal);
        Assert.Contains("cannot read", await WrongAsync("--json-schema", _folder["none.json"]), StringComparison.Ordinal);
        Assert.Contains("--regex:", await WrongAsync("--regex", "(a"), StringComparison.Ordinal);
        Assert.Contains("give one of them", await WrongAsync("--regex", "a", "--choice", "b"), StringComparison.Ordinal);
        Assert.Contains("--json", await WrongAsync("--logprobs", "1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_language_model_or_no_format_is_told_in_a_line()
    {
        var whisper = await CommandRun.OfAsync("chat", TestModels.InBox("whisper-base"));
        Assert.Contains("'whisper', which writes no text by itself", whisper.AssertOneLine(ExitCode.Model), StringComparison.Ordinal);
        var plain = await CommandRun.OfAsync(["chat", Tiny], Input("Hello"));
        Assert.Contains("no chat template", plain.AssertOneLine(ExitCode.Model), StringComparison.Ordinal);
        var empty = await CommandRun.OfAsync(["chat", Tiny, "--chat-format", "chatml"], Input(" \n"));
        Assert.Contains("no question", empty.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
        var format = await CommandRun.OfAsync("generate", Tiny, "x", "--weights", "q9");
        Assert.Contains("--weights: 'q9'", format.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Perplexity_is_told_as_a_line_and_as_json()
    {
        File.WriteAllText(_folder["text.txt"], string.Concat(Enumerable.Repeat("The old lighthouse stands at the end of a road. ", 12)));
        string[] command =
            ["eval", "--perplexity", _folder["text.txt"], "-m", Tiny, "--window", "40", "--stride", "10", "--weights", "f32"];
        var line = await CommandRun.OfAsync(command);
        Assert.Equal((ExitCode.Ok, ""), (line.ExitCode, line.Error));
        var json = await CommandRun.OfAsync([.. command, "--json"]);
        using var report = JsonDocument.Parse(json.Output);
        var root = report.RootElement;
        double nll = root.GetProperty("nll").GetDouble(), perplexity = root.GetProperty("perplexity").GetDouble();
        int tokens = root.GetProperty("tokens").GetInt32(), windows = root.GetProperty("windows").GetInt32();
        Assert.Equal(Math.Exp(nll / tokens), perplexity, 1e-9 * perplexity);
        Assert.True(tokens > 100 && windows == 1 + (tokens - 39 + 9) / 10, $"{tokens} tokens, {windows} windows");
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"Perplexity {perplexity:0.0000}  ({tokens} tokens"), line.Output,
            StringComparison.Ordinal);
        Assert.Equal("f32", root.GetProperty("computed").GetProperty("formats").GetProperty("decoder").GetString());
        var piped = await CommandRun.OfAsync(
            ["eval", "--perplexity", "-", "-m", Tiny, "--json"], Input(File.ReadAllText(_folder["text.txt"])));
        Assert.Equal(tokens, JsonDocument.Parse(piped.Output).RootElement.GetProperty("tokens").GetInt32());
    }

    [Theory]
    [InlineData("--beam-size is for recordings", "--beam-size", "2")]
    [InlineData("not both", "manifest.json")]
    [InlineData("expected 2 to", "--window", "40000")]
    [InlineData("below the window", "--window", "8", "--stride", "8")]
    [InlineData("measures one model", "-m", "other")]
    [InlineData("'q9'", "--weights", "q9")]
    public async Task What_perplexity_does_not_take_is_told_in_a_line(string told, params string[] arguments)
    {
        File.WriteAllText(_folder["text.txt"], "A text of some words.");
        var run = await CommandRun.OfAsync(["eval", "--perplexity", _folder["text.txt"], "-m", Tiny, .. arguments]);
        Assert.Contains(told, run.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
        var alone = await CommandRun.OfAsync("eval", "manifest.json", "--window", "8");
        Assert.Contains("--window is for --perplexity", alone.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
        File.WriteAllBytes(_folder["text.txt"], [0xC3, 0x28, 0xC3]);
        var bytes = await CommandRun.OfAsync("eval", "--perplexity", _folder["text.txt"], "-m", Tiny);
        Assert.Contains("is not UTF-8", bytes.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_adapter_that_is_none_is_told_before_anything_is_generated()
    {
        var run = await CommandRun.OfAsync("generate", Tiny, "x", "--adapter", _folder["none"]);
        Assert.Contains("which should hold an adapter", run.AssertOneLine(ExitCode.Model), StringComparison.Ordinal);
    }

    static MemoryStream Input(string text) => new(Encoding.UTF8.GetBytes(text));

    static async Task<CommandRun> TalkAsync(string[] args, string lines)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var terminal = new Terminal { Out = output, Error = error, OpenInput = () => Input(lines), InputIsTerminal = true };
        int exitCode = await Application.RunAsync(args, terminal, CancellationToken.None);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }
}
