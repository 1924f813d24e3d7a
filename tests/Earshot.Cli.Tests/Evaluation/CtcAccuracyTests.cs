using System.Globalization;
using System.Text.Json.Nodes;

namespace Earshot.Cli.Tests.Evaluation;

/// <summary>
/// Word errors of a real CTC model, an English one that EARSHOT_CTC_MODEL names by its folder. None is in the box, so that nothing is
/// measured where it is not given.
/// </summary>
public sealed class CtcAccuracyTests
{
    // wav2vec2-base-960h has 3.4 % of LibriSpeech's test-clean without a language model (arXiv 2006.11477); these clips are few.
    const double MostWordErrors = 0.10;

    [Fact]
    public async Task A_real_model_makes_few_word_errors()
    {
        var model = Environment.GetEnvironmentVariable("EARSHOT_CTC_MODEL");
        Assert.SkipUnless(model is { Length: > 0 }, "EARSHOT_CTC_MODEL names no model: word errors of a real CTC model were not measured.");
        using var folder = new TemporaryFolder();
        var audio = TestData.Require("audio/manifest.json");
        var clips = JsonNode.Parse(File.ReadAllText(audio))!.AsArray()
            .Where(clip => clip!["file"]!.GetValue<string>().StartsWith("librispeech-test-clean", StringComparison.Ordinal))
            .Select(clip => clip!.DeepClone()).ToArray();
        foreach (var clip in clips) clip["file"] = Path.Combine(Path.GetDirectoryName(audio)!, clip["file"]!.GetValue<string>());
        Assert.NotEmpty(clips);
        File.WriteAllText(folder["manifest.json"], new JsonArray(clips).ToJsonString());
        var run = await CommandRun.OfAsync("eval", folder["manifest.json"], "-m", model!, "--no-warm-up", "-o", folder["run"]);
        Assert.True(run.ExitCode == 0, run.Error);
        string[][] table = [.. File.ReadAllLines(folder["run/systems.csv"]).Select(line => line.Split(','))];
        // The device is quoted, with commas in it: counted from the end, the columns are where they should be.
        int fromEnd = table[0].Length - Array.IndexOf(table[0], "wer");
        double errors = double.Parse(table[1][^fromEnd], CultureInfo.InvariantCulture);
        TestContext.Current.TestOutputHelper?.WriteLine($"{model}: {errors:0.00 %} of {clips.Length} clips");
        Assert.InRange(errors, 0, MostWordErrors);
    }
}
