namespace Earshot.Checkpoints;

/// <summary>A model on the hub that has a short name.</summary>
/// <param name="Id">Its name on the hub.</param>
/// <param name="ShortNames">What people call it: <c>turbo</c>, <c>large-v3-turbo</c>.</param>
/// <param name="Bytes">About what its weights take to download; null where that is not known.</param>
public sealed record KnownModel(string Id, IReadOnlyList<string> ShortNames, long? Bytes);

/// <summary>Models as people call them.</summary>
public static class ModelNames
{
    /// <summary>The recogniser in the box; <c>openai/whisper-base</c> is the hub's.</summary>
    public const string Base = "base";

    /// <summary>Used where no model is named: nothing to download, small enough for any machine, and multilingual.</summary>
    public const string Default = Base;

    /// <summary>The models of the hub that have short names.</summary>
    public static IReadOnlyList<KnownModel> Hub { get; } =
    [
        new("openai/whisper-tiny", ["tiny"], 151_000_000),
        new("openai/whisper-tiny.en", ["tiny.en"], 151_000_000),
        new("openai/whisper-base.en", ["base.en"], 290_000_000),
        new("openai/whisper-small", ["small"], 967_000_000),
        new("openai/whisper-small.en", ["small.en"], 967_000_000),
        new("openai/whisper-medium", ["medium"], 3_060_000_000),
        new("openai/whisper-medium.en", ["medium.en"], 3_060_000_000),
        new("openai/whisper-large-v3", ["large-v3", "large"], 3_090_000_000),
        new("openai/whisper-large", ["large-v1"], 6_170_000_000),
        new("openai/whisper-large-v2", ["large-v2"], 6_170_000_000),
        new("openai/whisper-large-v3-turbo", ["turbo", "large-v3-turbo"], 1_620_000_000),
        new("distil-whisper/distil-small.en", ["distil-small.en"], 332_000_000),
        new("distil-whisper/distil-medium.en", ["distil-medium.en"], 789_000_000),
        new("distil-whisper/distil-large-v2", ["distil-large-v2"], 1_510_000_000),
        new("distil-whisper/distil-large-v3", ["distil-large-v3"], 1_510_000_000),
        new("distil-whisper/distil-large-v3.5", ["distil-large-v3.5"], null),
    ];

    /// <summary>All short names: that of the model in the box, and those that stand for models on the hub.</summary>
    public static IReadOnlyList<string> Short { get; } = [Base, .. Hub.SelectMany(model => model.ShortNames)];

    /// <summary>Whether a name means the recogniser in the box: <c>base</c>, or its folder's name.</summary>
    public static bool IsInBox(string name) =>
        Base.Equals(name, StringComparison.OrdinalIgnoreCase) || BundledModels.WhisperBase.Equals(name, StringComparison.OrdinalIgnoreCase);

    /// <summary>The hub's name for a short one (<c>turbo</c>); any other name as it is.</summary>
    public static string Full(string name) =>
        Hub.FirstOrDefault(model => model.ShortNames.Contains(name, StringComparer.OrdinalIgnoreCase))?.Id ?? name;
}
