namespace Earshot.Cli.Models;

/// <summary>Models as people call them.</summary>
internal static class ModelNames
{
    /// <summary>Used where neither --model nor EARSHOT_MODEL names one: small enough for any machine, and multilingual.</summary>
    public const string Default = "openai/whisper-base";

    /// <summary>The environment variable that names the model where --model does not.</summary>
    public const string Variable = "EARSHOT_MODEL";

    static readonly Dictionary<string, string> s_short = new(StringComparer.OrdinalIgnoreCase)
    {
        ["tiny"] = "openai/whisper-tiny",
        ["tiny.en"] = "openai/whisper-tiny.en",
        ["base"] = "openai/whisper-base",
        ["base.en"] = "openai/whisper-base.en",
        ["small"] = "openai/whisper-small",
        ["small.en"] = "openai/whisper-small.en",
        ["medium"] = "openai/whisper-medium",
        ["medium.en"] = "openai/whisper-medium.en",
        ["large"] = "openai/whisper-large-v3",
        ["large-v1"] = "openai/whisper-large",
        ["large-v2"] = "openai/whisper-large-v2",
        ["large-v3"] = "openai/whisper-large-v3",
        ["large-v3-turbo"] = "openai/whisper-large-v3-turbo",
        ["turbo"] = "openai/whisper-large-v3-turbo",
        ["distil-small.en"] = "distil-whisper/distil-small.en",
        ["distil-medium.en"] = "distil-whisper/distil-medium.en",
        ["distil-large-v2"] = "distil-whisper/distil-large-v2",
        ["distil-large-v3"] = "distil-whisper/distil-large-v3",
        ["distil-large-v3.5"] = "distil-whisper/distil-large-v3.5",
    };

    /// <summary>The short names that <see cref="Full"/> knows.</summary>
    public static IReadOnlyCollection<string> Short => s_short.Keys;

    /// <summary>The hub's name for a short one (<c>turbo</c>); a folder, or any other name, as it is.</summary>
    public static string Full(string name) =>
        !Directory.Exists(name) && s_short.TryGetValue(name, out var full) ? full : name;
}
