using System.Text.Json;

namespace Earshot.Cli.Tests;

/// <summary><c>earshot align</c>, and options that a CTC model takes or refuses, with tiny models of random weights.</summary>
public sealed class AlignTests : IDisposable
{
    static readonly string s_model = TestData.Require("goldens/wav2vec2-tiny/hubert");
    static readonly string s_audio = TestData.Require("audio/jfk.wav");

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_word_of_the_text_is_written_once_in_order()
    {
        const string Text = "ask not 1961, what £13.60 — a.b@c.de can do";
        File.WriteAllText(_folder["t.txt"], Text);
        var json = await CommandRun.OfAsync("align", s_audio, _folder["t.txt"], "-m", s_model, "-f", "json");
        Assert.Equal(0, json.ExitCode);
        using var aligned = JsonDocument.Parse(json.Output);
        var words = aligned.RootElement.GetProperty("segments").EnumerateArray()
            .SelectMany(segment => segment.GetProperty("words").EnumerateArray()).ToArray();
        Assert.Equal(Text, string.Concat(words.Select(word => word.GetProperty("word").GetString())));
        double last = 0;
        foreach (var word in words)
        {
            double start = word.GetProperty("start").GetDouble(), end = word.GetProperty("end").GetDouble();
            Assert.True(last <= start && start < end && end <= 11, $"{word}");
            last = end;
        }
        Assert.Equal([" 1961,", " £13.60", " —"], words.Where(word => !word.TryGetProperty("score", out _))
            .Select(word => word.GetProperty("word").GetString()));

        var srt = await CommandRun.OfAsync("align", s_audio, _folder["t.txt"], "-m", s_model, "-o", _folder["out.srt"]);
        Assert.Equal(0, srt.ExitCode);
        var subtitles = File.ReadAllText(_folder["out.srt"]);
        Assert.Contains("1961", subtitles, StringComparison.Ordinal);
        Assert.Contains("£13.60", subtitles, StringComparison.Ordinal);
        Assert.Contains("-->", subtitles, StringComparison.Ordinal);
        var kept = await CommandRun.OfAsync("align", s_audio, _folder["t.txt"], "-m", s_model, "-o", _folder["out.srt"]);
        Assert.Contains("--overwrite", kept.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_of_something_else_is_said_to_be()
    {
        File.WriteAllText(_folder["t.txt"], "zebras quickly jump over\nlazy sphinxes of black quartz");
        var run = await CommandRun.OfAsync("align", s_audio, _folder["t.txt"], "-m", s_model, "-f", "textgrid");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("does not match the recording", run.Error, StringComparison.Ordinal);
        Assert.Contains("class = \"IntervalTier\"", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("日本語の文", "script")]
    [InlineData("... — ♪", "no words")]
    public async Task A_text_without_a_word_of_the_model_is_refused(string text, string expected)
    {
        File.WriteAllText(_folder["t.txt"], text);
        var run = await CommandRun.OfAsync("align", s_audio, _folder["t.txt"], "-m", s_model);
        Assert.Contains(expected, run.AssertOneLine(ExitCode.Model), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_without_a_ctc_head_is_refused()
    {
        File.WriteAllText(_folder["t.txt"], "ask not");
        var run = await CommandRun.OfAsync("align", s_audio, _folder["t.txt"], "-m", TestModels.InBox("whisper-base"));
        Assert.Contains("CTC head", run.AssertOneLine(ExitCode.Model), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--prefix", "So", "not prompted")]
    [InlineData("--temperature", "0.4", "draws")]
    [InlineData("--best-of", "3", "draws")]
    [InlineData("--multilingual", null, "languages")]
    [InlineData("--lm-weight", "1", "needs --lm")]
    [InlineData("--hotword-boost", "1", "needs --hotwords")]
    public async Task Options_that_mean_nothing_to_a_ctc_model_are_refused_with_the_reason(string option, string? value, string expected)
    {
        string[] args = ["transcribe", s_audio, "-m", s_model, option, .. value is null ? (string[])[] : [value]];
        Assert.Contains(expected, (await CommandRun.OfAsync(args)).AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_search_takes_a_language_model_and_hotwords_and_names_those_it_cannot_write_once()
    {
        var lm = TestData.Require("goldens/ctc-decoding/lm.arpa");
        var run = await CommandRun.OfAsync(
            "transcribe", s_audio, s_audio, "-m", s_model, "--lm", lm, "--hotwords", "zebra, 東京", "--beam-size", "8", "--word-timestamps",
            "-f", "json", "-o", _folder.Path + "/");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(2, run.Error.Split("東京").Length);
        Assert.DoesNotContain("zebra", run.Error, StringComparison.Ordinal);
        var refused = await CommandRun.OfAsync("transcribe", s_audio, "-m", TestModels.InBox("whisper-base"), "--lm", lm);
        Assert.Contains("only the search of CTC models", refused.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_language_is_one_that_the_model_has_weights_for()
    {
        var mms = TestData.Require("goldens/wav2vec2-tiny/mms");
        Assert.Equal(0, (await CommandRun.OfAsync("transcribe", s_audio, "-m", mms, "-l", "rus")).ExitCode);
        var refused = await CommandRun.OfAsync("transcribe", s_audio, "-m", mms, "-l", "fr");
        Assert.Contains("eng, deu, rus", refused.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, refused.ExitCode);
    }

    [Fact]
    public async Task Aligning_another_models_words_needs_a_file_and_no_translation()
    {
        var stdin = await CommandRun.OfAsync(
            ["transcribe", "-", "-m", s_model, "--align-with", s_model], new MemoryStream(File.ReadAllBytes(s_audio)));
        Assert.Contains("give a file", stdin.AssertOneLine(ExitCode.Usage), StringComparison.Ordinal);
        var run = await CommandRun.OfAsync(
            "transcribe", s_audio, "-m", s_model, "--align-with", TestData.Require("goldens/wav2vec2-tiny/large"), "-f", "srt");
        Assert.Equal(0, run.ExitCode);
    }
}
