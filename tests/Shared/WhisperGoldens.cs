using System.Text.Json;

namespace Earshot.Testing;

/// <summary>
/// The reference outputs of Whisper base (tests/data/goldens/whisper-base). The tolerances are the ones that were stated with them for
/// float32.
/// </summary>
internal static class WhisperGoldens
{
    /// <summary>Where the top two logits stay further apart than this, a rounding difference changes no token.</summary>
    public const double NarrowMargin = 0.02;

    public const double AvgLogprobTolerance = 2e-3, ProbabilityTolerance = 1e-3;

    /// <summary>What a file says of one clip.</summary>
    public static JsonElement Clip(string file, string clip) => Whole(file).GetProperty("clips").GetProperty(clip);

    /// <summary>The same, or null where there is nothing of the clip.</summary>
    public static JsonElement? FindClip(string file, string clip) =>
        Whole(file).GetProperty("clips").TryGetProperty(clip, out var found) ? found : null;

    /// <summary>The names of all clips that a file tells of.</summary>
    public static IEnumerable<string> Clips(string file) => Whole(file).GetProperty("clips").EnumerateObject().Select(clip => clip.Name);

    /// <summary>All of a file.</summary>
    public static JsonElement Whole(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Array(file)));
        return document.RootElement.Clone();
    }

    /// <summary>An array, shape before values.</summary>
    public static string Array(string file) => TestData.Require($"goldens/whisper-base/{file}");

    public static int[] Tokens(
        JsonElement element, string name = "tokens") => [.. element.GetProperty(name).EnumerateArray().Select(token => token.GetInt32())];
}
