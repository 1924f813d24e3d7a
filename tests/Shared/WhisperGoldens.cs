using System.Text.Json;

namespace Earshot.Testing;

/// <summary>
/// The reference outputs of Whisper base: those of a few recordings in the repository, all others in the test data. The
/// tolerances are the ones that their README states for float32.
/// </summary>
internal static class WhisperGoldens
{
    /// <summary>Where the top two logits stay further apart than this, a rounding difference changes no token.</summary>
    public const double NarrowMargin = 0.02;

    public const double AvgLogprobTolerance = 2e-3, ProbabilityTolerance = 1e-3;

    /// <summary>What a file says of one clip.</summary>
    public static JsonElement Clip(string file, string clip) => Find(file, clip) ?? Read(Shared(file)).GetProperty("clips").GetProperty(clip);

    /// <summary>The same, or null where there is nothing of the clip.</summary>
    public static JsonElement? FindClip(string file, string clip)
    {
        if (Find(file, clip) is { } own) return own;
        if (!TestData.Has($"goldens/whisper-base/{file}")) return null;
        return Read(Shared(file)).GetProperty("clips").TryGetProperty(clip, out var found) ? found : null;
    }

    /// <summary>All of a file.</summary>
    public static JsonElement Whole(string file) => Read(File.Exists(Own(file)) ? Own(file) : Shared(file));

    /// <summary>All of the test data's file.</summary>
    public static JsonElement WholeOfAllClips(string file) => Read(Shared(file));

    /// <summary>An array, shape before values.</summary>
    public static string Array(string file) => File.Exists(Own(file)) ? Own(file) : Shared(file);

    public static int[] Tokens(JsonElement element, string name = "tokens") => [.. element.GetProperty(name).EnumerateArray().Select(token => token.GetInt32())];

    static string Own(string file) => Path.Combine(TestData.RepositoryRoot, "tests", "goldens", "whisper-base", file);

    static string Shared(string file) => TestData.Require($"goldens/whisper-base/{file}");

    static JsonElement? Find(string file, string clip) =>
        File.Exists(Own(file)) && Read(Own(file)).GetProperty("clips").TryGetProperty(clip, out var found) ? found : null;

    static JsonElement Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return document.RootElement.Clone();
    }
}
