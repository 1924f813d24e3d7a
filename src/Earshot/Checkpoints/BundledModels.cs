namespace Earshot.Checkpoints;

/// <summary>
/// The models in the box: folders that came with the program, in <c>models/</c> beside it. The packages Earshot.Models.* put them there;
/// nothing is downloaded.
/// </summary>
public static class BundledModels
{
    /// <summary>Names another folder to look in first, such as one that several programs share.</summary>
    public const string FolderVariable = "EARSHOT_MODELS";

    /// <summary>The recogniser in the box: Whisper base, multilingual.</summary>
    public const string WhisperBase = "whisper-base";

    /// <summary>The voice activity detector in the box.</summary>
    public const string SileroVad = "silero-vad";

    /// <summary>The end-of-turn detector in the box: Smart Turn.</summary>
    public const string SmartTurn = "smart-turn-v3.2";

    /// <summary>The speaker segmentation model in the box.</summary>
    public const string SpeakerSegmentation = "pyannote-segmentation-3.0";

    /// <summary>The speaker embedding model in the box.</summary>
    public const string SpeakerEmbedding = "campplus-zh-en-common-advanced";

    const string FolderName = "models";

    /// <summary>The package that holds each model.</summary>
    static readonly Dictionary<string, string> s_packages = new(StringComparer.Ordinal)
    {
        [WhisperBase] = "Earshot.Models.Base",
        [SileroVad] = "Earshot.Models.Speech",
        [SmartTurn] = "Earshot.Models.Speech",
        [SpeakerSegmentation] = "Earshot.Models.Speakers",
        [SpeakerEmbedding] = "Earshot.Models.Speakers",
    };

    /// <summary>The folders that are looked in, in order.</summary>
    public static IReadOnlyList<string> Folders
    {
        get
        {
            var beside = Path.Combine(AppContext.BaseDirectory, FolderName);
            return Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named ? [named, beside] : [beside];
        }
    }

    /// <summary>The folder of a model in the box, or null where it did not come with this program.</summary>
    public static string? Find(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Folders.Select(folder => Path.GetFullPath(Path.Combine(folder, name))).FirstOrDefault(Directory.Exists);
    }

    /// <summary>The folder of a model in the box.</summary>
    /// <exception cref="CheckpointException">It did not come with this program; the message says which package brings it.</exception>
    public static string Require(string name) => Find(name) ?? throw NotHere(name);

    internal static CheckpointException NotHere(string name) => new(
        $"The model '{name}' is not in {string.Join(" or ", Folders.Select(folder => $"'{folder}'"))}. " +
        (s_packages.TryGetValue(name, out var package) ? $"Add the package {package}, which puts it beside the program" : "Put it there") +
        $", or name the folder that holds it in {FolderVariable}" +
        (name == WhisperBase
            ? "; or open another model by its folder, or by its name on the hub such as openai/whisper-base, which is downloaded."
            : "."));

    /// <summary>The folders of all models in the box, the first of each name.</summary>
    public static IReadOnlyList<string> List() =>
    [
        .. Folders.Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories)
            .DistinctBy(Path.GetFileName).OrderBy(Path.GetFileName, StringComparer.Ordinal).Select(Path.GetFullPath),
    ];
}
