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
            .Select(line => int.Parse(line.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture))];
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

    static MemoryStream Input(string text) => new(Encoding.UTF8.GetBytes(text));

    static async Task<CommandRun> TalkAsync(string[] args, string lines)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var terminal = new Terminal { Out = output, Error = error, OpenInput = () => Input(lines), InputIsTerminal = true };
        int exitCode = await Application.RunAsync(args, terminal, CancellationToken.None);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }
}
