using System.Text;
using System.Text.Json;
using Earshot.Tests.Models.CausalLm;

namespace Earshot.Cli.Tests;

/// <summary>
/// What every family has, for a language model: <c>inspect</c>, <c>bench</c>, <c>quantize</c>, <c>export</c>, ONNX Runtime.
/// </summary>
public sealed class LanguageModelFileTests : IDisposable
{
    static readonly string[] s_greedy = ["The meeting", "--max-tokens", "12", "--temperature", "0", "--json"];

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    [InlineData("nf4")]
    public async Task A_quantised_folder_loads_and_generates(string format)
    {
        var model = SmallLanguageModel.WriteTo(_folder["model"]);
        var run = await CommandRun.OfAsync("quantize", model, "--to", format, "-o", _folder["smaller"]);
        Assert.Equal((ExitCode.Ok, ""), (run.ExitCode, run.Error));
        // Seven matrices a layer, the token table and the output.
        Assert.Contains($"23 matrices as {format}", run.Output, StringComparison.Ordinal);
        // What is computed with the codes is what their values give.
        var codes = await CommandRun.OfAsync(["generate", _folder["smaller"], .. s_greedy]);
        var values = await CommandRun.OfAsync(["generate", _folder["smaller"], "--weights", "f32", .. s_greedy]);
        Assert.Equal((ExitCode.Ok, 12), (codes.ExitCode, TokensOf(codes)));
        Assert.Equal(TextOf(values), TextOf(codes));
        var inspected = await CommandRun.OfAsync("inspect", _folder["smaller"], "--tensors");
        Assert.Contains(format, inspected.Output, StringComparison.Ordinal);
        Assert.Contains("key heads 2", inspected.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exported_folder_and_one_that_is_exported_on_the_way_give_the_same_text()
    {
        NativeRuntime.Require();
        var model = SmallLanguageModel.WriteTo(_folder["model"], ("use_sliding_window", "true"), ("sliding_window", "6"),
            ("max_window_layers", "1"));
        var own = await CommandRun.OfAsync(["generate", model, "--weights", "f32", .. s_greedy]);
        var run = await CommandRun.OfAsync("export", model, "-o", _folder["graphs"]);
        Assert.Equal((ExitCode.Ok, ""), (run.ExitCode, run.Error));
        var exported = await CommandRun.OfAsync(["generate", _folder["graphs"], "--device", "onnx-cpu", .. s_greedy]);
        Assert.Equal((ExitCode.Ok, ""), (exported.ExitCode, exported.Error));
        Assert.Equal(TextOf(own), TextOf(exported));
        var unasked = await CommandRun.OfAsync(["generate", _folder["graphs"], .. s_greedy]);
        Assert.Equal(TextOf(own), TextOf(unasked));
        Assert.Contains("it runs in ONNX Runtime (--device onnx-cpu)", unasked.Error, StringComparison.Ordinal);
        var chat = await CommandRun.OfAsync(
            ["chat", _folder["graphs"], "--chat-format", "chatml", "--max-tokens", "3", "-q"],
            new MemoryStream(Encoding.UTF8.GetBytes("Hello")));
        Assert.Equal((ExitCode.Ok, ""), (chat.ExitCode, chat.Error));
        var inspected = await CommandRun.OfAsync("inspect", _folder["graphs"]);
        Assert.Contains("past_key_values.0.decoder.key", inspected.Output, StringComparison.Ordinal);
        var adapter = await CommandRun.OfAsync(["generate", _folder["graphs"], "--adapter", "x", .. s_greedy]);
        Assert.Contains("--adapter is for Earshot's own kernels", adapter.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, adapter.ExitCode);
    }

    [Theory]
    [InlineData("generate", "nf4", "there are --precision f32")]
    [InlineData("chat", "int8,lm_head=f32", "with exceptions")]
    public async Task What_graphs_do_not_have_is_told_in_a_line(string command, string weights, string told)
    {
        NativeRuntime.Require();
        var model = SmallLanguageModel.WriteTo(_folder["model"]);
        string[] arguments = command == "chat" ? ["chat", model] : ["generate", model, "x"];
        var run = await CommandRun.OfAsync([.. arguments, "--device", "onnx-cpu", "--weights", weights]);
        Assert.Contains(told, run.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
        var device = await CommandRun.OfAsync([.. arguments, "--device", "abacus"]);
        Assert.Contains("--device: ", device.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_benchmark_measures_the_prompt_and_steps_of_one_and_of_several()
    {
        var model = SmallLanguageModel.WriteTo(_folder["model"]);
        var run = await CommandRun.OfAsync("bench", model, "--rounds", "1", "--tokens", "2", "--weights", "f32,int4", "--json");
        Assert.Equal((ExitCode.Ok, ""), (run.ExitCode, run.Error));
        using var report = JsonDocument.Parse(run.Output);
        foreach (var result in report.RootElement.GetProperty("results").EnumerateArray())
        {
            var stages = result.GetProperty("stages").EnumerateArray().ToList();
            Assert.Equal(["prompt", "token", "token of 8 streams"], stages.Select(stage => stage.GetProperty("name").GetString()));
            double seconds = stages[0].GetProperty("milliseconds").GetDouble() / 1000;
            Assert.Equal(512, result.GetProperty("prompt_tokens_per_second").GetDouble() * seconds, 1e-6);
            // All layers of 512 tokens, the output of one, and attention to half of them each.
            double products = 2 * 512.0 * 3 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 96) + 2 * 64 * 300;
            double least = products + 4.0 * 512 * 513 / 2 * 64 * 3;
            Assert.InRange(stages[0].GetProperty("flops").GetDouble(), least, 1.1 * least);
        }
    }

    static string TextOf(CommandRun run)
    {
        using var report = JsonDocument.Parse(run.Output);
        return report.RootElement.GetProperty("text").GetString()!;
    }

    static int TokensOf(CommandRun run)
    {
        using var report = JsonDocument.Parse(run.Output);
        return report.RootElement.GetProperty("tokens").GetInt32();
    }
}
